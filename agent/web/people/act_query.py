"""A search for acts, as the page's form and REST ask it."""

from collections.abc import Mapping
from datetime import tzinfo
from urllib.parse import urlencode

from agent.errors import Problem
from agent.store.people.values import ActQuery
from agent.web.query import MAX_ID, MAX_PAGE, PAGE, QueryRefused, Reading

FIELDS = ("who", "area", "text", "outcome", "since", "until", "before_id", "limit")


def read_act_query(asked: Mapping[str, str], zone: tzinfo) -> ActQuery:
    """The search that a request asks for. Raises QueryRefused with everything that is wrong."""
    reading = Reading(asked, zone, [])
    reading.problems += [
        Problem(name[:40], f"unknown; known are {', '.join(FIELDS)}") for name in asked if name not in FIELDS
    ]
    query = ActQuery(
        who=reading.text("who"),
        area=reading.text("area"),
        text=reading.text("text"),
        outcome=reading.one_of("outcome", ("done", "refused")),
        since_utc_us=reading.moment("since"),
        until_utc_us=reading.moment("until"),
        before_id=reading.whole("before_id", MAX_ID),
        limit=reading.whole("limit", MAX_PAGE) or PAGE,
    )
    if reading.problems:
        raise QueryRefused(tuple(reading.problems))
    return query


def address(path: str, asked: Mapping[str, str], before_id: int | None) -> str:
    """Address of the same search, from another place on."""
    kept = {name: asked[name] for name in FIELDS if asked.get(name) and name != "before_id"}
    if before_id is not None:
        kept["before_id"] = str(before_id)
    return f"{path}?{urlencode(kept)}" if kept else path
