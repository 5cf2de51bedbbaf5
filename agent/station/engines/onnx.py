"""The onnxruntime engine: its execution providers as devices; the only importer of onnxruntime.

```toml
[engine]
kind = "onnxruntime"
devices = ["TENSORRT", "CUDA", "CPU"]   # tried in order; CUDA.1: the second card
precision = "auto"                      # the graph's own; f32: and no TF32; f16: TensorRT and MIGraphX only
threads = 0                             # CPU threads for inference, 0: onnxruntime's own choice
properties.CUDA = { cudnn_conv_algo_search = "HEURISTIC" }              # provider options as they stand
properties.QNN = { backend_path = "libQnnHtp.so" }
properties.CPU = { "session.intra_op.allow_spinning" = "0" }            # CPU: the session's configuration
hang_s = 10                             # a device that has not answered for so long has failed
```

Needs the extra `onnxruntime`, or one of onnxruntime's builds with other providers, and a bundle with an ONNX
graph. A provider that this build lacks, or that cannot be started, is passed over and named.

A session runs on a thread of its own: onnxruntime has no time-out, and its `terminate` is looked at between two
operators only, so a device that hangs inside of one would take the lane with it.

From 1.32 on, its official Linux builds report to a server on the internet and keep an id in the user's home
folder unless ORT_DISABLE_TELEMETRY is set before they start (its Privacy.md). A station talks to nobody that
it was not told to.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.machine import read_machine
from agent.ports import Session
from agent.station.engines.aside import Aside
from agent.station.engines.engine import Loaded, first_that_loads, fits, onnx_of
from agent.station.models.bundle import Bundle
from pipelines.values import Pixels
from pipelines.yolo import OutputWrong, check_shape

PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "CPU": ("CPUExecutionProvider",),
    "CUDA": ("CUDAExecutionProvider",),
    "TENSORRT": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    "ROCM": ("ROCMExecutionProvider",),
    "MIGRAPHX": ("MIGraphXExecutionProvider",),
    "QNN": ("QNNExecutionProvider",),
    "VITISAI": ("VitisAIExecutionProvider",),
}
"""Device -> its execution provider, and the one that takes the operators that it cannot run before the CPU does."""
NUMBERED = frozenset({"CUDA", "TENSORRT", "ROCM", "MIGRAPHX"})
"""Those with a `device_id`."""
_F32 = {"CUDA": {"use_tf32": "0"}}
_F16 = {"TENSORRT": {"trt_fp16_enable": "1"}, "MIGRAPHX": {"migraphx_fp16_enable": "1"}}
_DRIVERS = {"CUDA": "nvidia", "TENSORRT": "nvidia", "ROCM": "amdgpu", "MIGRAPHX": "amdgpu", "VITISAI": "amdxdna"}
"""Device -> the kernel module that drives it."""
_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    RuntimeError,
    ValueError,
)
"""onnxruntime's errors have no common ancestor but Exception."""


