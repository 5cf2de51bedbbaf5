"""A search for parts, as the page's form and REST ask it: checked, in words, never an exception inside."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from urllib.parse import urlencode

from agent.errors import OkngError, Problem
from agent.store.values import PartQuery
from pipelines.values import Outcome, Purpose

MAX_ID = 2**63 - 1
MAX_TEXT = 128
MAX_PAGE = 200
PAGE = 50
FIELDS = (
    "lane", "outcome", "label", "part_id", "purpose", "recipe", "model", "overridden", "since", "until", "before_id",
    "limit",
)  # fmt: skip


class QueryRefused(OkngError):
    """A search with values that are not allowed."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


@dataclass(slots=True)
class Reading:
    """Takes the values of a request one by one and collects what is wrong with them."""

    asked: Mapping[str, str]
    zone: tzinfo
    problems: list[Problem]

    def text(self, name: str) -> str:
        value = self.asked.get(name, "").strip()
        if len(value) > MAX_TEXT:
            self.problems.append(Problem(name, f"{len(value)} characters, at most {MAX_TEXT} are allowed"))
            return ""
        if "\0" in value:
            self.problems.append(Problem(name, "holds a NUL character"))
            return ""
        return value

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value and value not in allowed:
            self.problems.append(Problem(name, f"{value!r}: allowed are {', '.join(allowed)}"))
            return ""
        return value

    def moment(self, name: str) -> int | None:
        """ISO 8601; without a zone it is the plant's time."""
        value = self.text(name)
        if not value:
            return None
        try:
            at = datetime.fromisoformat(value)
            at = at if at.tzinfo else at.replace(tzinfo=self.zone)
            return int(at.astimezone(UTC).timestamp() * 1e6)
        except (ValueError, OverflowError):
            self.problems.append(Problem(name, f"{value!r} is not a time like 2026-01-31T08:00:00 or …Z"))
            return None

    def whole(self, name: str, most: int) -> int | None:
        value = self.text(name)
        if not value:
            return None
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= most):
            self.problems.append(Problem(name, f"{value[:40]!r}: allowed are whole numbers from 1 to {most}"))
            return None
        return int(value)

    def refuse(self) -> None:
        """Raises QueryRefused if anything was wrong."""
        if self.problems:
            raise QueryRefused(tuple(self.problems))


def read_query(asked: Mapping[str, str], zone: tzinfo) -> PartQuery:
    """The search that a request asks for. Raises QueryRefused with everything that is wrong."""
    reading = Reading(asked, zone, [])
    reading.problems += [
        Problem(name[:40], f"unknown; known are {', '.join(FIELDS)}") for name in asked if name not in FIELDS
    ]
    outcome = reading.one_of("outcome", tuple(Outcome))
    query = PartQuery(
        lane=reading.text("lane"),
        outcome=Outcome(outcome) if outcome else None,
        label=reading.text("label"),
        part_id=reading.text("part_id"),
        purpose=reading.one_of("purpose", tuple(Purpose)),
        recipe=reading.text("recipe"),
        model=reading.text("model"),
        overridden=reading.one_of("overridden", ("1",)) == "1",
        told=True,
        since_utc_us=reading.moment("since"),
        until_utc_us=reading.moment("until"),
        before_id=reading.whole("before_id", MAX_ID),
        limit=reading.whole("limit", MAX_PAGE) or PAGE,
    )
    reading.refuse()
    return query


def one_more(query: PartQuery) -> PartQuery:
    """The same search for one part more, which tells whether there is a next page."""
    return replace(query, limit=query.limit + 1)


def address(path: str, asked: Mapping[str, str], before_id: int | None = None, **changed: str) -> str:
    """Address of the same search from another place on, with what `changed` says instead; "" takes a value out."""
    wanted = {**asked, "before_id": "", **changed}
    if before_id is not None:
        wanted["before_id"] = str(before_id)
    kept = {name: wanted[name] for name in (*FIELDS, "range", "view") if wanted.get(name)}
    return f"{path}?{urlencode(kept)}" if kept else path
