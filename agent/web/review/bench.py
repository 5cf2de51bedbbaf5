"""The reviewer's bench: what waits, how a part may be looked at, and the way of a person's word to the station."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from agent.control import MAX_LINE_BYTES, ask
from agent.errors import ControlFailed, OkngError
from agent.review.rules import RuleBook, Rules
from agent.review.said import ANSWER_S, said
from agent.review.stance import Stance, stance
from agent.review.word import Word, review_of
from agent.store import queue
from agent.store.ledger import review_with
from agent.store.queue import Band
from agent.store.reviews import ReviewRefused, check
from agent.store.values import Review, StoredPart
from agent.web.desk import Desk
from agent.web.review.asked import Work
from agent.web.review.claims import Claims
from agent.web.who import Person
from pipelines.values import Outcome, Rule

NOBODY = "station"
"""Who speaks where nobody said who it is."""
MANY = 1_000
"""So many waiting parts are counted, and put in an order other than time's."""
AHEAD = 20
"""So many of the next parts are looked at for one that nobody else sits before."""


class WordRefused(OkngError):
    """A word that was not stored; says why, and what an HTTP answer calls that."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Look:
    """A part before a person."""

    part: StoredPart
    history: tuple[Review, ...]
    """Newest first."""
    stance: Stance
    rules: Rules

    @property
    def blind(self) -> bool:
        return self.stance == "blind"


class Bench:
    """Shared by the pages and REST; any thread may ask."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.claims = Claims()
        self.rules = RuleBook(desk.config.station.data)

    def look(self, number: int, who: Person) -> Look | None:
        """A judged part as this person may look at it; None where there is none. Raises StoreFailed."""
        part = self._desk.results.part(number)
        if part is None or part.state != "judged":
            return None
        history = self._desk.results.review_history(number)
        how = stance(part, history, name_of(who), _now_utc_us())
        rules = self.rules.of(part.record.origin)
        if not rules.labels:  # the model is gone: what it once found is what there is to choose from
            rules = Rules(self._desk.results.ask(queue.labels_seen(part.record.origin.lane)))
        return Look(part, history, how, rules)

    def bands(self) -> tuple[Band, ...]:
        """Which scores make a pass one to be looked at."""
        return self.rules.bands(self._desk.results.ask(queue.judges))

    def waiting(self, work: Work, limit: int, after: StoredPart | None = None) -> tuple[StoredPart, ...]:
        """The next parts of a pile, in its order; `after`: those behind this one. Raises StoreFailed."""
        results = self._desk.results
        if work.pile == "audit":
            return results.ask(queue.audits(work.wanted, limit, after.id if after else 0))
        if work.order == "newest":
            return results.ask(queue.queue(work.wanted, self.bands(), limit, after.id if after else None))
        found = sorted(results.ask(queue.queue(work.wanted, self.bands(), MANY)), key=self._doubt)
        if after is not None:
            found = [part for part in found if self._doubt(part) > self._doubt(after)]
        return tuple(found[:limit])

    def lengths(self, work: Work) -> tuple[int, int]:
        """How many parts wait in the queue and in the audit, each counted up to MANY."""
        in_queue = self._desk.results.ask(queue.queue_length(work.wanted, self.bands(), MANY))
        return in_queue, self._desk.results.ask(queue.audits_length(work.wanted, MANY))

    def next(self, work: Work, taken: frozenset[int], after: StoredPart | None = None) -> int | None:
        """The next part that nobody else sits before."""
        return next((part.id for part in self.waiting(work, AHEAD, after) if part.id not in taken), None)

    def _doubt(self, part: StoredPart) -> tuple[float, int]:
        """How far a part was from the other verdict, the least first; what could not be judged comes before all."""
        verdict = part.record.verdict
        if verdict.outcome is Outcome.UNSURE:
            return -1.0, -part.id
        if verdict.outcome is Outcome.NG:
            return max((_beyond(r.rule, r.measured, r.limit) for r in verdict.reasons), default=1.0), -part.id
        limits = self.rules.of(part.record.origin).limits or {}
        under = [limits[d.label] - d.score for d in part.record.inspection.detections if d.label in limits]
        return min((gap for gap in under if gap > 0), default=1.0), -part.id

    def give(self, look: Look, word: Word, who: Person, token: str) -> Review:
        """Have a word stored; the review as it stands, of before where the token is known. Raises WordRefused."""
        known = self._desk.results.ask(review_with(token)) if token else None
        if known is not None:
            if known.part != look.part.id:
                raise WordRefused(409, f"token {token[:40]!r} was used for part {known.part}")
            return known
        review = review_of(look.part, look.history, look.stance, word, name_of(who), token)
        try:
            check(review)
        except ReviewRefused as error:
            raise WordRefused(422, str(error)) from error
        number = self._tell(review)
        before = look.history[0] if look.history else None
        self._desk.acts.note(
            who, "review.given", f"part {look.part.id}", _state(before) if before else None, _state(review)
        )
        return self._stored(look.part.id, number) or review

    def _tell(self, review: Review) -> int:
        words = said(review)
        if len(json.dumps({"verb": "review", **words})) > MAX_LINE_BYTES:
            raise WordRefused(413, f"boxes: {len(review.boxes)} of them and the note are more than the station takes")
        try:
            return int(ask(self._desk.config.station.runtime, "review", ANSWER_S, **words)["review"])
        except ControlFailed as error:
            # Without a cause the station answered and refused.
            raise WordRefused(409 if error.__cause__ is None else 503, str(error)) from error
        except (KeyError, ValueError) as error:
            raise WordRefused(503, f"the station's answer cannot be read: {error}") from error

    def _stored(self, part: int, number: int) -> Review | None:
        return next((r for r in self._desk.results.review_history(part) if r.id == number), None)


def name_of(who: Person) -> str:
    return who.name or NOBODY


def _beyond(rule: Rule, measured: float | None, limit: float | None) -> float:
    """How far over its limit a defect's score is; what is no score is beyond doubt."""
    if rule is not Rule.DEFECT or measured is None or limit is None:
        return 1.0
    return measured - limit


def _state(review: Review) -> dict[str, object]:
    boxes: Sequence[str] = [f"{b.label} {b.change}" for b in review.boxes][:20]
    return {"verdict": review.verdict, "boxes": list(boxes), "note": review.note, "stratum": review.stratum}


def _now_utc_us() -> int:
    return time.time_ns() // 1000
