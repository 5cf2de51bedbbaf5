"""The engine's port: loads a bundle for a device and an input size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
