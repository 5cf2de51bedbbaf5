"""The ports: what the station needs from its cameras, engines and store. Docstrings are contracts.

Each port has at most three methods; one contract suite in `tests/contracts/` runs over every driver.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipelines.values import Frame, Pixels, Purpose, Record, Rule, Stamp


class Clock(Protocol):
    """Tells the time. Injected so that weeks can pass in minutes."""

    def now(self) -> Stamp:
        """Both clocks, read together."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """One camera setting, as asked and as read back."""

    name: str
    asked: str
    given: str

    @property
    def taken(self) -> bool:
        return self.asked == self.given


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What an opened camera says of itself."""

    serial: str
    """Stable identity: serial number, or path or address where there is none."""
    width_px: int
    """0 where it is known only from the first picture."""
    height_px: int
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture out of a camera, before the lane numbers it."""

    pixels: Pixels
    """(height, width, 3) BGR; a (0, 0, 3) array where `fault` says that there is no picture."""
    at: Stamp
    """Taken at the grab, before decoding."""
    lost: int = 0
    """Pictures that the driver knows were lost just before this one."""
    source: str = ""
    part_id: str = ""
    fault: Rule | None = None
    note: str = ""
    """Detail of the fault, for the event."""
    purpose: Purpose = Purpose.PRODUCTION
    committed: Callable[[int], None] | None = None
    """Called from the write thread with the record's id once its row is durable (a folder moves its
    file, a pushed picture gets its answer). Must be quick and must not raise."""


class Camera(Protocol):
    """Delivers pictures, one at a time, to one thread (the lane's capture thread).

    All calls come from that thread. `open` and `read` return within their time-out or raise;
    a driver whose library can block longer says so in its docstring (the lane abandons the thread).
    After CameraGone or CameraWrong the lane calls `close`, waits, and calls `open` again, for ever.
    """

    def open(self) -> CameraInfo:
        """Open and set up the camera; settings are written and read back.

        Raises CameraGone (not there, not answering) or CameraWrong (there, but not as asked).
        """
        ...

    def read(self, timeout_s: float) -> Shot | None:
        """The newest (free-running) or next (folder, push) picture; None after `timeout_s`.

        `pixels` belongs to the caller: the driver never writes into it again.
        Raises CameraGone when the camera is lost, EndOfPictures when there will be no more.
        A picture that cannot be decoded is not an error but a Shot with `fault`.
        """
        ...

    def close(self) -> None:
        """Let go of the device. Never raises; may be called twice."""
        ...


@runtime_checkable
class Misbehaves(Protocol):
    """A camera that can be told to go wrong: the virtual line."""

    def misbehave(self, kind: str, for_s: float) -> None:
        """Go wrong from now on for so long; 0 ends it. From any thread. Raises ValueError."""
        ...


class Session(Protocol):
    """One lane's own way into a compiled model: its input buffers and its requests.

    Used by one thread. `inputs` are written in place, then `run` is called.
    """

    @property
    def inputs(self) -> Sequence[Pixels]:
        """One (height, width, 3) uint8 BGR buffer a slot, kept for the session's life."""
        ...

    def run(self, count: int = 1) -> Sequence[NDArray[np.float32]]:
        """Infer the first `count` inputs, in parallel where the device can.

        Returns one output a slot, (1, 4 + classes, anchors) for a raw head or (1, n, 6) for an
        NMS-free one; valid until the next call. Raises EngineFailed.
        """
        ...


class Model(Protocol):
    """A model compiled for one device and one input size."""

    @property
    def device(self) -> str:
        """The device that runs it: CPU, GPU, NPU."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the input, px."""
        ...

    def session(self, slots: int = 1) -> Session:
        """A new session with that many input slots (tiles); already run once when this returns."""
        ...


class OnCommit(Protocol):
    """Called from the write thread once the record's row is durable. Must be quick, must not raise."""

    def __call__(self, record_id: int, record: Record, frame: Frame | None) -> None: ...


class Store(Protocol):
    """Keeps what was judged. The only writer of the database; thread-safe for callers."""

    def open_part(self, record: Record) -> int:
        """Commit an open row for a triggered part; return its id only when it is durable.

        `record` carries what is known at the trigger; its verdict is UNSURE (INTERRUPTED), which is
        what the row says if nobody closes it. Raises StoreFailed.
        """
        ...

    def add(self, record: Record, frame: Frame | None, on_commit: OnCommit | None = None) -> None:
        """Queue a record for the next group commit (closing its open row where it has one).

        Blocks at most while the bounded queue is full; raises StoreFailed when the writer has died.
        """
        ...

    def event(self, name: str, **detail: str | int | float) -> None:
        """Queue an event (alarms and their ends, state changes, refusals) for the next commit."""
        ...