class OnnxEngine:
    """Runs a bundle's ONNX graph with onnxruntime. See `Engine`."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._cpu = read_machine().cpu
        ort.disable_telemetry_events()
        ort.set_default_logger_severity(3)

    def load(
        self, bundle: Bundle, devices: Sequence[str], size: tuple[int, int], lanes: int = 1, slots: int = 1
    ) -> Loaded:
        """See `Engine.load`. All requests share onnxruntime's one pool of threads, whatever their number."""
        del lanes, slots

        def load(device: str) -> Loaded:
            model = self._open(bundle, device, size)
            model.session(1)
            return Loaded(model, runtime=self._runtime(device, onnx_of(bundle)))

        return first_that_loads(bundle, devices, load)

    def _open(self, bundle: Bundle, device: str, size: tuple[int, int]) -> "OnnxModel":
        providers = _providers(self._config, device)
        graph = onnx_of(bundle)
        session = _session(graph, providers, _options(self._config))
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            got = f"{len(inputs)} inputs and {len(outputs)} outputs"
            raise EngineFailed(f"{graph.name} has {got}, wanted one of each")
        if (inputs[0].type, outputs[0].type) != ("tensor(float)", "tensor(float)"):
            raise EngineFailed(f"{graph.name} is {inputs[0].type} -> {outputs[0].type}, wanted tensor(float)")
        fits(bundle, graph, [one if isinstance(one, int) else None for one in inputs[0].shape], size)
        if named := {n: v for n, v in zip(inputs[0].shape, (1, 3, *size), strict=True) if isinstance(n, str)}:
            # With every size known beforehand it plans its memory once, and accelerators take the graph at all.
            session = _session(graph, providers, _options(self._config, named))
        if providers[0][0] not in session.get_providers():
            raise EngineFailed(f"{providers[0][0]} could not be started, onnxruntime would run it on the CPU instead")
        shape = _output_shape(session, device, self._config.hang_s, size)
        try:
            check_shape(shape, bundle.manifest.head, len(bundle.manifest.labels))
        except OutputWrong as error:
            raise EngineFailed(str(error)) from error
        own = bundle.manifest.input
        return OnnxModel(session, device, size, shape, own.colour == "rgb", own.scale, self._config.hang_s)

    def _runtime(self, device: str, graph: Path) -> str:
        """Everything that a result may hang on besides the model: when it changes, the model is proven anew."""
        kind = device.partition(".")[0]
        parts = [f"onnxruntime {ort.__version__}", f"{PROVIDERS[kind][0]} {self._cpu if kind == 'CPU' else ''}".strip()]
        return ", ".join([*parts, *_driver(kind), graph.name])


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """An opened graph. Sessions may be opened from any thread, and run together."""

    opened: ort.InferenceSession
    device: str
    size: tuple[int, int]
    output_shape: tuple[int, ...]
    flip: bool
    """The network wants RGB."""
    scale: float
    hang_s: float

    def session(self, slots: int = 1) -> Session:
        return OnnxSession(self, slots)


class OnnxSession:
    """A lane's bindings over buffers of its own: nothing is allocated for a part."""

    def __init__(self, model: OnnxModel, slots: int) -> None:
        height, width = model.size
        self._opened, self._scale = model.opened, np.float32(model.scale)
        self._inputs = tuple(np.zeros((height, width, 3), np.uint8) for _ in range(slots))
        seen = tuple((one[..., ::-1] if model.flip else one).transpose(2, 0, 1) for one in self._inputs)
        self._folded = tuple(np.zeros((1, 3, height, width), np.float32) for _ in range(slots))
        self._pairs = tuple((picture, into[0]) for picture, into in zip(seen, self._folded, strict=True))
        self._outputs = tuple(np.zeros(model.output_shape, np.float32) for _ in range(slots))
        try:
            self._bindings = tuple(map(self._bound, self._folded, self._outputs))
        except _ERRORS as error:
            raise EngineFailed(f"{model.device}: no session can be opened: {_short(error)}") from error
        self._how = ort.RunOptions()
        self._count = slots
        self._aside = Aside(model.device, model.hang_s)
        self.run(slots)

    @property
    def inputs(self) -> Sequence[Pixels]:
        return self._inputs

    def run(self, count: int = 1) -> Sequence[NDArray[np.float32]]:
        """See `Session.run`. Raises EngineFailed too when the device has not answered after `hang_s`."""
        self._count = count
        self._aside.run(self._infer, self._terminate)
        return self._outputs[:count]

    def _infer(self) -> str:
        self._how.terminate = False
        count = self._count
        try:
            for (picture, into), binding, output in zip(
                self._pairs[:count], self._bindings, self._outputs, strict=False
            ):
                np.divide(picture, self._scale, out=into)
                # NaN: a device that says it is done without having written leaves no old answer behind.
                output[0, 0, 0] = np.nan
                self._opened.run_with_iobinding(binding, self._how)
        except _ERRORS as error:
            return _short(error)
        return ""

    def _terminate(self) -> None:
        self._how.terminate = True

    def _bound(self, given: NDArray[np.float32], taken: NDArray[np.float32]) -> ort.IOBinding:
        binding = self._opened.io_binding()
        one, other = self._opened.get_inputs()[0].name, self._opened.get_outputs()[0].name
        binding.bind_input(one, "cpu", 0, np.float32, given.shape, given.ctypes.data)
        binding.bind_output(other, "cpu", 0, np.float32, taken.shape, taken.ctypes.data)
        return binding


