"""The shadow: a candidate judges the same parts at low priority; no answer, and no answer's time, is touched by it.

The lane's inspect thread only lays a part into a slot that holds the newest one. A thread of the shadow's
hands it to the shadow's process, waits for what that says and keeps it. What the shadow is too slow for is
dropped and counted. A process that dies, hangs or takes too much memory is started anew after a pause, a few
times; the lane never notices. What it compared and what was dropped are all parts that the lane judged.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from agent.errors import EngineFailed
from agent.slot import Slot
from agent.station.beside.apart import Apart
from agent.station.beside.compare import compared
from agent.station.beside.keep import Keeper, Opinion
from agent.station.beside.tally import Figures, Tally
from agent.station.beside.wire import Answer, Part, Task
from agent.station.job import Weighed
from agent.worker import Worker
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Quality, Record, Verdict

WAITS_S = 0.5
ERRORS = 20
"""Parts in a row that it could not judge, at which it ends."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a shadow's process is waited for, and how often it is started anew."""

    within_s: float
    """For it to be ready, and for its answer on a part."""
    pause_s: float = 5.0
    """Before it is started anew; twice as long each further time within an hour."""
    starts: int = 5
    """So often within an hour; then the shadow ends."""
    hour_s: float = 3600.0


class _Beside:
    """One part: what was decided, and what the shadow says of it, in whichever order they come.

    The picture is held until the shadow's process has it. For the evidence it is the write thread's, which
    lets go of pictures when the disk is in trouble.
    """

    __slots__ = ("_differs", "_known", "_lock", "_opinion", "frame", "quality", "seen", "verdict")

    def __init__(self, frame: Frame, seen: Inspection, quality: Quality, verdict: Verdict) -> None:
        self.frame: Frame | None = frame
        self.seen, self.quality, self.verdict = seen, quality, verdict
        self._opinion: Opinion | None = None
        self._differs = False
        self._known: tuple[int, Record, Frame | None] | None = None
        self._lock = threading.Lock()

    def durable(self, record_id: int, record: Record, frame: Frame | None) -> tuple[Opinion, Frame | None] | None:
        """Its row is there: the opinion and the picture to keep, if that was there first."""
        with self._lock:
            if self._opinion is None:
                self._known = record_id, record, frame
                return None
            return self._opinion, frame if self._differs else None

    def said(self, opinion: Opinion, differs: bool) -> tuple[int, Record, Frame | None] | None:
        """The shadow has spoken: the record and the picture to keep, if that was there first."""
        with self._lock:
            self._opinion, self._differs = opinion, differs
            if self._known is None:
                return None
            record_id, record, frame = self._known
            return record_id, record, frame if differs else None


