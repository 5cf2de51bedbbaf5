"""Writing inspections: within the caller's transaction, on the write thread."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from agent.store.rows import ORIGIN, PARTS, defect_rows, detection_rows, inspection_row, stored_parts
from agent.store.schema import OPEN, defects, detections, inspections, origins, runs
from agent.store.values import Evidence, Sampling, StoredPart
from pipelines.values import Origin, Record


@dataclass(slots=True)
class Keys:
    """Ids of what repeats in every row, kept in memory. `forget` after a rollback."""

    _origins: dict[Origin, int] = field(default_factory=dict)
    _runs: dict[tuple[str, str], int] = field(default_factory=dict)

    def forget(self) -> None:
        self._origins.clear()
        self._runs.clear()

    def origin(self, conn: Connection, origin: Origin) -> int:
        if (known := self._origins.get(origin)) is None:
            values = {name: getattr(origin, name) for name in ORIGIN}
            same = [origins.c[name] == value for name, value in values.items()]
            known = conn.scalar(select(origins.c.id).where(*same))
            if known is None:
                known = _inserted(conn.execute(insert(origins).values(values)).inserted_primary_key)
            self._origins[origin] = known
        return known

    def run(self, conn: Connection, run: str, boot: str) -> int:
        if (known := self._runs.get((run, boot))) is None:
            known = conn.scalar(select(runs.c.id).where(runs.c.run == run, runs.c.boot == boot))
            if known is None:
                known = _inserted(conn.execute(insert(runs).values(run=run, boot=boot)).inserted_primary_key)
            self._runs[run, boot] = known
        return known


def _inserted(key: Sequence[int] | None) -> int:
    assert key is not None
    return int(key[0])


def last_id(conn: Connection) -> int:
    """The highest id ever given to a part, kept by SQLite's AUTOINCREMENT; 0 when there was none."""
    seq = conn.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'inspections'"))
    return 0 if seq is None else int(seq)


def lanes_of(conn: Connection) -> tuple[str, ...]:
    """Every lane that has rows, by a walk over the index and not over the rows."""
    found: list[str] = []
    lane = conn.scalar(select(func.min(inspections.c.lane)))
    while lane is not None:
        found.append(lane)
        lane = conn.scalar(select(func.min(inspections.c.lane)).where(inspections.c.lane > lane))
    return tuple(found)


def add(conn: Connection, keys: Keys, records: Sequence[tuple[Record, str]]) -> tuple[int, ...]:
    """New rows of (record, state), with ids in their order; the ids.

    The ids are given here and not by SQLite, so that a whole group is a handful of statements.
    """
    if not records:
        return ()
    first = last_id(conn) + 1
    ids = tuple(range(first, first + len(records)))
    rows = [
        {"id": i, **inspection_row(r, keys.origin(conn, r.origin), keys.run(conn, r.run, r.captured.boot), state)}
        for i, (r, state) in zip(ids, records, strict=True)
    ]
    conn.execute(insert(inspections), rows)
    _find(conn, zip(ids, (r for r, _ in records), strict=True))
    return ids


def _find(conn: Connection, records: Iterable[tuple[int, Record]]) -> None:
    found, classes = [], []
    for record_id, record in records:
        found += detection_rows(record_id, record)
        classes += defect_rows(record_id, record)
    if found:
        conn.execute(insert(detections), found)
    if classes:
        conn.execute(insert(defects), classes)


def close(conn: Connection, keys: Keys, record: Record) -> int | None:
    """Judge the open row that the record names; its id, or None when it is not open (any more)."""
    row = inspection_row(
        record, keys.origin(conn, record.origin), keys.run(conn, record.run, record.captured.boot), "judged"
    )
    still_open = inspections.c.id == record.open_id, OPEN
    if conn.execute(update(inspections).where(*still_open).values(row)).rowcount != 1:
        return None
    assert record.open_id is not None
    _find(conn, [(record.open_id, record)])
    return record.open_id


def interrupt(conn: Connection, decided_utc_us: int, ids: Sequence[int] | None = None) -> tuple[StoredPart, ...]:
    """Close open rows (all of them, or those with these ids) as what they already say: UNSURE, interrupted."""
    which = (OPEN,) if ids is None else (OPEN, inspections.c.id.in_(ids))
    rows = conn.execute(PARTS.where(*which).order_by(inspections.c.id)).mappings().all()
    parts = stored_parts(conn, rows)
    conn.execute(update(inspections).where(*which).values(state="judged", decided_utc_us=decided_utc_us))
    return parts


def set_evidence(conn: Connection, record_id: int, evidence: Evidence, sampling: Sampling) -> None:
    """Name the part's picture in its row, and with which probability it was to be kept."""
    named = {"evidence_file": evidence.file, "evidence_sha256": evidence.sha256, "evidence_bytes": evidence.bytes}
    conn.execute(update(inspections).where(inspections.c.id == record_id).values(named | asdict(sampling)))


def drop_evidence(conn: Connection, ids: Sequence[int]) -> None:
    """The pictures of these parts are gone; their hashes stay, as what was once kept."""
    gone = update(inspections).where(inspections.c.id == bindparam("gone")).values(evidence_file=None)
    conn.execute(gone, [{"gone": record_id} for record_id in ids])
