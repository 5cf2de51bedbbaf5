"""The verb `review`: what a person said about a part is a fact about parts, and the station writes those."""

from collections.abc import Mapping
from typing import Any

from agent.station.server import Verb
from agent.store.reviews import MOST_BOXES, ReviewRefused
from agent.store.values import Review, ReviewBox
from agent.store.write import Writer

MOST = 2**53
ROW = "[label, x1, y1, x2, y2, kept | nudged | added | removed]"


class ReviewVerbs:
    """Called from the control socket's threads."""

    def __init__(self, store: Writer) -> None:
        self._store = store

    def table(self) -> Mapping[str, Verb]:
        return {"review": self.review}

    def review(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """part, reviewer, verdict; boxes, note, stratum, utc_us, token. Answers the review's id once it is durable."""
        return {"review": self._store.review(review_in(said))}


def review_in(said: Mapping[str, Any]) -> Review:
    """A review out of the verb's arguments. Raises KeyError, ValueError, ReviewRefused."""
    rows = said.get("boxes", ())
    if not isinstance(rows, list | tuple) or len(rows) > MOST_BOXES:
        raise ReviewRefused(f"boxes: a list of at most {MOST_BOXES} rows {ROW} is allowed")
    return Review(
        part=_number(said["part"], "part", 1),
        verdict=_text(said["verdict"], "verdict"),  # type: ignore[arg-type]  # the store knows which there are
        reviewer=_text(said["reviewer"], "reviewer"),
        boxes=tuple(map(_box, rows)),
        note=_text(said.get("note", ""), "note"),
        stratum=_text(said.get("stratum", "queue"), "stratum"),  # type: ignore[arg-type]
        utc_us=_number(said.get("utc_us", 0), "utc_us", 0),
        token=_text(said.get("token", ""), "token"),
    )


def _box(row: object) -> ReviewBox:
    if not isinstance(row, list | tuple) or len(row) not in (5, 6):
        raise ReviewRefused(f"box {str(row)[:60]}: {ROW} is allowed")
    label, x1, y1, x2, y2 = row[:5]
    if any(isinstance(edge, bool) or not isinstance(edge, int | float) for edge in (x1, y1, x2, y2)):
        raise ReviewRefused(f"box {str(row)[:60]}: four numbers after the label are allowed, {ROW}")
    change: Any = row[5] if len(row) == 6 else "added"
    return ReviewBox(_text(label, "label"), float(x1), float(y1), float(x2), float(y2), change)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ReviewRefused(f"{name} {str(value)[:40]}: a text is allowed")
    return value


def _number(value: object, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        raise ReviewRefused(f"{name} {str(value)[:40]}: a whole number from {least} to {MOST} is allowed")
    return value
