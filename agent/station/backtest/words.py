"""A backtest in words and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from agent.station.backtest.chances import CONFIDENCE, Estimate, McNemar
from agent.station.backtest.revisions import Rules
from agent.station.backtest.values import Backtest, Sides
from agent.store.values import PartQuery
from pipelines.values import Outcome

SCHEMA = "okng.backtest/2"
MOST_DIFFERENCES = 8
"""Of the rules of two revisions that are told in words; the JSON has all."""


def moment(utc_us: int) -> str:
    """2026-11-24 14:05:00 UTC."""
    return f"{datetime.fromtimestamp(utc_us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(query: PartQuery) -> str:
    """From when to when."""
    since = "the beginning" if query.since_utc_us is None else moment(query.since_utc_us)
    until = "now" if query.until_utc_us is None else moment(query.until_utc_us)
    return f"{since} to {until}"


def lines(done: Backtest) -> Iterator[str]:
    """What a person reads first."""
    counts = done.counts
    yield f"{done.candidate.id}: {counts.replayed:,} parts replayed in {done.took_s:.0f} s, {span(done.wishes.query)}"
    if done.interrupted:
        yield "  ended early: the figures are of these parts, which are a fair draw"
    yield f"  judged by {', '.join(done.candidate.recipes) or 'no recipe'}"
    yield from _would(done.sides)
    if done.model_alone is not None:
        yield "  that is the model and the recipe's rules together; the model alone, by the rules of then:"
        yield from _would(done.model_alone)
    for line in ruled(done):
        yield f"  {line}"
    truth = done.truth
    for name, m in (("all", truth.all), ("bad", truth.bad), ("good", truth.good)):
        yield f"  audited parts, {name + ':':5} {compared(m)}"
    yield f"  other reviewed parts: {compared(truth.chosen)}"
    for line in left_out(done):
        yield f"  {line}"


def _would(sides: Sides) -> Iterator[str]:
    yield f"  would reject, of parts that passed:  {estimated(sides.rejected)}"
    yield f"  would pass, of parts found NG:       {estimated(sides.passed)}"
    yield f"  would pass, of parts left UNSURE:    {estimated(sides.passed_unsure)}"


def ruled(done: Backtest) -> Iterator[str]:
    """By which other rules parts were judged then: of each revision of which that is so."""
    parts = sum(n for _, n in done.rules)
    for rules, n in done.rules:
        then = f"{n:,} of {parts:,} parts were judged by recipe {rules.recipe}@{rules.then[:12]}"
        if not rules.known:
            yield f"{then}, which is not kept here or is not for this candidate: what the rules did then is not known."
        elif rules.differs:
            yield f"{then}, with other rules: {_few(rules)}."


def _few(rules: Rules) -> str:
    more = len(rules.differs) - MOST_DIFFERENCES
    return "; ".join(rules.differs[:MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def estimated(e: Estimate) -> str:
    """ "about 37 (12 to 86) of 12,345; 4 of 123 replayed"."""
    if not e.known:
        return "there was none"
    if not e.drawn:
        return f"unknown: none of {e.known:,} has a lossless picture that was drawn"
    return f"about {e.total:,.0f} ({e.low:,.0f} to {e.high:,.0f}) of {e.known:,}; {e.seen:,} of {e.drawn:,} replayed"


def compared(m: McNemar) -> str:
    if not m.parts:
        return "none"
    only = f"{m.parts:,}; only the active model right {m.only_active_right:,}, only the candidate "
    only += f"{m.only_candidate_right:,}; "
    return only + (f"McNemar's exact test: p = {m.p:.4f}" if m.p is not None else f"no p: {m.why}")


def left_out(done: Backtest) -> Iterator[str]:
    """What enters no estimate, and why."""
    c = done.counts
    stored = sum(c.stored.values())
    yield f"{stored:,} parts are stored, {c.replayed:,} with a lossless picture that was drawn were replayed."
    if c.left:
        yield f"{c.left:,} lossless pictures were not replayed (--limit, or it was ended)."
    if c.lossy:
        how = "judged apart" if done.wishes.lossy else "left out; --lossy judges them apart"
        yield f"{c.lossy:,} pictures were kept as JPEG: its losses may change a verdict. They were {how}."
    if c.unknown_share:
        yield f"{c.unknown_share:,} lossless pictures were not drawn, or nobody noted the share: judged apart."
    if c.incomparable:
        yield f"{c.incomparable:,} parts were UNSURE for what no model changes (late, interrupted, ...): they stay so."
    if done.truth.other_rules:
        yield f"{done.truth.other_rules:,} reviewed parts were judged by rules that are not to be had: not compared."
    if c.gone:
        yield f"{c.gone:,} pictures were removed by retention meanwhile."
    if c.unreadable:
        yield f"{c.unreadable:,} pictures cannot be decoded."
    for named in c.tampered:
        yield f"not what was judged, and not used: {named}"
    yield from _lost(done)


def _lost(done: Backtest) -> Iterator[str]:
    """Where the sample's weights do not make up the parts that there are, pictures were lost."""
    e = done.sides.rejected
    if e.drawn >= 30 and not done.counts.left and abs(e.weights - e.known) > 0.3 * e.known:
        yield (
            f"The drawn passes stand for {e.weights:,.0f} parts, there were {e.known:,}: pictures were lost or "
            "removed. The estimate takes those that are left for all."
        )


