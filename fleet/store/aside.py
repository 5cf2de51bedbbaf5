"""Messages that were not taken: counted for ever by cause and station, the newest ones kept to be looked at."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, desc, insert, select

from fleet.intake.topics import Address
from fleet.intake.values import HEAD_BYTES, SetAside
from fleet.store.database import insert_into
from fleet.store.schema import refusal, set_aside

KEPT = 1000
MOST_TEXT = 500


def store_asides(conn: Connection, known: Mapping[Address, int], asides: Sequence[SetAside], now_us: int) -> None:
    """Keep and count them. `known`: the stations that are known; a topic names none for a stranger's asking."""
    if not asides:
        return
    rows = [
        {
            "utc_us": now_us,
            "cause": each.cause,
            "reason": _printable(each.reason),
            "topic": _printable(each.topic),
            "station_id": known.get(each.address) if each.address else None,
            "size": len(each.payload),
            "head": each.payload[:HEAD_BYTES],
        }
        for each in asides[-KEPT:]
    ]
    conn.execute(insert(set_aside), rows)
    oldest = conn.scalar(select(set_aside.c.id).order_by(desc(set_aside.c.id)).offset(KEPT).limit(1))
    if oldest is not None:
        conn.execute(delete(set_aside).where(set_aside.c.id <= oldest))
    counted = Counter((each.cause, known.get(each.address, 0) if each.address else 0) for each in asides)
    more = insert_into(conn, refusal)
    added = {"n": refusal.c.n + more.excluded.n, "last_us": more.excluded.last_us}
    conn.execute(
        more.on_conflict_do_update(index_elements=["cause", "station_id"], set_=added),
        [
            {"cause": cause, "station_id": station_id, "n": counted[(cause, station_id)], "last_us": now_us}
            for cause, station_id in sorted(counted)
        ],
    )


def _printable(text: str) -> str:
    """What any database takes and any page can show."""
    return text.replace("\x00", "␀").encode("utf-8", "replace").decode()[:MOST_TEXT]
