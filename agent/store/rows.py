"""Values to rows and rows to values: the one border between the two."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from agent.store.schema import detections, inspections, origins, runs
from agent.store.values import Evidence, Sampling, StoredEvent, StoredPart, Totals
from pipelines.summary import Summary, Window
from pipelines.values import (
    Detection,
    Inspection,
    Origin,
    Outcome,
    Purpose,
    Quality,
    Reason,
    Record,
    Rule,
    Stages,
    Stamp,
    Verdict,
)

Row = RowMapping

STAGES = tuple(f.name for f in fields(Stages))
QUALITY = tuple(f.name for f in fields(Quality))
ORIGIN = tuple(f.name for f in fields(Origin))
TOTALS = tuple(f.name for f in fields(Totals))

PARTS = (
    select(inspections, *(c.label(f"origin_{c.name}") for c in origins.c if c.name != "id"), runs.c.run, runs.c.boot)
    .join(origins, origins.c.id == inspections.c.origin_id)
    .join(runs, runs.c.id == inspections.c.run_id)
)
"""The select that `stored_part` understands; conditions and order are added to it."""


def dumps(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def clean(text: str) -> str:
    """Text as UTF-8 can hold it: a file's name may carry bytes that are none."""
    return text.encode("utf-8", "backslashreplace").decode()


def inspection_row(record: Record, origin_id: int, run_id: int, state: str) -> dict[str, Any]:
    """A record's row of `inspections`, without its id."""
    seen, quality = record.inspection, record.inspection.quality
    return {
        "state": state,
        "lane": record.origin.lane,
        "origin_id": origin_id,
        "run_id": run_id,
        "sequence": record.sequence,
        "missed": record.missed,
        "purpose": str(record.purpose),
        "attempt": record.attempt,
        "part_id": clean(record.part_id),
        "source": clean(record.source),
        "captured_utc_us": record.captured.utc_us,
        "captured_mono_ns": record.captured.mono_ns,
        "decided_utc_us": record.decided_utc_us,
        "clock_trusted": record.clock_trusted,
        "outcome": str(record.verdict.outcome),
        "reasons": dumps([reason_row(r) for r in record.verdict.reasons]),
        "fault": None if seen.fault is None else str(seen.fault),
        "note": clean(seen.note),
        "width_px": seen.width_px,
        "height_px": seen.height_px,
        **{name: getattr(seen.stages, name) for name in STAGES},
        **{name: None if quality is None else getattr(quality, name) for name in QUALITY},
    }


def reason_row(reason: Reason) -> list[Any]:
    """A reason as the JSON array that it is kept as."""
    return [str(reason.rule), reason.measured, reason.limit, reason.label, reason.region, reason.detection]


def detection_rows(record_id: int, record: Record) -> list[dict[str, Any]]:
    """A record's rows of `detections`."""
    return [
        {"inspection_id": record_id, "n": n, "label": d.label, "score": d.score}
        | {"x1": d.x1, "y1": d.y1, "x2": d.x2, "y2": d.y2}
        for n, d in enumerate(record.inspection.detections)
    ]


def defect_rows(record_id: int, record: Record) -> list[dict[str, Any]]:
    """A record's rows of `defects`: each class among its reasons once."""
    labels = sorted({r.label for r in record.verdict.reasons if r.label})
    return [{"label": label, "inspection_id": record_id, "lane": record.origin.lane} for label in labels]


def stored_parts(conn: Connection, rows: Sequence[Row]) -> tuple[StoredPart, ...]:
    """Parts from rows of `PARTS`, in their order, with their detections."""
    found = _detections_of(conn, [row["id"] for row in rows])
    return tuple(_stored_part(row, found.get(row["id"], ())) for row in rows)


def _detections_of(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[Detection, ...]]:
    found: dict[int, list[Detection]] = {}
    for start in range(0, len(ids), 500):
        some = detections.c.inspection_id.in_(ids[start : start + 500])
        for row in conn.execute(select(detections).where(some).order_by(detections.c.inspection_id, detections.c.n)):
            found.setdefault(row[0], []).append(Detection(*row[2:]))
    return {record_id: tuple(each) for record_id, each in found.items()}


def _stored_part(row: Row, found: tuple[Detection, ...]) -> StoredPart:
    return StoredPart(
        id=row["id"],
        record=_record(row, found),
        state=row["state"],
        evidence=evidence_of(row),
        sampling=Sampling(row["evidence_share"], row["lossless_share"], row["audit_share"]),
    )


def evidence_of(row: Row) -> Evidence | None:
    """The picture that a row of `inspections` names."""
    if row["evidence_file"] is None:
        return None
    return Evidence(row["evidence_file"], row["evidence_sha256"], row["evidence_bytes"])


def _record(row: Row, found: tuple[Detection, ...]) -> Record:
    return Record(
        origin=Origin(*(row[f"origin_{name}"] for name in ORIGIN)),
        run=row["run"],
        sequence=row["sequence"],
        missed=row["missed"],
        captured=Stamp(row["captured_utc_us"], row["captured_mono_ns"], row["boot"]),
        decided_utc_us=row["decided_utc_us"],
        inspection=Inspection(
            detections=found,
            quality=_quality(row),
            width_px=row["width_px"],
            height_px=row["height_px"],
            stages=Stages(*(row[name] for name in STAGES)),
            fault=None if row["fault"] is None else Rule(row["fault"]),
            note=row["note"],
        ),
        verdict=Verdict(Outcome(row["outcome"]), tuple(reason_of(r) for r in json.loads(row["reasons"]))),
        purpose=Purpose(row["purpose"]),
        attempt=row["attempt"],
        part_id=row["part_id"],
        source=row["source"],
        clock_trusted=bool(row["clock_trusted"]),
    )


def _quality(row: Row) -> Quality | None:
    if row["identical"] is None:
        return None
    # SQLite keeps NaN as NULL.
    measured: list[Any] = [math.nan if row[name] is None else row[name] for name in QUALITY]
    return Quality(*measured)


def reason_of(row: Sequence[Any]) -> Reason:
    """A reason from the array that it was kept as."""
    rule, *others = row
    return Reason(Rule(rule), *others)


def stored_event(row: Row) -> StoredEvent:
    """An event from a row of `events`."""
    return StoredEvent(row["id"], row["utc_us"], row["name"], json.loads(row["detail"]))


def summary_row(summary: Summary, totals: Totals, made_utc_us: int) -> dict[str, Any]:
    """A row of `summaries`, without its id."""
    return {
        "lane": summary.lane,
        **asdict(summary.window),
        "made_utc_us": made_utc_us,
        "body": dumps(asdict(summary)),
        **asdict(totals),
    }


def summary_of(row: Row) -> tuple[Summary, Totals]:
    """A window's summary and its lane's totals, from a row of `summaries`."""
    body = json.loads(row["body"])
    body["window"] = Window(**body["window"])
    for name in ("defects", "unsure_reasons", "missing"):
        # `missing` came later than the first summaries.
        body[name] = tuple((key, count) for key, count in body.get(name, ()))
    for name in ("latency_ms", "scores", "models", "recipes"):
        body[name] = tuple(body[name])
    return Summary(**body), totals_of(row)


def totals_of(row: Row) -> Totals:
    return Totals(**{name: row[name] for name in TOTALS})


def added(totals: Totals, summaries: Iterable[Summary]) -> Totals:
    """Totals after these summaries."""
    for summary in summaries:
        totals = Totals(**{name: getattr(totals, name) + getattr(summary, name) for name in TOTALS})
    return totals
