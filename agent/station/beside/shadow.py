"""The shadow: a candidate judges the same parts at low priority; no answer, and no answer's time, is touched by it.

The lane's inspect thread only lays a part into a slot that holds the newest one. A thread of the shadow's
hands it to the shadow's process, waits for what that says and keeps it. What the shadow is too slow for is
dropped and counted. A shadow that breaks ends itself; the lane never notices.
"""

import threading
import time

from pydantic import ValidationError

from agent.errors import EngineFailed
from agent.ports import Clock
from agent.slot import Slot
from agent.station.beside.apart import Apart
from agent.station.beside.compare import compared
from agent.station.beside.keep import Keeper, Opinion
from agent.station.beside.tally import Tally
from agent.station.beside.wire import Answer, Part, Task
from agent.station.job import Weighed
from agent.worker import Worker
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Quality, Record, Verdict

WAITS_S = 0.5
ERRORS = 20
"""Parts in a row that it could not judge, at which it ends."""


class _Beside:
    """One part: what was decided, and what the shadow says of it, in whichever order they come."""

    __slots__ = ("_known", "_lock", "frame", "opinion", "quality", "seen", "shown", "verdict")

    def __init__(self, frame: Frame, seen: Inspection, quality: Quality, verdict: Verdict) -> None:
        self.frame: Frame | None = frame
        self.seen, self.quality, self.verdict = seen, quality, verdict
        self.opinion: Opinion | None = None
        self._known: tuple[int, Record] | None = None
        self._lock = threading.Lock()

    def durable(self, record_id: int, record: Record) -> Opinion | None:
        """Its row is there; the opinion, if that was there first."""
        with self._lock:
            self._known = record_id, record
            return self.opinion

    def said(self, opinion: Opinion, differs: bool) -> tuple[int, Record] | None:
        """The shadow has spoken; the record, if that was there first."""
        with self._lock:
            self.opinion = opinion
            if not differs:
                self.frame = None
            return self._known


class Shadow:
    """A candidate on one lane, in a process of its own. See `agent.station.job.Beside`."""

    def __init__(self, task: Task, recipe: Recipe, keeper: Keeper, clock: Clock, within_s: float) -> None:
        """Starts at once. `recipe`: with the candidate's model pinned; `within_s`: for it to be ready, and a part."""
        self.recipe = recipe
        self.task = task
        self.tally = Tally()
        self.ready = threading.Event()
        """Set once it can judge, or has ended."""
        self.trouble = ""
        """Not empty: why it has ended."""
        self.device = ""
        self._keeper = keeper
        self._clock = clock
        self._within_s = within_s
        self._errors = 0
        self._slot: Slot[_Beside] = Slot(dropped=lambda _: self._dropped())
        self._apart: Apart | None = None
        self._worker = Worker("shadow", self._turn).start()

    @property
    def pid(self) -> int:
        """Of its process; 0 before there is one."""
        return self._apart.pid if self._apart is not None else 0

    @property
    def crash(self) -> str:
        """What ended its thread, if anything did: the shadow is over then, and nothing else."""
        return self._worker.crash

    def weigh(self, frame: Frame, seen: Inspection, verdict: Verdict) -> Weighed:
        """Lay the part into the slot; the verdict stays as it is."""
        if self.trouble or not self.device or seen.quality is None:
            return Weighed(verdict)
        part = _Beside(frame, seen, seen.quality, verdict)
        if not self._slot.put(part):
            return Weighed(verdict)

        def kept(record_id: int, record: Record) -> None:
            if (opinion := part.durable(record_id, record)) is not None:
                self._keep(record_id, record, part.frame, opinion)

        return Weighed(verdict, kept)

    def end(self, why: str) -> None:
        """No part is given to it any more, and its process ends. From any thread."""
        self.trouble = self.trouble or why
        self._slot.close()
        self._worker.stopping.set()
        if self._apart is not None:
            self._apart.kill()
        self.ready.set()

    def join(self, within_s: float) -> None:
        """After `end`: wait for its thread."""
        self._worker.stop(within_s)

    # On its own thread -------------------------------------------------------------------------------

    def _turn(self) -> None:
        try:
            if self._apart is None:
                self._apart = Apart(self.task)
                self._begin(self._apart)
            elif (part := self._slot.take(WAITS_S)) is not None:
                self._judge(self._apart, part)
        except EngineFailed as error:
            self.end(str(error))
        except ValidationError as error:
            self.end(f"its process says what cannot be: {error.errors()[0]['msg']}")
        finally:
            if self._worker.stopping.is_set() and self._apart is not None:
                self._apart.close()
                self.ready.set()

    def _begin(self, apart: Apart) -> None:
        end = time.monotonic() + self._within_s
        while (said := apart.ready(WAITS_S)) is None:
            if self._worker.stopping.is_set():
                return
            if time.monotonic() > end:
                raise EngineFailed(f"it was not ready after {self._within_s:g} s")
        if said.why:
            raise EngineFailed(said.why)
        self.device = said.device
        self.ready.set()

    def _judge(self, apart: Apart, part: _Beside) -> None:
        frame, quality = part.frame, part.quality
        assert frame is not None
        height, width = frame.pixels.shape[:2]
        said = Part(
            camera=frame.camera,
            sequence=frame.sequence,
            height_px=height,
            width_px=width,
            sharpness=quality.sharpness,
            brightness=quality.brightness,
            saturated=quality.saturated,
            age_ms=quality.age_ms,
            identical=quality.identical,
        )
        apart.give(said, frame.pixels)
        end = time.monotonic() + self._within_s
        while (answer := apart.answer(WAITS_S)) is None:
            if self._worker.stopping.is_set():
                return
            if time.monotonic() > end:
                raise EngineFailed(f"it has not answered for {self._within_s:g} s")
        self._heard(part, answer)

    def _heard(self, part: _Beside, answer: Answer) -> None:
        said = compared(part.seen, part.verdict, answer.found, answer.verdict)
        self.tally.judged(said, answer.took_ms)
        opinion = Opinion(answer.verdict, answer.found, answer.took_ms)
        if (known := part.said(opinion, said.differs)) is not None:
            self._keep(*known, part.frame, opinion)
        self._errors = self._errors + 1 if answer.error else 0
        if answer.error:
            self.tally.count("errors")
        if self._errors >= ERRORS:
            raise EngineFailed(f"{self._errors} parts in a row could not be judged: {answer.error}")

    def _keep(self, record_id: int, record: Record, frame: Frame | None, opinion: Opinion) -> None:
        if self._keeper.keep(record_id, record, frame, opinion):
            self.tally.count("pictures")

    def _dropped(self) -> None:
        self.tally.count("dropped")
