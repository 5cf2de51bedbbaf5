"""What persons and second models say about parts: within the caller's transaction, and as values out of it."""

import json
import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, get_args

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects.sqlite import insert

from agent.errors import OkngError
from agent.store.rows import Row, clean, dumps, reason_of, reason_row
from agent.store.schema import DRAWN, inspections, reviews, second_opinions
from agent.store.values import Change, PersonVerdict, Review, ReviewBox, Role, SecondOpinion, Stratum
from pipelines.values import Detection, Outcome, Verdict

MOST_BOXES = 3_000
MOST_LABEL = 64
MOST_NAME = 100
MOST_NOTE = 2_000
MOST_TOKEN = 200
CHUNK = 500
UNREVIEWED = DRAWN & ~select(reviews.c.id).where(reviews.c.inspection_id == inspections.c.id).exists()
"""Parts that were drawn for the audit and that nobody has reviewed."""


class ReviewRefused(OkngError):
    """A review that cannot be stored; says why."""


def check(review: Review) -> None:
    """Raise ReviewRefused for what cannot be a review, whatever part it is of."""
    for name, value, allowed in (
        ("verdict", review.verdict, get_args(PersonVerdict)),
        ("stratum", review.stratum, get_args(Stratum)),
        *(("change", box.change, get_args(Change)) for box in review.boxes),
    ):
        if value not in allowed:
            raise ReviewRefused(f"{name} {str(value)[:40]!r}: allowed are {', '.join(allowed)}")
    for name, text, most in (("reviewer", review.reviewer, MOST_NAME), ("note", review.note, MOST_NOTE)):
        if len(text) > most:
            raise ReviewRefused(f"{name}: {len(text)} characters; at most {most} are allowed")
    if not review.reviewer.strip():
        raise ReviewRefused("reviewer: empty; who says it is to be named")
    if len(review.token) > MOST_TOKEN:
        raise ReviewRefused(f"token: {len(review.token)} characters; at most {MOST_TOKEN} are allowed")
    if len(review.boxes) > MOST_BOXES:
        raise ReviewRefused(f"boxes: {len(review.boxes)}; at most {MOST_BOXES} are allowed")
    for box in review.boxes:
        _check_box(box)


def _check_box(box: ReviewBox) -> None:
    if not 0 < len(box.label) <= MOST_LABEL or not box.label.isprintable():
        raise ReviewRefused(f"label {box.label[:40]!r}: 1 to {MOST_LABEL} printable characters are allowed")
    edges = box.x1, box.y1, box.x2, box.y2
    if not all(map(math.isfinite, edges)) or box.x1 >= box.x2 or box.y1 >= box.y2:
        raise ReviewRefused(f"box {box.label} {edges}: finite numbers with x1 < x2 and y1 < y2 are allowed")


def add_review(conn: Connection, review: Review, utc_us: int) -> int | str:
    """Store a review that `check` let through: its id (that of before, for a token that is there), or why not."""
    if review.token and (known := conn.scalar(select(reviews.c.id).where(reviews.c.token == review.token))) is not None:
        return int(known)
    columns = inspections.c.state, inspections.c.audit_share, inspections.c.width_px, inspections.c.height_px
    part = conn.execute(select(*columns).where(inspections.c.id == review.part)).one_or_none()
    if part is None:
        return f"there is no part {review.part}"
    if part.state != "judged":
        return f"part {review.part} is not judged yet"
    if review.stratum == "audit" and part.audit_share is None:
        return f"part {review.part} was not drawn for the audit: its review is for the queue"
    for box in review.truth:
        if min(box.x1, box.y1) < -1 or box.x2 > part.width_px + 1 or box.y2 > part.height_px + 1:
            where = f"{box.x1:.0f}, {box.y1:.0f}, {box.x2:.0f}, {box.y2:.0f}"
            return f"box {box.label} ({where}): outside of the picture of {part.width_px} x {part.height_px} px"
    key = conn.execute(insert(reviews), _review_row(review, utc_us)).inserted_primary_key
    assert key is not None
    return int(key[0])


def _review_row(review: Review, utc_us: int) -> dict[str, Any]:
    return {
        "inspection_id": review.part,
        "utc_us": review.utc_us or utc_us,
        "reviewer": clean(review.reviewer.strip()),
        "verdict": review.verdict,
        "boxes": dumps([astuple(box) for box in review.boxes]),
        "note": clean(review.note),
        "stratum": review.stratum,
        "token": review.token or None,
    }


def review_of(row: Row) -> Review:
    """A review from its row."""
    return Review(
        part=row["inspection_id"],
        verdict=row["verdict"],
        reviewer=row["reviewer"],
        boxes=tuple(ReviewBox(*box) for box in json.loads(row["boxes"])),
        note=row["note"],
        stratum=row["stratum"],
        utc_us=row["utc_us"],
        token=row["token"] or "",
        id=row["id"],
    )


def newest_reviews(conn: Connection, parts: Sequence[int]) -> dict[int, Review]:
    """The review that counts of each of these parts that has any."""
    found: dict[int, Review] = {}
    for start in range(0, len(parts), CHUNK):
        some = reviews.c.inspection_id.in_(parts[start : start + CHUNK])
        newest = select(func.max(reviews.c.id)).where(some).group_by(reviews.c.inspection_id)
        for row in conn.execute(select(reviews).where(reviews.c.id.in_(newest))).mappings():
            found[row["inspection_id"]] = review_of(row)
    return found


def add_opinion(conn: Connection, opinion: SecondOpinion) -> None:
    """Store what a second model saw, once a part, model and role. Raises ValueError for a role that there is not."""
    if opinion.role not in get_args(Role):
        raise ValueError(f"role {opinion.role!r}: allowed are {', '.join(get_args(Role))}")
    row = {
        "inspection_id": opinion.part,
        "utc_us": opinion.utc_us,
        "model": opinion.model,
        "model_hash": opinion.model_hash,
        "role": opinion.role,
        "outcome": str(opinion.verdict.outcome),
        "reasons": dumps([reason_row(r) for r in opinion.verdict.reasons]),
        "detections": dumps([astuple(d) for d in opinion.detections]),
        "infer_ms": opinion.infer_ms,
    }
    conn.execute(insert(second_opinions).on_conflict_do_nothing(), row)


def opinion_of(row: Row) -> SecondOpinion:
    """A second opinion from its row."""
    return SecondOpinion(
        part=row["inspection_id"],
        model=row["model"],
        model_hash=row["model_hash"],
        role=row["role"],
        verdict=Verdict(Outcome(row["outcome"]), tuple(map(reason_of, json.loads(row["reasons"])))),
        detections=tuple(Detection(*d) for d in json.loads(row["detections"])),
        infer_ms=row["infer_ms"],
        utc_us=row["utc_us"],
        id=row["id"],
    )


def beside_bytes_query() -> Select[Any]:
    """Bytes of the pictures that are kept because a second model disagreed: no draw has kept them."""
    part = inspections.c
    said = select(second_opinions.c.id).where(second_opinions.c.inspection_id == part.id).exists()
    kept = part.evidence_file.is_not(None), part.evidence_share.is_(None)
    return select(func.coalesce(func.sum(part.evidence_bytes), 0)).where(*kept, said)
