"""Checks what must always hold of a database, from its rows alone."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from agent.store.database import open_read_only


def audit(database: Path, shown: Iterable[int] = ()) -> None:
    """Nothing shown is missing, nothing is counted twice, nothing is numbered with a gap."""
    connection = open_read_only(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        _shown(connection, set(shown))
        _summaries(connection)
        _messages(connection)
    finally:
        connection.close()


def _shown(connection: sqlite3.Connection, shown: set[int]) -> None:
    judged = {i for (i,) in connection.execute("SELECT id FROM inspections WHERE state = 'judged'")}
    assert not shown - judged, f"shown and missing: {sorted(shown - judged)[:10]}"
    orphans = "SELECT count(*) FROM {} WHERE inspection_id NOT IN (SELECT id FROM inspections)"
    for table in ("detections", "defects"):
        assert connection.execute(orphans.format(table)).fetchone() == (0,)


def _summaries(connection: sqlite3.Connection) -> None:
    lanes = [lane for (lane,) in connection.execute("SELECT DISTINCT lane FROM summaries")]
    for lane in lanes:
        covered, totals = 0, Counter[str]()
        query = (
            "SELECT first_id, last_id, body, parts, ok, ng, unsure, missed FROM summaries WHERE lane = ? ORDER BY id"
        )
        for first, last, text, *rising in connection.execute(query, (lane,)):
            body = json.loads(text)
            assert first == covered + 1, f"{lane}: a range begins at {first} after {covered}"
            assert last >= covered
            covered = last
            totals.update({name: body[name] for name in ("parts", "ok", "ng", "unsure", "missed")})
            assert rising == [totals[name] for name in ("parts", "ok", "ng", "unsure", "missed")]
            assert body["ok"] + body["ng"] + body["unsure"] == body["parts"]
            assert sum(body["latency_ms"]) == body["parts"]
        _counted(connection, lane, covered, totals)


def _counted(connection: sqlite3.Connection, lane: str, covered: int, totals: Counter[str]) -> None:
    """The sums over the summaries are those over the rows that they cover."""
    here = "FROM inspections WHERE lane = ? AND id <= ?"
    rows = connection.execute(
        f"SELECT outcome, count(*) {here} AND purpose = 'production' GROUP BY outcome", (lane, covered)
    )
    counted = dict(rows.fetchall())
    assert {n: totals[n.lower()] for n in ("OK", "NG", "UNSURE") if totals[n.lower()]} == counted
    missed = connection.execute(f"SELECT coalesce(sum(missed), 0) {here}", (lane, covered)).fetchone()[0]
    assert totals["missed"] == missed
    open_rows = connection.execute(f"SELECT count(*) {here} AND state = 'open'", (lane, covered)).fetchone()
    assert open_rows == (0,), "an open row was counted"


def _messages(connection: sqlite3.Connection) -> None:
    epoch, last_seq = connection.execute("SELECT epoch, last_seq FROM meta").fetchone()
    numbers = [s for (s,) in connection.execute("SELECT seq FROM outbox WHERE epoch = ? ORDER BY seq", (epoch,))]
    assert numbers == list(range(1, last_seq + 1))
    for its_epoch, seq, payload in connection.execute("SELECT epoch, seq, payload FROM outbox"):
        said = json.loads(payload)
        assert (said["epoch"], said["seq"]) == (its_epoch, seq)
    foreign = connection.execute("SELECT count(*) FROM outbox WHERE settled = 0 AND epoch != ?", (epoch,)).fetchone()
    assert foreign == (0,), "something waits under an old epoch"
    refs = {
        kind: [r for (r,) in connection.execute("SELECT ref FROM outbox WHERE kind = ? ORDER BY ref", (kind,))]
        for kind in ("summary", "event")
    }
    ids = {
        table: [i for (i,) in connection.execute(f"SELECT id FROM {table} ORDER BY id")]
        for table in ("summaries", "events")
    }
    assert refs["summary"] == ids["summaries"], "every summary has exactly one message"
    assert len(set(refs["event"])) == len(refs["event"]), "an event has two messages"
    untold = len(ids["events"]) - len(set(refs["event"]) & set(ids["events"]))
    assert set(refs["event"]) <= set(ids["events"]), "a message without its event"
    rolled = connection.execute("SELECT detail FROM events WHERE name = 'events_rolled_up'").fetchall()
    assert untold <= sum(json.loads(detail)["events"] for (detail,) in rolled), "an event left the outbox in silence"