def _providers(config: EngineConfig, device: str) -> list[tuple[str, dict[str, str]]]:
    """Execution providers with their options. Raises EngineFailed for a device that is not to be had."""
    kind, _, number = device.partition(".")
    there = ort.get_available_providers()
    if kind not in PROVIDERS or (number and kind not in NUMBERED):
        raise EngineFailed(f"there is no such device, onnxruntime's are {', '.join(PROVIDERS)}")
    if (first := PROVIDERS[kind][0]) not in there:
        raise EngineFailed(f"there is no such device: this onnxruntime is built with {', '.join(there)}, not {first}")
    by_precision = {"auto": {}, "f32": _F32.get(kind, {}), "f16": _F16.get(kind)}.get(config.precision)
    if by_precision is None:
        raise EngineFailed(f"runs no graph in {config.precision}, only in the graph's own precision (auto, f32)")
    options = {**by_precision, **({"device_id": number} if number else {})}
    if kind != "CPU":
        options |= {name: _text(value) for name, value in config.properties.get(kind, {}).items()}
    others = {"device_id": number} if number else {}
    return [(first, options), *((name, others) for name in PROVIDERS[kind][1:] if name in there)]


def _options(config: EngineConfig, named: Mapping[str, int] | None = None) -> ort.SessionOptions:
    """`named`: sizes of the input's dimensions that the graph knows by name only."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Its threads wait for the next operator by spinning: within a part that is quick, after it only heat.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    allowed = len(os.sched_getaffinity(0))
    options.intra_op_num_threads = config.threads or (allowed if allowed < (os.cpu_count() or 1) else 0)
    for name, value in (named or {}).items():
        options.add_free_dimension_override_by_name(name, value)
    for entry, told in config.properties.get("CPU", {}).items():
        if not entry.isupper():  # OpenVINO's, of the device profile
            options.add_session_config_entry(entry, _text(told))
    return options


def _session(
    graph: Path, providers: list[tuple[str, dict[str, str]]], options: ort.SessionOptions
) -> ort.InferenceSession:
    try:
        # Without its own fall-back: it would run on the CPU and only print so.
        return ort.InferenceSession(str(graph), options, providers=providers, enable_fallback=0)
    except _ERRORS as error:
        raise EngineFailed(_short(error)) from error


def _output_shape(session: ort.InferenceSession, device: str, hang_s: float, size: tuple[int, int]) -> tuple[int, ...]:
    """The output's shape; where the graph does not say it, by running it once. Raises EngineFailed."""
    told = session.get_outputs()[0].shape
    if all(isinstance(one, int) for one in told):
        return tuple(told)
    found: list[tuple[int, ...]] = []

    def look() -> str:
        blank = np.zeros((1, 3, *size), np.float32)
        try:
            found.append(session.run(None, {session.get_inputs()[0].name: blank})[0].shape)
        except _ERRORS as error:
            return _short(error)
        return ""

    Aside(device, hang_s).run(look)
    return found[0]


def _driver(kind: str) -> list[str]:
    module = _DRIVERS.get(kind, "")
    try:
        return [f"driver {module} {Path(f'/sys/module/{module}/version').read_text('ascii').strip()[:64]}"]
    except (OSError, ValueError):  # none, or the kernel's own without a version
        return []


def _text(value: bool | int | float | str) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _short(error: BaseException) -> str:
    """The first of onnxruntime's lines: those after it are the place in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
