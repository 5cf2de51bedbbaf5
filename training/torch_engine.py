"""The torch engine: a bundle's ONNX graph by PyTorch, on a CUDA card or the CPU; part of the extra `training`.

```toml
[engine]
kind = "torch"
devices = ["CUDA", "CPU"]   # CUDA.1: the second card
precision = "auto"          # f32: and no TF32 in convolutions; f16 and bf16: the whole network in it
hang_s = 10                 # a device that has not answered for so long has failed
```

For machines with a card that already have PyTorch: a station itself needs none. Weights come out of the bundle's
ONNX file, as numbers (`training.onnx_torch`): TorchScript and exported programs hold code, pickles run it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.machine import read_machine
from agent.ports import Session
from agent.station.engines.aside import Aside
from agent.station.engines.engine import Loaded, first_that_loads, fits, onnx_of
from agent.station.models.bundle import Bundle
from pipelines.values import Pixels
from pipelines.yolo import OutputWrong, check_shape
from training.onnx_torch import TorchGraph, bind, input_shape, read

KINDS = {"auto": torch.float32, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


class TorchEngine:
    """Runs a bundle's ONNX graph with PyTorch. See `Engine`."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._cpu = read_machine().cpu
        if config.threads:
            torch.set_num_threads(config.threads)
        if config.precision == "f32":
            torch.backends.cudnn.allow_tf32 = False

    def load(
        self, bundle: Bundle, devices: Sequence[str], size: tuple[int, int], lanes: int = 1, slots: int = 1
    ) -> Loaded:
        """See `Engine.load`. Several requests are run one after the other."""
        del lanes, slots

        def load(device: str) -> Loaded:
            model = self._bind(bundle, device, size)
            model.session(1)
            return Loaded(model, runtime=self._runtime(model.place))

        return first_that_loads(bundle, devices, load)

    def _bind(self, bundle: Bundle, device: str, size: tuple[int, int]) -> "TorchModel":
        place, file, own = _place(device), onnx_of(bundle), bundle.manifest.input
        graph = read(file)
        fits(bundle, file, input_shape(graph), size)
        kind = KINDS[self._config.precision]
        blank = torch.zeros((1, 3, *size), dtype=kind, device=place)
        found: list[tuple[TorchGraph, tuple[int, ...]]] = []

        def make() -> str:
            try:
                with torch.inference_mode():
                    bound = bind(graph, blank)
                    found.append((bound, tuple(bound(blank).shape)))
            except (EngineFailed, RuntimeError) as error:
                return str(error).splitlines()[0][:300]
            return ""

        Aside(device, max(60.0, self._config.hang_s)).run(make)  # a card's libraries are loaded by it, too
        bound, shape = found[0]
        try:
            check_shape(shape, bundle.manifest.head, len(bundle.manifest.labels))
        except OutputWrong as error:
            raise EngineFailed(str(error)) from error
        return TorchModel(bound, device, place, size, shape, own.colour == "rgb", own.scale, kind, self._config.hang_s)

    def _runtime(self, place: Any) -> str:
        """Everything that a result may hang on besides the model: when it changes, the model is proven anew."""
        if place.type == "cpu":
            return f"torch {torch.__version__}, CPU {self._cpu}"
        card, cudnn = torch.cuda.get_device_name(place), torch.backends.cudnn.version()
        return f"torch {torch.__version__}, {card}, CUDA {torch.version.cuda}, cuDNN {cudnn}"


@dataclass(frozen=True, slots=True, eq=False)
class TorchModel:
    """A bound graph. Sessions may be opened from any thread, and run together."""

    graph: TorchGraph
    device: str
    place: Any
    """torch.device"""
    size: tuple[int, int]
    output_shape: tuple[int, ...]
    flip: bool
    """The network wants RGB."""
    scale: float
    kind: Any
    """torch.dtype of the network."""
    hang_s: float

    def session(self, slots: int = 1) -> Session:
        return TorchSession(self, slots)


class TorchSession:
    """A lane's buffers; pictures travel as uint8 and become the network's numbers on the device."""

    def __init__(self, model: TorchModel, slots: int) -> None:
        self._model = model
        height, width = model.size
        pinned = model.place.type == "cuda"
        self._given = tuple(torch.zeros((height, width, 3), dtype=torch.uint8, pin_memory=pinned) for _ in range(slots))
        self._taken = tuple(torch.zeros(model.output_shape, pin_memory=pinned) for _ in range(slots))
        self._inputs = tuple(one.numpy() for one in self._given)
        self._outputs = tuple(one.numpy() for one in self._taken)
        self._count = slots
        self._aside = Aside(model.device, model.hang_s)
        self.run(slots)

    @property
    def inputs(self) -> Sequence[Pixels]:
        return self._inputs

    def run(self, count: int = 1) -> Sequence[NDArray[np.float32]]:
        """See `Session.run`. Raises EngineFailed too when the device has not answered after `hang_s`."""
        self._count = count
        self._aside.run(self._infer)
        return self._outputs[:count]

    def _infer(self) -> str:
        model, count = self._model, self._count
        try:
            with torch.inference_mode():
                for given, taken, output in zip(self._given[:count], self._taken, self._outputs, strict=False):
                    # NaN: a device that says it is done without having written leaves no old answer behind.
                    output[0, 0, 0] = np.nan
                    picture = given.to(model.place).permute(2, 0, 1)[None]
                    picture = (picture.flip(1) if model.flip else picture).to(model.kind).div(model.scale)
                    taken.copy_(model.graph(picture.contiguous()))
        except RuntimeError as error:
            return str(error).splitlines()[0][:300]
        return ""


def _place(device: str) -> Any:
    """torch.device of a device's name. Raises EngineFailed where there is none."""
    kind, _, number = device.partition(".")
    if device == "CPU":
        return torch.device("cpu")
    if kind != "CUDA" or not (number or "0").isdecimal():
        raise EngineFailed("there is no such device, torch's are CUDA and CPU")
    if int(number or 0) >= torch.cuda.device_count():
        cards = torch.cuda.device_count()
        raise EngineFailed(f"there is no such device: torch {torch.__version__} sees {cards} CUDA cards here")
    return torch.device("cuda", int(number or 0))
