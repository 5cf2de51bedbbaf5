"""One part as it stands in an export's manifest, and its label file."""

import hashlib
import math
from dataclasses import astuple
from typing import Literal

from agent.review import layout
from agent.review.choose import Chosen
from agent.review.labels import clipped, yolo
from agent.store.values import Review, StoredPart
from pipelines.values import Detection


def name_of(part: StoredPart) -> str:
    """The part's name within an export: its lane and its id."""
    return f"{part.record.origin.lane}-{part.id:09d}"


def entry_of(
    chosen: Chosen, split: Literal["train", "val", ""], labels: tuple[str, ...]
) -> tuple[layout.Part, str | None]:
    """The part's entry and the text of its label file; None: its boxes are not known, it has none."""
    part, review = chosen.part, chosen.review
    record, evidence = part.record, part.evidence
    assert evidence is not None
    seen, origin = record.inspection, record.origin
    boxes = _boxes(review, seen.width_px, seen.height_px)
    # A person who says NG and draws nothing leaves open where: that is no empty picture.
    known = review is None or review.verdict == "ok" or bool(boxes)
    text = yolo(boxes, labels, seen.width_px, seen.height_px) if known else None
    entry = layout.Part(
        id=part.id,
        name=name_of(part),
        picture=f"{layout.IMAGES}/{name_of(part)}{_suffix(evidence.file)}",
        sha256=evidence.sha256,
        lossless=evidence.lossless,
        width_px=seen.width_px,
        height_px=seen.height_px,
        lane=origin.lane,
        part_id=record.part_id,
        captured_utc_us=record.captured.utc_us,
        purpose=str(record.purpose),
        recipe=origin.recipe,
        recipe_hash=origin.recipe_hash,
        model=origin.model,
        model_hash=origin.model_hash,
        device=origin.device,
        software=origin.software,
        outcome=record.verdict.outcome.value,
        detections=tuple(astuple(d) for d in seen.detections if _is_finite(d)),
        **_drawn(part),
        split=split,
        group=layout.group_of(origin.recipe, record.captured.utc_us),
        truth="machine" if review is None else "person",
        verdict=None if review is None else review.verdict,
        boxes=boxes,
        boxes_known=known,
        empty_known=known and review is not None,
        labels_sha256="" if text is None else sha256_of(text),
        review=None if review is None else _reviewed(review),
    )
    return entry, text


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _boxes(review: Review | None, width_px: int, height_px: int) -> tuple[layout.Box, ...]:
    said = () if review is None else tuple((b.label, b.x1, b.y1, b.x2, b.y2) for b in review.truth)
    return clipped(said, width_px, height_px)


def _reviewed(review: Review) -> layout.Reviewed:
    return layout.Reviewed(
        id=review.id,
        reviewer=review.reviewer,
        utc_us=review.utc_us,
        verdict=review.verdict,
        note=review.note,
        stratum=review.stratum,
        boxes=tuple((b.label, b.x1, b.y1, b.x2, b.y2, b.change) for b in review.boxes),
    )


def _drawn(part: StoredPart) -> dict[str, float | None]:
    return {
        "evidence_share": part.sampling.evidence_share,
        "lossless_share": part.sampling.lossless_share,
        "audit_share": part.sampling.audit_share,
    }


def _suffix(file: str) -> str:
    return file[file.rindex(".") :]


def _is_finite(found: Detection) -> bool:
    return all(map(math.isfinite, (found.score, found.x1, found.y1, found.x2, found.y2)))