class Shadow:
    """A candidate on one lane, in a process of its own. See `agent.station.job.Beside`."""

    def __init__(
        self, task: Task, recipe: Recipe, keeper: Keeper, patience: Patience, judged: Callable[[], int] = lambda: 0
    ) -> None:
        """Starts at once. `recipe`: with the candidate's model pinned. `judged`: parts that its lane has, so far."""
        self.recipe = recipe
        self.task = task
        self.tally = Tally()
        self.ready = threading.Event()
        """Set once it can judge, or its process has failed for the first time, or it has ended."""
        self.trouble = ""
        """Not empty: why it has ended."""
        self.away = ""
        """Not empty: why its process is not there; it is started anew after a pause."""
        self.device = ""
        """Empty while its process cannot judge."""
        self._news: deque[str] = deque()
        self._keeper = keeper
        self._patience = patience
        self._judged = judged
        self._given = 0
        """Parts that it was shown, whatever became of them."""
        self._began, self._ended = -1, -1
        """Parts that its lane had judged when it came, and when it went; -1: not yet."""
        self._errors = 0
        self._falls: deque[float] = deque()
        """When its process was last gone, monotonic, s."""
        self._slot: Slot[_Beside] = Slot(dropped=self._dropped)
        self._apart: Apart | None = None
        self._worker = Worker("shadow", self._turn)
        self._worker.start()

    @property
    def pid(self) -> int:
        """Of its process; 0 while there is none."""
        apart = self._apart
        return apart.pid if apart is not None else 0

    @property
    def crash(self) -> str:
        """What ended its thread, if anything did: the shadow is over then, and nothing else."""
        return self._worker.crash

    def begin(self) -> None:
        """It is on its lane: from now on every part that is judged there is accounted for."""
        if self._began < 0:
            self._began = self._judged()

    def figures(self) -> Figures:
        """As they stand; `dropped` with the parts that went past it."""
        counted, given = self.tally.figures(), self._given
        if self._began < 0:
            return counted
        until = self._ended if self._ended >= 0 else self._judged()
        unseen = max(0, until - self._began - given)
        return replace(counted, dropped=counted.dropped + unseen, dropped_unseen=unseen)

    def news(self) -> str:
        """Why its process had to be started anew, each time once; empty: nothing new."""
        return self._news.popleft() if self._news else ""

    def weigh(self, frame: Frame, seen: Inspection, verdict: Verdict) -> Weighed:
        """Lay the part into the slot; the verdict stays as it is."""
        if self.trouble or seen.quality is None:
            return Weighed(verdict)
        if not self.device:
            self._given += 1
            self.tally.drop("away")
            return Weighed(verdict)
        part = _Beside(frame, seen, seen.quality, verdict)
        if not self._slot.put(part):
            return Weighed(verdict)
        self._given += 1

        def kept(record_id: int, record: Record, picture: Frame | None) -> None:
            if (known := part.durable(record_id, record, picture)) is not None:
                opinion, show = known
                self._keep(record_id, record, show, opinion)

        return Weighed(verdict, kept)

    def end(self, why: str) -> None:
        """No part is given to it any more, and its process ends. From any thread."""
        self.trouble = self.trouble or why
        if self._ended < 0:
            self._ended = self._judged()
        self._slot.close()
        self._worker.stopping.set()
        if (apart := self._apart) is not None:
            apart.kill()
        self.ready.set()

    def join(self, within_s: float) -> None:
        """After `end`: wait for its thread."""
        self._worker.stop(within_s)

    # On its own thread -------------------------------------------------------------------------------

    def _turn(self) -> None:
        goes_on = False
        try:
            self._one()
            goes_on = not self._worker.stopping.is_set()
        finally:
            if not goes_on:
                self._let_go()
                while (left := self._slot.take(0.0)) is not None:
                    self._gone(left)
                self.ready.set()

    def _one(self) -> None:
        try:
            if self._apart is None:
                self._begin()
            elif (part := self._slot.take(WAITS_S)) is not None:
                self._judge(self._apart, part)
        except EngineFailed as error:
            self._fall(str(error))
        except ValidationError as error:
            self._fall(f"its process says what cannot be: {error.errors()[0]['msg']}")

    def _begin(self) -> None:
        apart = self._apart = Apart(self.task, self._worker.stopping)
        said = apart.ready(self._patience.within_s)
        if said.why:  # another start would not mend it
            self.end(said.why)
            return
        self.away, self.device = "", said.device
        self.ready.set()

    def _fall(self, why: str) -> None:
        """Its process is of no use any more: another one, but not for ever."""
        self._let_go()
        if self._worker.stopping.is_set():
            return
        self.away = why
        self.ready.set()
        now, patience = time.monotonic(), self._patience
        while self._falls and now - self._falls[0] > patience.hour_s:
            self._falls.popleft()
        self._falls.append(now)
        if (times := len(self._falls)) > patience.starts:
            self.end(f"{why}; its process has failed {times} times within {patience.hour_s / 60:.0f} min")
            return
        self.tally.count("restarts")
        self._news.append(why)
        self._worker.stopping.wait(patience.pause_s * 2 ** (times - 1))

    def _let_go(self) -> None:
        self.device = ""
        if (apart := self._apart) is not None:
            self._apart = None
            apart.close()

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
        part.frame = None
        answer = None
        try:
            answer = apart.judge(said, frame.pixels, self._patience.within_s)
        finally:
            if answer is None:
                self._gone(part)
        self._heard(part, answer)

    def _heard(self, part: _Beside, answer: Answer) -> None:
        said = compared(part.seen, part.verdict, answer.found, answer.verdict)
        self.tally.judged(said, answer.took_ms)
        opinion = Opinion(answer.verdict, answer.found, answer.took_ms)
        if (known := part.said(opinion, said.differs)) is not None:
            self._keep(*known, opinion)
        self._errors = self._errors + 1 if answer.error else 0
        if answer.error:
            self.tally.count("errors")
        if self._errors >= ERRORS:
            self.end(f"{self._errors} parts in a row could not be judged: {answer.error}"[:500])

    def _keep(self, record_id: int, record: Record, frame: Frame | None, opinion: Opinion) -> None:
        if self._keeper.keep(record_id, record, frame, opinion):
            self.tally.count("pictures")

    def _dropped(self, part: _Beside) -> None:
        """A newer one has taken its place."""
        self.tally.drop("busy")
        part.frame = None

    def _gone(self, part: _Beside) -> None:
        """The process that was to judge it is no more."""
        self.tally.drop("away")
        part.frame = None
