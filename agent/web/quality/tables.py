"""The tables behind the charts as they are downloaded: plain numbers, times of the plant in ISO 8601."""

from collections.abc import Sequence
from typing import Literal, get_args

from agent.quality.control import Stretch
from agent.quality.heat import SCORE_BINS
from agent.quality.pareto import pareto
from agent.quality.shares import wilson
from agent.quality.study import MEASURES, Causes, Study
from agent.web.quality.yields import WAYS, Row, Yields
from agent.web.speech import Speech

Table = Literal[
    "ng", "unsure", "brightness", "sharpness", "defects", "unsure-causes", "hour", "shift", "recipe", "places", "scores"
]
TABLES: tuple[Table, ...] = get_args(Table)
Rows = list[Sequence[object]]


def table_of(name: Table, study: Study, yields: Yields) -> Rows:
    """The table's head and its rows."""
    if name in MEASURES:
        return _control(study.control[name], yields.speech)
    if name in WAYS:
        return _yields(yields.rows(name, study))
    if name == "places":
        return _places(study)
    if name == "scores":
        return _scores(study)
    return _causes(study.defects if name == "defects" else study.unsure)


def _control(stretches: Sequence[Stretch], speech: Speech) -> Rows:
    head = ("from", "to", "revision", "kind", "parts", "hits", "value", "lower", "centre", "upper", "frozen", "signals")
    rows: Rows = [head]
    for stretch in stretches:
        for point in stretch.points:
            at = point.limits
            limits = (at.lower, at.centre, at.upper) if at else (None, None, None)
            when = (speech.local(utc_us).isoformat() for utc_us in (point.start_utc_us, point.end_utc_us))
            said = "growing" if point.growing else " ".join(point.signals)
            values = (point.parts, point.hits, point.value, *limits, stretch.frozen, said)
            rows.append((*when, stretch.name, str(stretch.kind), *values))
    return rows


def _yields(rows: Sequence[Row]) -> Rows:
    head = ("name", "parts", "ok", "ng", "unsure", "first", "first_ok", "yield", "low_95", "high_95", "first_pass")
    made: Rows = [head]
    for _, name, counts in rows:
        between = wilson(counts.ok, counts.parts)
        c = counts
        numbers = (c.parts, c.ok, c.ng, c.unsure, c.first, c.first_ok)
        made.append((name, *numbers, c.passed, between.low, between.high, c.first_passed))
    return made


def _causes(causes: Causes) -> Rows:
    bars = pareto(causes.counts, most=1000)
    return [("cause", "parts", "share", "cumulative"), *((b.name, b.count, b.share, b.cumulative) for b in bars)]


def _places(study: Study) -> Rows:
    made: Rows = [("x1_px", "y1_px", "x2_px", "y2_px", "defects")]
    if (heat := study.heat) is not None:
        wide, tall = heat.width_px / heat.columns, heat.height_px / heat.rows
        for (column, row), n in sorted(heat.cells.items()):
            x, y = column * wide, row * tall
            made.append((round(x, 1), round(y, 1), round(x + wide, 1), round(y + tall, 1), n))
    return made


def _scores(study: Study) -> Rows:
    made: Rows = [("class", "from", "to", "detections", "threshold")]
    for each in study.scores:
        for place, n in enumerate(each.counts):
            if n:
                made.append((each.label, place / SCORE_BINS, (place + 1) / SCORE_BINS, n, each.threshold))
    return made
