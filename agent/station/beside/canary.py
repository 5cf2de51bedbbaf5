"""The canary: for a share of the parts a candidate judges as well, and a part passes only if both pass it."""

import hashlib
from collections import deque
from dataclasses import dataclass, replace

from agent.clock import ms_between
from agent.ports import Clock
from agent.station.beside.compare import compared, stricter
from agent.station.beside.keep import Keeper, Opinion
from agent.station.beside.tally import Figures, Tally
from agent.station.job import Job, Kept, Weighed, look_and_judge
from agent.station.models.figures import KEEPS, History, Sample, failed, sample_of
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.values import Detection, Frame, Inspection, Record, Verdict


def drawn(frame: Frame, share: float, key: bytes) -> bool:
    """Whether this part is among the share. By a keyed hash of what its record names it by, before it is judged.

    Nothing of the picture has a say in it, nobody without the key can tell beforehand, and whoever has the
    key and the records can check it.
    """
    named = f"{frame.camera}/{frame.sequence}/{frame.at.boot}/{frame.at.utc_us}".encode()
    digest = hashlib.blake2b(named, digest_size=8, key=key, person=b"okng canary").digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53 < share


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a canary on one lane."""

    share: float
    """Of the parts, 0..1."""
    key: bytes
    """Of the draw."""
    trouble: int
    """Parts that it could not judge, or made late among its last `KEEPS`, at which it ends."""


class Canary:
    """A candidate's job beside the active one; belongs to the lane's inspect thread. See `agent.station.job.Beside`.

    What it cannot judge is UNSURE, and so is what is late because of it, which the lane sees to: a verdict past the
    deadline is given to nobody. After a few of these it ends at once: the next part is judged by the active
    model alone.
    """

    def __init__(self, job: Job, terms: Terms, keeper: Keeper, clock: Clock) -> None:
        self.job = job
        self.terms = terms
        self.tally = Tally()
        self.history = History()
        """Of the candidate alone, by its own verdicts; `missed` is what the lane lost while it judged."""
        self.trouble = ""
        """Not empty: why it has ended."""
        self.looked = 0
        """Parts that it had judged when it was last compared with the active model."""
        self._keeper = keeper
        self._clock = clock
        self._late: deque[bool] = deque(maxlen=KEEPS)
        self._last_sequence = 0
        self._sample: Sample | None = None
        """Of its last part, until it is known what was missed meanwhile."""

    @property
    def recipe(self) -> Recipe:
        """With the candidate's model pinned."""
        return self.job.recipe

    def figures(self) -> Figures:
        """As they stand."""
        return self.tally.figures()

    def end(self, why: str) -> None:
        """No part is given to it any more, from any thread."""
        self.trouble = self.trouble or why

    def weigh(self, frame: Frame, seen: Inspection, verdict: Verdict) -> Weighed:
        """Judge the part too, if it is among the share: the stricter of the two verdicts."""
        self._count_missed(frame.sequence)
        if self.trouble or seen.quality is None or not drawn(frame, self.terms.share, self.terms.key):
            return Weighed(verdict)
        begun = self._clock.now()
        if ms_between(frame.at, begun) > self.job.recipe.deadline_ms:
            # It does not pass anyway; the parts behind it would only become later still.
            self.tally.count("dropped")
            return Weighed(verdict)
        judged = look_and_judge(self.job, frame, "", self._clock)
        second, found = judged.verdict, judged.seen
        if not failed(found):
            # How good the picture is was measured: it is no older, and no more of the same, the second time.
            found = replace(found, quality=seen.quality)
            second = judge(found, self.job.recipe, self.job.thresholds)
        ended = self._clock.now()
        took_ms = ms_between(begun, ended)
        found = replace(found, stages=replace(found.stages, total_ms=took_ms))
        self._sample = sample_of(found, second, 0)
        self._look_after(found, ms_between(frame.at, ended))
        return Weighed(stricter(verdict, second), self._noted(seen, verdict, found.detections, second, took_ms))

    def _noted(
        self, seen: Inspection, verdict: Verdict, found: tuple[Detection, ...], second: Verdict, took_ms: float
    ) -> Kept:
        said = compared(seen, verdict, found, second)
        self.tally.judged(said, took_ms)
        opinion = Opinion(second, found, took_ms)

        def kept(record_id: int, record: Record, picture: Frame | None) -> None:
            if self._keeper.keep(record_id, record, picture if said.differs else None, opinion):
                self.tally.count("pictures")

        return kept

    def _count_missed(self, sequence: int) -> None:
        """What the lane has lost since the last part, if this judged that one: it may have taken the time for it."""
        missed, self._last_sequence = sequence - self._last_sequence - 1, sequence
        if self._sample is not None:
            self.history.add(replace(self._sample, missed=max(0, missed)))
            self._sample = None

    def _look_after(self, found: Inspection, after_ms: float) -> None:
        deadline_ms = self.job.recipe.deadline_ms
        if failed(found) and (errors := self.tally.count("errors")) >= self.terms.trouble:
            last = (found.note.strip().splitlines() or ["no reason was given"])[-1]
            self.end(f"{errors} parts could not be judged for an error: {last}"[:500])
        self._late.append(after_ms > deadline_ms)
        if not self._late[-1]:
            return
        self.tally.count("late")
        if (late := sum(self._late)) >= self.terms.trouble:
            of = f"{late} of the last {len(self._late)} parts"
            self.end(f"{of} were late because of it: {after_ms:.0f} ms, {deadline_ms:.0f} ms are allowed")
