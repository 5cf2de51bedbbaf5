"""What the schema allows and no station can have measured: it must not reach a sum or a database's limits.

The messages' own bounds are those of their types (whole numbers of 64 bits). Two such numbers already
overflow a sum, and PostgreSQL's text takes no NUL, so that one forged message would stop a whole batch.
"""

import math
import re
from collections.abc import Iterator

from agent.uplink.flat import slug
from agent.uplink.messages import EventMessage, FromStation, SummaryMessage
from fleet.store.schema import BUCKETS, COUNTS, MILLI_SUMS

MOST = 1 << 40
"""Largest count of one window: more than a part each microsecond for a week."""
MOST_TOTAL = 1 << 60
MOST_SUM = 1e12
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999."""
MOST_TEXT = 4096
"""Longest text field, characters; the encoder cuts at 1000."""
MOST_FOUND = 500
"""Classes and rules of one window."""
_NAME = re.compile(r"(defect|missing|unsure)_[a-z0-9_]{1,80}")


def out_of_bounds(said: FromStation) -> str:
    """The first field that no station can mean, its value and what is allowed; empty when all are right."""
    return next(_wrong(said), "")


def _wrong(said: FromStation) -> Iterator[str]:
    for name, value in said:
        yield from _wrong_field(name, value)
    if isinstance(said, SummaryMessage):
        yield from _wrong_summary(said)
    elif isinstance(said, EventMessage):
        for name, value in said.detail().items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                yield f"detail_{name} is {value!r:.60}, allowed: a number or a text"


def _wrong_field(name: str, value: object) -> Iterator[str]:
    if "\x00" in name or len(name) > 200:
        yield f"a field is called {name!r:.80}, allowed: at most 200 characters, no NUL"
    if isinstance(value, str):
        if "\x00" in value or len(value) > MOST_TEXT:
            yield f"{name} is {value!r:.60}, allowed: at most {MOST_TEXT} characters, no NUL"
    elif isinstance(value, float):
        if not math.isfinite(value) or abs(value) > MOST_SUM:
            yield f"{name} is {value!r}, allowed: at most {MOST_SUM:g}"
    elif isinstance(value, int):
        time = name in ("ts", "since") or name.startswith(("window_", "first_part", "last_part"))
        most = LATEST_MS if time else MOST_TOTAL
        if abs(value) > most:
            yield f"{name} is {value!r:.40}, allowed: at most {most}"


def _wrong_summary(said: SummaryMessage) -> Iterator[str]:
    extra = said.__pydantic_extra__ or {}
    for name in (*COUNTS, *BUCKETS):
        value = extra[name] if name in extra else getattr(said, name)
        if value > MOST:
            yield f"{name} is {value}, allowed: at most {MOST}"
    for name in MILLI_SUMS:
        if getattr(said, name) < 0:
            yield f"{name} is {getattr(said, name)}, allowed: at least 0"
    if said.window_end < said.window_start:
        yield f"window_end is {said.window_end}, allowed: at least window_start, {said.window_start}"
    found = [name for name in extra if name.startswith(("defect_", "missing_", "unsure_"))]
    if len(found) > MOST_FOUND:
        yield f"{len(found)} classes and rules, allowed: at most {MOST_FOUND}"
    for name in found:
        if not _NAME.fullmatch(name):
            yield f"a field is called {name!r:.100}, allowed: defect_, missing_ or unsure_ and a-z, 0-9, _"
        elif extra[name] > MOST:
            yield f"{name} is {extra[name]}, allowed: at most {MOST}"


def class_names(said: SummaryMessage) -> dict[str, str]:
    """Slug -> the class's own name, where the two differ. What does not belong together is left out."""
    pairs = (entry.partition("=") for entry in said.classes.split(";"))
    return {field: name for field, _, name in pairs if name and len(name) <= 200 and slug(name) == field}
