"""A backtest's answer out of the parts that were replayed."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.review.choose import PAGE
from agent.station.backtest.chances import Estimate, estimate, mcnemar
from agent.station.backtest.pool import Pool
from agent.station.backtest.values import Backtest, Candidate, Counts, Replayed, Tally, Truth, Wishes
from agent.store.read import Reader
from agent.store.values import Review
from pipelines.values import Outcome


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
        rejected=_estimated(weighed, Outcome.OK, stored, lambda r: r.would_be is not Outcome.OK),
        passed=_estimated(weighed, Outcome.NG, stored, lambda r: r.would_be is Outcome.OK),
        passed_unsure=_estimated(weighed, Outcome.UNSURE, stored, lambda r: r.would_be is Outcome.OK and r.comparable),
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


def _estimated(
    replayed: Sequence[Replayed], was: Outcome, stored: Mapping[Outcome, int], holds: Callable[[Replayed], bool]
) -> Estimate:
    of_it = [r for r in replayed if r.was is was]
    shares = [r.share or 1.0 for r in of_it]
    return estimate([holds(r) for r in of_it], shares, stored[was])


def _truth(reader: Reader, replayed: Sequence[Replayed]) -> Truth:
    """Only what persons said is truth, and only what was judged on the very pixels is compared with it."""
    fair = [r for r in replayed if r.comparable and r.lossless]
    reviews: dict[int, Review] = {}
    for start in range(0, len(fair), PAGE):
        reviews |= reader.reviews([r.id for r in fair[start : start + PAGE]])
    rows = []
    for r in fair:
        if (review := reviews.get(r.id)) is not None:
            good = review.verdict == "ok"
            active, candidate = r.was is Outcome.OK, r.would_be is Outcome.OK
            rows.append((good, active is good, candidate is good, review.stratum == "audit"))
    return Truth(
        all=mcnemar([a for _, a, _, _ in rows], [c for _, _, c, _ in rows]),
        bad=mcnemar([a for good, a, _, _ in rows if not good], [c for good, _, c, _ in rows if not good]),
        good=mcnemar([a for good, a, _, _ in rows if good], [c for good, _, c, _ in rows if good]),
        audits=sum(audit for *_, audit in rows),
    )
