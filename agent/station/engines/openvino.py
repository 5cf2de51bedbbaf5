"""The OpenVINO engine: CPU, GPU or NPU, the only importer of openvino in the station.

```toml
[engine]
kind = "openvino"
devices = ["NPU", "GPU", "CPU"]   # tried in order; empty: the device profile's order
precision = "auto"                # or f32, bf16, f16: the device's inference precision
cache_mb = 512                    # size cap of the compiled-model cache, 0: none
properties.CPU = { SCHEDULING_CORE_TYPE = "PCORE_ONLY" }   # OpenVINO's own, as they stand
hang_s = 10                       # a device that has not answered for so long has failed
```

Colour order, scaling, layout and element type are folded into the compiled graph: a session's input
is the camera's own uint8 BGR. Compiled models are exported into a cache of our own (`cache.py`).

`import openvino` reports every start to a server on the internet, unless its telemetry package cannot be
imported (openvino/tools/ovc/telemetry_utils.py, 2026.4). A station talks to nobody that it was not told to.
"""
# ruff: noqa: E402 - the telemetry must be out of reach before openvino is imported

import io
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import numpy as np
import openvino as ov  # type: ignore[import-untyped]
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor  # type: ignore[import-untyped]

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.ports import Session
from agent.station.engines.cache import CompiledCache
from agent.station.engines.engine import Loaded
from agent.station.models.bundle import Bundle
from pipelines.values import Pixels
from pipelines.yolo import OutputWrong, check_shape

_IDENTITY = ("FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", "OPTIMIZATION_CAPABILITIES", "NPU_DRIVER_VERSION")
"""Device properties that a compiled model depends on; those that a device lacks are left out."""


class OpenVinoEngine:
    """Compiles bundles with OpenVINO. See `Engine`."""

    def __init__(self, config: EngineConfig, cache: Path) -> None:
        self._config = config
        self._cache = CompiledCache(cache, config.cache_mb)
        self._core = ov.Core()
        self._hung: list[OpenVinoSession] = []

    def load(
        self, bundle: Bundle, devices: Sequence[str], size: tuple[int, int], lanes: int = 1, slots: int = 1
    ) -> Loaded:
        """See `Engine.load`."""
        passed_over: list[str] = []
        for device in devices:
            try:
                there = self._core.available_devices
                if not any(name == device or name.startswith(f"{device}.") for name in there):
                    raise EngineFailed(f"there is no such device (there is {', '.join(there)})")
                model, identity, cached = self._compile(
                    bundle, device, size, _hints(self._config, device, lanes, slots)
                )
                # The first inference of the process, and the first look at a tensor, happen here in
                # one thread: two lanes that made them together hung (OpenVINO 2026.4.1).
                model.session(1).run(1)
                return Loaded(model, "; ".join(passed_over), _runtime(device, identity), cached)
            # OpenVINO has no error type of its own: what its C++ throws arrives as RuntimeError.
            except (EngineFailed, RuntimeError) as error:
                passed_over.append(f"{device}: {_short(error)}")
        raise EngineFailed(f"no device could load {bundle.id}: {'; '.join(passed_over) or 'none was asked for'}")

    def _compile(
        self, bundle: Bundle, device: str, size: tuple[int, int], hints: Mapping[str, Any]
    ) -> tuple["OpenVinoModel", dict[str, str], bool]:
        identity = self._identity(device)
        facts = {
            **identity,
            "model": bundle.digest,
            "device": device,
            "size": f"{size[0]}x{size[1]}",
            **{name: str(value) for name, value in hints.items()},
        }
        compiled = self._from_cache(facts, device, hints)
        cached = compiled is not None
        if compiled is None:
            graph = _fold(_read(self._core, bundle, size), bundle)
            compiled = self._core.compile_model(graph, device, dict(hints))
            if "EXPORT_IMPORT" in identity.get("OPTIMIZATION_CAPABILITIES", ""):
                self._cache.put(facts, _exported(compiled))
        shape = tuple(compiled.output(0).shape)
        try:
            check_shape(shape, bundle.manifest.head, len(bundle.manifest.labels))
        except OutputWrong as error:
            raise EngineFailed(str(error)) from error
        return OpenVinoModel(compiled, device, size, shape, self._config.hang_s, self._hung), identity, cached

    def _from_cache(self, facts: Mapping[str, str], device: str, hints: Mapping[str, Any]) -> ov.CompiledModel | None:
        blob = self._cache.get(facts)
        if blob is None:
            return None
        try:
            return self._core.import_model(blob, device, dict(hints))
        except RuntimeError:  # whole, but this driver does not want it: compile anew
            self._cache.drop(facts)
            return None

    def _identity(self, device: str) -> dict[str, str]:
        """What identifies device, driver and OpenVINO, by name."""
        plugin = next(iter(self._core.get_versions(device).values()))
        known = self._core.get_property(device, "SUPPORTED_PROPERTIES")
        properties = {name: str(self._core.get_property(device, name)) for name in _IDENTITY if name in known}
        return {"openvino": ov.get_version(), "plugin": plugin.build_number, **properties}


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoModel:
    """A compiled model. Sessions may be opened from any thread once `OpenVinoEngine.load` has returned it."""

    compiled: ov.CompiledModel
    device: str
    size: tuple[int, int]
    output_shape: tuple[int, ...]
    hang_s: float
    hung: "list[OpenVinoSession]"
    """The engine's sessions that a device still may write into: they are never let go of."""

    def session(self, slots: int = 1) -> Session:
        try:
            return OpenVinoSession(self, slots)
        except RuntimeError as error:
            raise EngineFailed(f"{self.device}: no session can be opened: {_short(error)}") from error


