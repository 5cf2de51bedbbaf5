"""The engine's port: loads a bundle for a device and an input size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from agent.errors import EngineFailed
from agent.ports import Model
from agent.station.models.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that was compiled and has run once."""

    model: Model
    fallback: str = ""
    """Not empty: why another device than the first one asked for runs it, in words."""
    runtime: str = ""
    """Engine and driver with their versions, for the record and for the compiled-model cache."""
    from_cache: bool = False
    """The compiled model came out of the cache."""
    canned: bool = False
    """Its answers were written down, for trials: there is nothing that golden pictures could prove."""

    @property
    def device(self) -> str:
        return self.model.device


class Engine(Protocol):
    """Compiles models. Used by one thread at a time; the models that it gives are for any thread."""

    def load(
        self, bundle: Bundle, devices: Sequence[str], size: tuple[int, int], lanes: int = 1, slots: int = 1
    ) -> Loaded:
        """Compile the bundle's model for an input of `size` (height, width) px and run it once.

        `devices` are tried in order; one that is missing, or that cannot compile or run the model, is
        passed over and named in `fallback`. `lanes` sessions, each with up to `slots` requests at a
        time, will share the model: one of each is compiled for latency, more of them for throughput.

        Must be called before the lanes start (or from one thread, before any lane uses a model of
        this process for the first time). Raises EngineFailed, naming each device and its reason, when
        no device could do it.
        """
        ...


def first_that_loads(bundle: Bundle, devices: Sequence[str], load: Callable[[str], Loaded]) -> Loaded:
    """What `load` gives for the first device on which it raises no EngineFailed; the others are named in it."""
    passed_over: list[str] = []
    for device in devices:
        try:
            return replace(load(device), fallback="; ".join(passed_over))
        except EngineFailed as error:
            passed_over.append(f"{device}: {error}")
    raise EngineFailed(f"no device could load {bundle.id}: {'; '.join(passed_over) or 'none was asked for'}")


def onnx_of(bundle: Bundle) -> Path:
    """The bundle's ONNX file: its graph if that is one, else its variant "onnx", else any. Raises EngineFailed."""
    manifest = bundle.manifest
    others = sorted(manifest.variants.items(), key=lambda item: (item[0] != "onnx", item[0]))
    for graph in (manifest.graph, *(name for _, name in others)):
        if graph.endswith(".onnx"):
            return bundle.folder / graph
    there = ", ".join(f"{precision} ({name})" for precision, name in others) or "none"
    raise EngineFailed(f"it has no ONNX graph: its graph is {manifest.graph}, its variants are {there}")


def fits(bundle: Bundle, graph: Path, shape: Sequence[int | None], size: tuple[int, int]) -> None:
    """Whether a graph's input may be (1, 3, *size). Raises EngineFailed.

    `shape` is the graph's own; None is a dimension that it leaves open.
    """
    wanted = (1, 3, *size)
    said = tuple("?" if one is None else one for one in shape)
    if len(shape) != 4 or any(one not in (None, want) for one, want in zip(shape, wanted, strict=True)):
        raise EngineFailed(f"{graph.name} has the fixed input {said}, asked for {wanted}")
    own = bundle.manifest.input
    if None in shape[2:] and not own.dynamic and size != (own.height_px, own.width_px):
        raise EngineFailed(f"{bundle.id} has the fixed input {(own.height_px, own.width_px)}, asked for {size}")
