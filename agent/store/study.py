"""The quality page's question, and its parts for who asks for one of them: each of one snapshot."""

from collections.abc import Callable

from sqlalchemy import Connection

from agent.quality.bins import Revision, Series
from agent.quality.control import Stretch
from agent.quality.heat import Heat, Scores
from agent.quality.study import (
    MEASURES,
    Asked,
    Causes,
    Measure,
    Study,
    charted,
    gap_stretches,
    level_stretches,
    rare,
    share_stretches,
)
from agent.store.found import Look, defect_causes, heat, last_picture, look, score_histograms, unsure_causes
from agent.store.gaps import gaps
from agent.store.sums import Scope, baseline, bins, fresh, revisions


def _scope(asked: Asked) -> Scope:
    return Scope(asked.lane, asked.recipe, asked.since_utc_us, asked.until_utc_us)


def _ids(conn: Connection, asked: Asked) -> dict[Revision, tuple[int, ...]]:
    return revisions(conn, asked.lane, asked.recipe)


def _look(conn: Connection, asked: Asked) -> Look:
    ids = tuple(number for ids in _ids(conn, asked).values() for number in ids)
    return look(conn, ids, _scope(asked))


def series(asked: Asked) -> Callable[[Connection], tuple[Series, ...]]:
    """Each revision's parts in the span, and its baseline."""

    def question(conn: Connection) -> tuple[Series, ...]:
        since_summary = fresh(conn, asked.lane)
        found = []
        for revision, ids in _ids(conn, asked).items():
            here = bins(conn, ids, _scope(asked), since_summary)
            if here:
                found.append(Series(revision, here, baseline(conn, ids, since_summary)))
        return tuple(found)

    return question


def control(asked: Asked, measure: Measure) -> Callable[[Connection], tuple[Stretch, ...]]:
    """One measure's control chart."""
    return lambda conn: _control(conn, asked, charted(series(asked)(conn)), measure)


def _control(conn: Connection, asked: Asked, some: tuple[Series, ...], measure: Measure) -> tuple[Stretch, ...]:
    width = asked.width_us
    if measure == "brightness" or measure == "sharpness":  # noqa: PLR1714  (so that mypy knows what is left)
        return level_stretches(some, measure, width)
    if not rare(some, measure, width):
        return share_stretches(some, measure, width)
    ids = _ids(conn, asked)
    found = [(each, *gaps(conn, ids[each.revision], _scope(asked), measure, each.bins)) for each in some]
    return gap_stretches(found, measure, width)


def not_ok(asked: Asked) -> Callable[[Connection], tuple[Stretch, ...]]:
    """The p-chart of parts that did not pass at their first attempt, however rare they are."""
    return lambda conn: share_stretches(charted(series(asked)(conn)), "not_ok", asked.width_us)


def causes(asked: Asked, unsure: bool) -> Callable[[Connection], Causes]:
    """What was wrong with the parts that did not pass at their first attempt."""
    asks = unsure_causes if unsure else defect_causes
    return lambda conn: asks(conn, _look(conn, asked))


def places(asked: Asked, label: str = "") -> Callable[[Connection], Heat | None]:
    """Where the defects lie, of one class or of all."""
    return lambda conn: heat(conn, _look(conn, asked), label)


def score_spread(asked: Asked) -> Callable[[Connection], tuple[tuple[Scores, ...], bool]]:
    """How scores are spread by class, and whether all detections were looked at."""
    return lambda conn: score_histograms(conn, _look(conn, asked))


def study(asked: Asked) -> Callable[[Connection], Study]:
    """All of it."""

    def question(conn: Connection) -> Study:
        every = series(asked)(conn)
        some = charted(every)
        at = _look(conn, asked)
        scores, all_scores = score_histograms(conn, at)
        return Study(
            asked=asked,
            series=every,
            control={measure: _control(conn, asked, some, measure) for measure in MEASURES},
            defects=defect_causes(conn, at),
            unsure=unsure_causes(conn, at),
            heat=heat(conn, at),
            scores=scores,
            all_scores=all_scores,
            picture=last_picture(conn, at),
        )

    return question