class OpenVinoSession:
    """A lane's requests with their input and output tensors preset over buffers of our own."""

    def __init__(self, model: OpenVinoModel, slots: int) -> None:
        height, width = model.size
        self._device, self._hang_s, self._hung = model.device, model.hang_s, model.hung
        self._buffers = tuple(np.zeros((1, height, width, 3), np.uint8) for _ in range(slots))
        self._inputs = tuple(buffer[0] for buffer in self._buffers)
        self._outputs = tuple(np.zeros(model.output_shape, np.float32) for _ in range(slots))
        self._requests = tuple(model.compiled.create_infer_request() for _ in range(slots))
        for request, given, taken in zip(self._requests, self._buffers, self._outputs, strict=True):
            request.set_input_tensor(ov.Tensor(given, shared_memory=True))
            request.set_output_tensor(ov.Tensor(taken, shared_memory=True))
        self.run(slots)

    @property
    def inputs(self) -> Sequence[Pixels]:
        return self._inputs

    def run(self, count: int = 1) -> Sequence[NDArray[np.float32]]:
        """See `Session.run`. Raises EngineFailed too when a request has not ended after `hang_s`."""
        # NaN: a device that says it is done without having written leaves no old answer behind.
        for output in self._outputs[:count]:
            output[0, 0, 0] = np.nan
        until = time.monotonic() + self._hang_s
        try:
            for request in self._requests[:count]:
                request.start_async()
            for request in self._requests[:count]:
                if not request.wait_for(max(1, round((until - time.monotonic()) * 1000))):
                    # What comes late would be written into buffers that are gone by then ("corrupted chunks").
                    self._hung.append(self)
                    raise EngineFailed(f"{self._device} has not answered for {self._hang_s:g} s")
        except RuntimeError as error:
            raise EngineFailed(f"{self._device}: {_short(error)}") from error
        return self._outputs[:count]


def _read(core: ov.Core, bundle: Bundle, size: tuple[int, int]) -> ov.Model:
    """The bundle's graph with a static input of `size`. Raises EngineFailed when it cannot have that."""
    graph = core.read_model(bundle.graph)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        got = f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
        raise EngineFailed(f"{bundle.manifest.graph} has {got}, wanted one of each")
    shape, wanted = graph.input(0).get_partial_shape(), ov.PartialShape([1, 3, *size])
    if shape == wanted:
        return graph
    if shape.is_static or not bundle.manifest.input.dynamic:
        raise EngineFailed(f"{bundle.manifest.graph} has the fixed input {shape}, asked for {wanted}")
    graph.reshape({graph.input(0): wanted})
    return graph


def _fold(graph: ov.Model, bundle: Bundle) -> ov.Model:
    """Fold uint8 NHWC BGR to what the network was trained on into the graph."""
    expected = bundle.manifest.input
    steps = PrePostProcessor(graph)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    convert = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if expected.colour == "rgb":
        convert = convert.convert_color(ColorFormat.RGB)
    convert.scale(expected.scale)
    steps.output().tensor().set_element_type(ov.Type.f32)
    return steps.build()


def _hints(config: EngineConfig, device: str, lanes: int, slots: int) -> dict[str, Any]:
    """Compile options: latency for a single request at a time, streams for several."""
    requests = lanes * slots
    hints: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY" if requests == 1 else "THROUGHPUT"}
    if config.precision != "auto":
        hints["INFERENCE_PRECISION_HINT"] = config.precision
    if requests > 1:
        hints["PERFORMANCE_HINT_NUM_REQUESTS"] = requests
    if device.startswith("CPU"):
        if requests > 1:
            # More streams than cores only take memory: each has a copy of the graph's buffers.
            hints["NUM_STREAMS"] = config.streams or min(requests, os.cpu_count() or 1)
        if config.threads:
            hints["INFERENCE_NUM_THREADS"] = config.threads
    return {**hints, **config.properties.get(device.partition(".")[0], {})}


def _runtime(device: str, identity: Mapping[str, str]) -> str:
    """Everything that a result may hang on besides the model: when it changes, the model is proven anew."""
    named = f"OpenVINO {identity['openvino']}, {device} {identity.get('FULL_DEVICE_NAME', '')}".strip()
    driver = identity.get("NPU_DRIVER_VERSION", "")
    return f"{named}, driver {driver}" if driver else named


def _exported(compiled: ov.CompiledModel) -> bytes:
    exported = compiled.export_model()
    return exported.getvalue() if isinstance(exported, io.BytesIO) else bytes(exported)


def _short(error: Exception) -> str:
    """The line of OpenVINO's many that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
