"""A time cut into whole UTC days and the hours beside them, so that a month is read as days."""

from dataclasses import dataclass

from fleet.store.schema import DAY_HOURS, HOUR_MS
from fleet.store.values import Scope

LONG_HOURS = 7 * DAY_HOURS


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of one table: of the hours, or of the days."""

    scope: Scope
    hours: int
    """1: the table of hours; DAY_HOURS: that of days."""
    first: int | None = None
    """First hour since 1970; None: from the beginning."""
    end: int | None = None
    """The hour after the last one; None: to the end."""

    @property
    def long(self) -> bool:
        return self.first is None or self.end is None or self.end - self.first > LONG_HOURS


def hours_of(scope: Scope) -> Span:
    """All of a scope as hours."""
    first = None if scope.since_ms is None else scope.since_ms // HOUR_MS
    end = None if scope.until_ms is None else -(-scope.until_ms // HOUR_MS)
    return Span(scope, 1, first, end)


def spans_of(scope: Scope) -> tuple[Span, ...]:
    """The same as days, with hours before the first and after the last whole one."""
    whole = hours_of(scope)
    day = None if whole.first is None else -(-whole.first // DAY_HOURS) * DAY_HOURS
    last = None if whole.end is None else whole.end // DAY_HOURS * DAY_HOURS
    if day is not None and last is not None and day >= last:
        return (whole,)
    spans = [Span(scope, DAY_HOURS, day, last)]
    if day != whole.first:
        spans.append(Span(scope, 1, whole.first, day))
    if last != whole.end:
        spans.append(Span(scope, 1, last, whole.end))
    return tuple(spans)
