"""What a request asks of the events, checked."""

from collections.abc import Mapping
from datetime import tzinfo
from urllib.parse import urlencode

from agent.errors import Problem
from agent.store.happened import EventQuery
from agent.web.query import MAX_ID, MAX_PAGE, PAGE, Reading

FIELDS = ("name", "contains", "since", "until", "before_id", "limit")


def read_events(asked: Mapping[str, str], zone: tzinfo) -> EventQuery:
    """Raises QueryRefused with everything that is wrong."""
    strange = [Problem(name[:40], f"unknown; known are {', '.join(FIELDS)}") for name in asked if name not in FIELDS]
    reading = Reading(asked, zone, strange)
    query = EventQuery(
        name=reading.text("name"),
        contains=reading.text("contains"),
        since_utc_us=reading.moment("since"),
        until_utc_us=reading.moment("until"),
        before_id=reading.whole("before_id", MAX_ID),
        limit=reading.whole("limit", MAX_PAGE) or PAGE,
    )
    reading.refuse()
    return query


def events_address(path: str, asked: Mapping[str, str], before_id: int | None = None) -> str:
    """The same search, from another place on."""
    kept = {name: asked[name] for name in FIELDS if asked.get(name) and name != "before_id"}
    if before_id is not None:
        kept["before_id"] = str(before_id)
    return f"{path}?{urlencode(kept)}" if kept else path
