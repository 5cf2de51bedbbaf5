"""A backtest's answer out of the parts that were replayed."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.review.choose import PAGE
from agent.station.backtest.chances import Estimate, McNemar, estimate, mcnemar
from agent.station.backtest.pool import Pool
from agent.station.backtest.values import Backtest, Candidate, Counts, Replayed, Sides, Tally, Truth, Wishes
from agent.store.read import Reader
from agent.store.values import Review
from pipelines.values import Outcome

CHOSEN = "chosen for what the machine had said of them, which favours one of the models: counted, not tested"
WAITING = (
    "{waiting:,} parts drawn for the audit wait for their review, and which of them are reviewed first may hang on "
    "what the machine said: review them, or end with --until before them"
)


def answer(reader: Reader, candidate: Candidate, wishes: Wishes, pool: Pool, tally: Tally) -> Backtest:
    """The answer. Raises StoreFailed."""
    weighed = [r for r in tally.replayed if _is_weighed(r)]
    apart = [r for r in tally.replayed if not _is_weighed(r)]
    stored = reader.outcomes(wishes.query)
    times = sorted(r.infer_ms for r in tally.replayed) or [0.0]
    entries = [entry for kept in tally.changes.values() for entry in sorted(kept, key=lambda e: -e[0])]
    said = reader.reviews([part for _, part, _ in entries])
    return Backtest(
        candidate=candidate,
        wishes=wishes,
        counts=_counts(stored, pool, tally, weighed),
        sides=_sides(weighed, stored, lambda r: r.would_be),
        model_alone=_model_alone(weighed, stored, tally),
        rules=tuple(tally.rules.most_common()),
        table=Counter((r.was, r.would_be) for r in weighed),
        apart=Counter((r.was, r.would_be) for r in apart),
        truth=_truth(reader, tally.replayed),
        changes=tuple(replace(change, review=said.get(part)) for _, part, change in entries),
        infer_p50_ms=statistics.median(times),
        infer_p99_ms=times[min(len(times) - 1, round(0.99 * len(times)))],
        took_s=tally.took_s,
        interrupted=tally.interrupted,
    )


def _is_weighed(replayed: Replayed) -> bool:
    """Whether it stands for others: its very pixels, drawn with a known probability."""
    return replayed.lossless and bool(replayed.share)


def _counts(stored: Mapping[Outcome, int], pool: Pool, tally: Tally, weighed: Sequence[Replayed]) -> Counts:
    return Counts(
        stored=stored,
        replayed=len(weighed),
        left=sum(pick.id not in tally.tried for pick in (*pool.weighed, *pool.unweighed)),
        lossy=len(pool.lossy),
        unknown_share=len(pool.unweighed),
        gone=tally.gone,
        tampered=tuple(tally.tampered),
        unreadable=tally.unreadable,
        incomparable=sum(not r.comparable for r in weighed),
    )


def _sides(weighed: Sequence[Replayed], stored: Mapping[Outcome, int], said: Callable[[Replayed], Outcome]) -> Sides:
    """`said`: the candidate's outcome."""
    return Sides(
        rejected=_estimated(weighed, Outcome.OK, stored, lambda r: said(r) is not Outcome.OK),
        passed=_estimated(weighed, Outcome.NG, stored, lambda r: said(r) is Outcome.OK),
        passed_unsure=_estimated(weighed, Outcome.UNSURE, stored, lambda r: said(r) is Outcome.OK and r.comparable),
    )


def _model_alone(weighed: Sequence[Replayed], stored: Mapping[Outcome, int], tally: Tally) -> Sides | None:
    """Of the parts whose rules of then are to be had."""
    if all(rules.known and not rules.differs for rules in tally.rules):
        return None
    known = [r for r in weighed if r.by_then is not None]
    return _sides(known, stored, lambda r: r.by_then or r.would_be)


def _estimated(
    replayed: Sequence[Replayed], was: Outcome, stored: Mapping[Outcome, int], holds: Callable[[Replayed], bool]
) -> Estimate:
    of_it = [r for r in replayed if r.was is was]
    shares = [r.share or 1.0 for r in of_it]
    return estimate([holds(r) for r in of_it], shares, stored[was])


@dataclass(frozen=True, slots=True)
class _Row:
    """A part of which a person has said what it is."""

    good: bool
    active: bool
    """Whether the model of then is right."""
    candidate: bool


def _truth(reader: Reader, replayed: Sequence[Replayed]) -> Truth:
    """Only what persons said is truth, and only what was judged on the very pixels is compared with it.

    Which parts a person sees hangs on what the active model said of them, but for those of the audit. These are a
    fair draw as long as all of them are reviewed, by whatever way they came before a person.
    """
    fair = [r for r in replayed if r.comparable and r.lossless]
    reviews: dict[int, Review] = {}
    for start in range(0, len(fair), PAGE):
        reviews |= reader.reviews([r.id for r in fair[start : start + PAGE]])
    audit: list[_Row] = []
    chosen: list[_Row] = []
    other_rules = 0
    for r in fair:
        if (review := reviews.get(r.id)) is None:
            continue
        if r.by_then is None:
            other_rules += 1
            continue
        good = review.verdict == "ok"
        row = _Row(good, (r.was is Outcome.OK) is good, (r.by_then is Outcome.OK) is good)
        (audit if r.audit else chosen).append(row)
    waiting = sum(r.audit and r.id not in reviews for r in fair)
    untested = WAITING.format(waiting=waiting) if waiting else ""
    return Truth(
        all=_compared(audit, untested),
        bad=_compared([row for row in audit if not row.good], untested),
        good=_compared([row for row in audit if row.good], untested),
        chosen=_compared(chosen, CHOSEN),
        waiting=waiting,
        other_rules=other_rules,
    )


def _compared(rows: Sequence[_Row], untested: str) -> McNemar:
    return mcnemar([row.active for row in rows], [row.candidate for row in rows], untested)
