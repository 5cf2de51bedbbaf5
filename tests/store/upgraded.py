"""A database of schema 0001 with rows of every kind; run as a program, moves one and kills itself on the way.

Arguments: the database, the statement before which the process dies (0: none; prints how many there were).
"""

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, event

from agent.store.migrate import bring_up

Row = tuple[object, ...]
MESSAGE = b'{"epoch":"abcdef0123456789","seq":1}'
OUTCOMES = ("OK", "NG", "UNSURE")


def first_version(database: Path, outcomes: Sequence[int], kept: Sequence[bool]) -> None:
    """Rows as okng 0.1.0 wrote them: a part for each outcome, some with a picture."""
    bring_up(database, None, "0001")
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO meta VALUES (1, 'abcdef0123456789', 1, NULL, 'centre', 1, '0.1.0')")
    connection.execute(
        "INSERT INTO origins VALUES (1,'top','v4l2','SN','board',?,'m-1',?,'CPU','0.1.0')", ("a" * 64,) * 2
    )
    connection.execute("INSERT INTO runs VALUES (1, 'run-1', 'boot-1')")
    for n, (outcome, picture) in enumerate(zip(outcomes, kept, strict=True), 1):
        connection.execute(
            f"INSERT INTO inspections VALUES ({','.join('?' * 38)})", _part(n, OUTCOMES[outcome], picture)
        )
        if outcome == 1:
            connection.execute("INSERT INTO detections VALUES (?, 0, 'open', 0.9, 1.5, 2.25, 30, 40)", (n,))
            connection.execute("INSERT INTO defects VALUES ('open', ?, 'top')", (n,))
    connection.execute("INSERT INTO events VALUES (1, 5, 6, 'boot-1', 'started', '{}')")
    connection.execute("INSERT INTO outbox VALUES ('abcdef0123456789', 1, 'event', 1, 'event', ?, 5, 0)", (MESSAGE,))
    connection.execute("COMMIT")
    connection.close()


def _part(n: int, outcome: str, picture: bool) -> Row:
    reasons = {"OK": [], "NG": [["defect", 0.9, 0.5, "open", "", 0]], "UNSURE": [["blurred", 3.0, 10.0, "", "", None]]}
    evidence = (f"top/2026-05-29/{n}-{outcome}.jpg", "c" * 64, 1000 + n) if picture else (None, None, None)
    when = 1_780_012_800_000_000 + n
    who = (n, "judged", "top", 1, 1, n, 0, "production", 1, f"SN{n}", "", when, n, when + 9, 1)
    said = (outcome, json.dumps(reasons[outcome]), None, "", 640, 480)
    return (*who, *said, 1.0, 0.5, 1.5, 8.0, 0.5, 0.1, 12.0, 120.5, 99.25, 0.01, 1.5, 0, None, None, *evidence)


def contents(database: Path) -> dict[str, list[dict[str, object]]]:
    """Every row of every table of schema 0001, column by column, in that schema's columns."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    tables = ("origins", "runs", "inspections", "detections", "defects", "events", "summaries", "outbox", "meta")
    rows = {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables}
    connection.close()
    for table, new in (("inspections", ("evidence_share", "lossless_share", "audit_share")), ("meta", ("draw_key",))):
        for row in rows[table]:
            for column in new:
                row.pop(column, None)
    return rows


class Dying:
    """Counts what is said to the database, and dies before the n-th of it."""

    def __init__(self, at: int) -> None:
        self.said = 0
        self._at = at
        event.listen(Engine, "before_cursor_execute", self._step)
        event.listen(Engine, "commit", self._step)

    def _step(self, *_: object) -> None:
        self.said += 1
        if self.said == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    dying = Dying(int(sys.argv[2]))
    bring_up(Path(sys.argv[1]), "0001", "0002")
    print(dying.said)
