"""The canary: for a share of the parts a candidate judges as well, and a part passes only if both pass it."""

import hashlib
from dataclasses import dataclass, replace

from agent.clock import ms_between
from agent.ports import Clock
from agent.station.beside.compare import compared, stricter
from agent.station.beside.keep import Keeper, Opinion
from agent.station.beside.tally import Tally
from agent.station.job import Job, Weighed, look_and_judge
from agent.station.models.health import History, failed, sample_of
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.values import Frame, Inspection, Record, Verdict


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
    """Parts that it could not judge, or made late, at which it ends."""


class Canary:
    """A candidate's job beside the active one; belongs to the lane's inspect thread. See `agent.station.job.Beside`.

    What it cannot judge is UNSURE, and so is what is late because of it. After a few of these it ends at
    once: the next part is judged by the active model alone.
    """

    def __init__(self, job: Job, terms: Terms, keeper: Keeper, clock: Clock) -> None:
        self.job = job
        self.terms = terms
        self.tally = Tally()
        self.history = History()
        """Of the candidate alone, by its own verdicts."""
        self.trouble = ""
        """Not empty: why it has ended."""
        self._keeper = keeper
        self._clock = clock

    @property
    def recipe(self) -> Recipe:
        """With the candidate's model pinned."""
        return self.job.recipe

    def end(self, why: str) -> None:
        """No part is given to it any more, from any thread."""
        self.trouble = self.trouble or why

    def weigh(self, frame: Frame, seen: Inspection, verdict: Verdict) -> Weighed:
        """Judge the part too, if it is among the share: the stricter of the two verdicts."""
        if self.trouble or seen.quality is None or not drawn(frame, self.terms.share, self.terms.key):
            return Weighed(verdict)
        begun = self._clock.now()
        judged = look_and_judge(self.job, frame, "", self._clock)
        second, found = judged.verdict, judged.seen
        if not failed(found):
            # How good the picture is was measured: it is no older, and no more of the same, the second time.
            found = replace(found, quality=seen.quality)
            second = judge(found, self.job.recipe, self.job.thresholds)
        ended = self._clock.now()
        took_ms = ms_between(begun, ended)
        found = replace(found, stages=replace(found.stages, total_ms=took_ms))
        said = compared(seen, verdict, found.detections, second)
        self.tally.judged(said, took_ms)
        self.history.add(sample_of(found, second, 0))
        self._look_after(found, ms_between(frame.at, begun), ms_between(frame.at, ended))
        opinion, shown = Opinion(second, found.detections, took_ms), frame if said.differs else None

        def kept(record_id: int, record: Record) -> None:
            if self._keeper.keep(record_id, record, shown, opinion):
                self.tally.count("pictures")

        return Weighed(stricter(verdict, second), kept)

    def _look_after(self, found: Inspection, before_ms: float, after_ms: float) -> None:
        deadline_ms = self.job.recipe.deadline_ms
        if failed(found) and (errors := self.tally.count("errors")) >= self.terms.trouble:
            last = (found.note.strip().splitlines() or ["no reason was given"])[-1]
            self.end(f"{errors} parts could not be judged for an error: {last}"[:500])
        if before_ms <= deadline_ms < after_ms and (late := self.tally.count("late")) >= self.terms.trouble:
            self.end(f"{late} parts were late because of it: {after_ms:.0f} ms, {deadline_ms:.0f} ms are allowed")
