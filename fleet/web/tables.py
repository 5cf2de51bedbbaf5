"""Hours and windows as tables to take away: the same columns in CSV and Parquet. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agent.uplink.messages import LATENCY_FIELDS, SCORE_FIELDS
from fleet.store.values import Box, Group, Sums, WindowSums

Kind = Literal["text", "moment", "count", "number"]
"""moment: a datetime in UTC; count: a whole number; number: may be missing."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    kind: Kind


_PLACE = tuple(Column(name, "text") for name in ("site", "line", "station")) + (Column("box", "count"),)
_COUNTS = (
    "windows", "parts", "ok", "ng", "unsure", "first_pass", "first_pass_ok", "missed", "other_purposes",
    "untrusted_clock", "score_count", "quality_parts",
)  # fmt: skip
_SUMS = ("latency_sum_ms", "brightness_sum", "sharpness_sum")
_SUMMED = (
    *(Column(name, "count") for name in _COUNTS),
    *(Column(name, "number") for name in (*_SUMS, "latency_max_ms")),
    *(Column(name, "count") for name in (*LATENCY_FIELDS, *SCORE_FIELDS)),
)
HOURS: tuple[Column, ...] = (
    *_PLACE,
    Column("lane", "text"),
    Column("hour", "moment"),
    *(Column(name, "text") for name in ("models", "recipes")),
    *_SUMMED,
)
WINDOWS: tuple[Column, ...] = (
    *_PLACE,
    Column("lane", "text"),
    Column("seq", "count"),
    *(Column(name, "moment") for name in ("window_start", "window_end")),
    *(Column(name, "text") for name in ("models", "recipes", "found")),
    Column("temperature_c", "number"),
    *_SUMMED,
)
Row = tuple[object, ...]


def hour_rows(groups: Iterable[Group]) -> Iterable[Row]:
    """Rows of HOURS, of sums told apart by box, lane, hour, models and recipes."""
    for group in groups:
        assert group.box is not None
        yield (*_place(group.box), group.lane, _moment(group.hour_ms), group.models, group.recipes, *_sums(group.sums))


def window_rows(windows: Iterable[WindowSums]) -> Iterable[Row]:
    """Rows of WINDOWS. `found` is defect_CLASS=N;missing_CLASS=N;unsure_RULE=N."""
    for one in windows:
        found = ";".join(f"{name}={n}" for name, n in sorted(one.found.items()))
        when = _moment(one.start_ms), _moment(one.end_ms)
        judged = (one.models, one.recipes, found, one.temperature_c)
        yield (*_place(one.box), one.lane, one.seq, *when, *judged, *_sums(one.sums))


def plain(row: Sequence[object]) -> list[object]:
    """A row as CSV has it: times in ISO 8601, nothing for what is missing."""
    return [v.isoformat(timespec="milliseconds") if isinstance(v, datetime) else "" if v is None else v for v in row]


def _place(box: Box) -> Row:
    at = box.address
    return at.site, at.line, at.station, box.number


def _sums(sums: Sums) -> Row:
    thousandths = (getattr(sums, f"{name}_e3") / 1000 for name in _SUMS)
    return (
        *(getattr(sums, name) for name in _COUNTS),
        *thousandths,
        sums.latency_max_ms,
        *sums.latency_le,
        *sums.score_le,
    )


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1e3, UTC)
