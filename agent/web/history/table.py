"""A search as a CSV file: one line a part, streamed page by page, so that it never lies in memory whole."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from agent.store.blind import blind
from agent.store.read import Reader
from agent.store.values import PartQuery, Review, StoredPart
from agent.web.spreadsheet import written

MOST = 100_000
"""Lines of one file, the newest parts: what a spreadsheet still opens at once."""
PAGE = 500


def _local(utc_us: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(zone).isoformat(timespec="milliseconds")


def _rounded(value: float | None, digits: int = 3) -> object:
    return "" if value is None or not math.isfinite(value) else round(value, digits)


def _quality(part: StoredPart, name: str) -> object:
    quality = part.record.inspection.quality
    return "" if quality is None else _rounded(getattr(quality, name))


def _reasons(part: StoredPart) -> str:
    said = []
    for reason in part.record.verdict.reasons:
        figures = "" if reason.measured is None else f" {_rounded(reason.measured)} ({_rounded(reason.limit)})"
        said.append(f"{reason.label or reason.rule}{figures}")
    return "; ".join(said)


COLUMNS = (
    "id", "part_id", "captured", "captured_utc_us", "lane", "purpose", "attempt", "outcome", "person", "reviewer",
    "defects", "reasons", "total_ms", "infer_ms", "brightness", "sharpness", "missed_before", "recipe",
    "recipe_hash", "model", "model_hash", "device", "camera_serial", "software", "picture_sha256",
)  # fmt: skip
"""The head of the file: names that a program may rely on."""


UNTOLD = frozenset(
    ("outcome", "person", "reviewer", "defects", "reasons", "total_ms", "infer_ms", "brightness", "sharpness")
)
"""Empty while a part waits for its blind review."""


def _line(part: StoredPart, said: Review | None, zone: tzinfo) -> dict[str, object]:
    record, origin, seen = part.record, part.record.origin, part.record.inspection
    return {
        "id": part.id,
        "part_id": record.part_id,
        "captured": _local(record.captured.utc_us, zone),
        "captured_utc_us": record.captured.utc_us,
        "lane": origin.lane,
        "purpose": record.purpose,
        "attempt": record.attempt,
        "outcome": record.verdict.outcome,
        "person": said.verdict.upper() if said else "",
        "reviewer": said.reviewer if said else "",
        "defects": " ".join(sorted({x.label for x in record.verdict.reasons if x.label})),
        "reasons": _reasons(part),
        "total_ms": _rounded(seen.stages.total_ms),
        "infer_ms": _rounded(seen.stages.infer_ms),
        "brightness": _quality(part, "brightness"),
        "sharpness": _quality(part, "sharpness"),
        "missed_before": record.missed,
        "recipe": origin.recipe,
        "recipe_hash": origin.recipe_hash,
        "model": origin.model,
        "model_hash": origin.model_hash,
        "device": origin.device,
        "camera_serial": origin.camera_serial,
        "software": origin.software,
        "picture_sha256": part.evidence.sha256 if part.evidence else "",
    }


def lines(results: Reader, query: PartQuery, zone: tzinfo, most: int = MOST) -> Iterator[str]:
    """The file in pieces: the first page with the head, then page by page. Raises StoreFailed."""
    left, before = most, query.before_id
    head: Sequence[str] = COLUMNS
    while True:
        page = results.parts(replace(query, before_id=before, limit=min(PAGE, left)))
        said = results.reviews([part.id for part in page]) if page else {}
        hidden = results.ask(blind([part.id for part in page])) if page else ()
        rows: list[Sequence[object]] = []
        for part in page:
            line, untold = _line(part, said.get(part.id), zone), UNTOLD if part.id in hidden else ()
            rows.append(["" if name in untold else line[name] for name in COLUMNS])
        yield written([head, *rows] if head else rows)
        left -= len(page)
        if len(page) < PAGE or not left:
            return
        head, before = (), page[-1].id
