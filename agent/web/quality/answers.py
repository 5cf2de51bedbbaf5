"""What REST answers about quality."""

from pydantic import BaseModel, ConfigDict

from agent.quality.control import Stretch
from agent.quality.study import Measure
from agent.quality.yields import Counts


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class CountsAnswer(_Answer):
    """Production parts. UNSURE is not a pass."""

    name: str
    parts: int
    ok: int
    ng: int
    unsure: int
    first: int
    """Judged at attempt 1."""
    first_ok: int
    passed: float | None
    """Yield, 0..1."""
    first_passed: float | None


class QualityAnswer(_Answer):
    lane: str
    since_utc_us: int
    until_utc_us: int
    whole: CountsAnswer
    revisions: tuple[CountsAnswer, ...]


class PointAnswer(_Answer):
    start_utc_us: int
    end_utc_us: int
    parts: int
    hits: int
    value: float
    lower: float | None
    centre: float | None
    upper: float | None
    growing: bool
    signals: tuple[str, ...]


class StretchAnswer(_Answer):
    """Points of one recipe's revision."""

    name: str
    kind: str
    """p, laney, g or individuals."""
    frozen: bool
    """Its baseline is complete; else its limits are trial limits."""
    baseline_parts: int
    spread: float
    points: tuple[PointAnswer, ...]


class ControlAnswer(_Answer):
    measure: Measure
    stretches: tuple[StretchAnswer, ...]


class CauseAnswer(_Answer):
    name: str
    parts: int
    share: float
    cumulative: float


class CausesAnswer(_Answer):
    looked_at: int
    """Parts: the newest ones."""
    all_looked_at: bool
    causes: tuple[CauseAnswer, ...]


class CellAnswer(_Answer):
    column: int
    row: int
    defects: int


class PlacesAnswer(_Answer):
    """A grid over the picture; cells without defects are left out."""

    columns: int
    rows: int
    width_px: int
    height_px: int
    parts: int
    """NG parts that were looked at."""
    defects: int
    """Found on them: the sum of the cells."""
    all_looked_at: bool
    """There are no older parts in the span; else these are the newest 10,000."""
    cells: tuple[CellAnswer, ...]


class ScoresAnswer(_Answer):
    label: str
    threshold: float | None
    bin_width: float
    counts: tuple[int, ...]
    """From score 0 up."""


class SpreadAnswer(_Answer):
    all_looked_at: bool
    classes: tuple[ScoresAnswer, ...]


def counts_answer(name: str, c: Counts) -> CountsAnswer:
    """Counts as REST says them."""
    return CountsAnswer(
        name=name,
        parts=c.parts,
        ok=c.ok,
        ng=c.ng,
        unsure=c.unsure,
        first=c.first,
        first_ok=c.first_ok,
        passed=c.passed,
        first_passed=c.first_passed,
    )


def stretch_answer(found: Stretch) -> StretchAnswer:
    """A control chart's stretch as REST says it."""
    points = tuple(
        PointAnswer(
            start_utc_us=p.start_utc_us,
            end_utc_us=p.end_utc_us,
            parts=p.parts,
            hits=p.hits,
            value=p.value,
            lower=p.limits.lower if p.limits else None,
            centre=p.limits.centre if p.limits else None,
            upper=p.limits.upper if p.limits else None,
            growing=p.growing,
            signals=tuple(map(str, p.signals)),
        )
        for p in found.points
    )
    return StretchAnswer(
        name=found.name,
        kind=str(found.kind),
        frozen=found.frozen,
        baseline_parts=found.baseline_parts,
        spread=found.spread,
        points=points,
    )