def method(done: Backtest) -> Iterator[str]:
    """How the figures come about."""
    yield (
        "Each picture was kept with a known probability; a part that was kept with 1 in 50 stands for 50. Estimates "
        "are the weighted share (Horvitz and Thompson's weights) of the parts that were counted."
    )
    rejected, passed = done.sides.rejected.horvitz_thompson, done.sides.passed.horvitz_thompson
    yield (
        f"Limits are exact at {CONFIDENCE:.0%}, with the effective number of parts (Korn and Graubard); the sums of "
        f"weights alone: {rejected:,.0f} rejected, {passed:,.0f} passed."
    )
    yield (
        f"A part's verdict then is the stored one; the candidate judged by {', '.join(done.candidate.recipes)}. What "
        "persons said is held against the candidate by the rules of then, as the model of then was."
    )
    yield (
        "McNemar's test is for parts of the audit alone: they were drawn before anybody had judged them. Parts that "
        "were reviewed for what the machine had said of them favour one of the models whatever both are worth."
    )
    yield f"Per picture {done.infer_p50_ms:.1f} ms, p99 {done.infer_p99_ms:.1f} ms, at the lowest priority."


def as_json(done: Backtest, station: str) -> bytes:
    """Everything but the pictures."""
    query = done.wishes.query
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "station": station,
        "candidate": asdict(done.candidate),
        "since_utc_us": query.since_utc_us,
        "until_utc_us": query.until_utc_us,
        "lane": query.lane,
        "recipe": query.recipe,
        "interrupted": done.interrupted,
        "counts": asdict(done.counts) | {"stored": {str(o): n for o, n in done.counts.stored.items()}},
        "rejected": asdict(done.sides.rejected),
        "passed": asdict(done.sides.passed),
        "passed_unsure": asdict(done.sides.passed_unsure),
        "model_alone": None if done.model_alone is None else asdict(done.model_alone),
        "rules": [asdict(rules) | {"parts": n} for rules, n in done.rules],
        "confidence": CONFIDENCE,
        "table": {f"{was}->{now}": done.table.get((was, now), 0) for was in Outcome for now in Outcome},
        "apart": {f"{was}->{now}": n for (was, now), n in sorted(done.apart.items())},
        "truth": asdict(done.truth),
        "changes": [
            {"id": c.part.id, "was": str(c.was), "would_be": str(c.would_be), "by_rules": c.by_rules}
            for c in done.changes
        ],
        "infer_p50_ms": round(done.infer_p50_ms, 3),
        "infer_p99_ms": round(done.infer_p99_ms, 3),
        "took_s": round(done.took_s, 3),
    }
    return json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n"
