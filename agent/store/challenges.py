"""Challenge runs and overrides: within the caller's transaction, and as values out of it.

Runs and overrides are rows of one table, so that the order of their ids is the order of the rulings. A run
keeps the parts of its set as they were; what each was judged stands beside the inspection and not in it, so
that the history is whole when old inspections are gone.
"""

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from agent.challenges import ChallengePart
from agent.release import Bound, Ending, Ruled, defects, wrong
from agent.store.records import last_id
from agent.store.rows import PARTS, Row, clean, dumps, stored_parts
from agent.store.schema import JUDGED, NOT_PRODUCTION, challenge_results, challenges, inspections
from pipelines.values import Outcome, Purpose

State = Literal["running", "passed", "failed", "aborted", "overridden", "lapsed"]
_BOUND = ("recipe", "recipe_hash", "model", "model_hash", "run", "shift")
_RULINGS = ("passed", "failed", "overridden", "lapsed")
_HELD = ("production", "api")
"""Purposes of parts that go on to somebody."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run, or an override, that begins."""

    lane: str
    bound: Bound
    by: str
    why: tuple[str, ...]
    """What it was asked for; empty: somebody wanted it."""
    parts: tuple[ChallengePart, ...] = ()
    reason: str = ""
    """Of an override."""
    utc_us: int = 0


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One challenge part in one run."""

    part: str
    inspection: int
    utc_us: int
    outcome: Outcome
    defects: tuple[str, ...]
    wrong: str
    """ "" when it was right, else what was wrong: verdict or defect."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A challenge run or an override."""

    id: int
    lane: str
    state: State
    bound: Bound
    by: str
    why: tuple[str, ...]
    reason: str
    started_utc_us: int
    ended_utc_us: int | None
    ended_by: str
    note: str
    """Why it was aborted, in the station's words."""
    parts: tuple[ChallengePart, ...]
    results: tuple[StoredResult, ...] = ()
    hold_after_id: int = 0
    """Of a failed run: parts above this record are on hold, ..."""
    hold_upto_id: int = 0
    """... up to and with this one."""

    @property
    def right(self) -> int:
        """How many of its parts were judged, and right each time."""
        wrong_ones = {result.part for result in self.results if result.wrong}
        return len({result.part for result in self.results} - wrong_ones)

    def results_of(self, part: str) -> tuple[StoredResult, ...]:
        return tuple(result for result in self.results if result.part == part)


@dataclass(frozen=True, slots=True)
class Held:
    """A part to hold after a failed run."""

    id: int
    part_id: str
    outcome: Outcome
    captured_utc_us: int


def begin(conn: Connection, new: NewRun) -> int:
    """A run that is on now; its id."""
    return _insert(conn, new, "running", None)


def override(conn: Connection, new: NewRun) -> int:
    """A person releases the lane for the time being; its id."""
    return _insert(conn, new, "overridden", new.utc_us)


def lapse(conn: Connection, new: NewRun) -> int:
    """What released the lane holds no more: `new.why` says why, `new.bound` under which circumstances it held."""
    return _insert(conn, new, "lapsed", new.utc_us)


def _insert(conn: Connection, new: NewRun, state: State, ended_utc_us: int | None) -> int:
    row = {
        "lane": new.lane,
        "state": state,
        **dict(zip(_BOUND, astuple(new.bound), strict=True)),
        "by": clean(new.by),
        "why": dumps(new.why),
        "reason": clean(new.reason),
        "started_utc_us": new.utc_us,
        "ended_utc_us": ended_utc_us,
        "ended_by": "",
        "note": "",
        "parts": dumps([part.model_dump() for part in new.parts]),
        "mark_id": last_id(conn),
        "hold_after_id": 0,
        "hold_upto_id": 0,
    }
    key = conn.execute(insert(challenges), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def add_result(conn: Connection, run: int, result: StoredResult) -> int:
    """What a part was judged in a run; its id."""
    row = {
        "challenge_id": run,
        "part": clean(result.part),
        "inspection_id": result.inspection,
        "utc_us": result.utc_us,
        "outcome": str(result.outcome),
        "defects": dumps(result.defects),
        "wrong": result.wrong,
    }
    key = conn.execute(insert(challenge_results), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def end(conn: Connection, run: int, state: Ending, utc_us: int, by: str = "", note: str = "") -> int:
    """The run is over. A failed one puts on hold what was judged since the last one that was passed began."""
    its = challenges.c
    values: dict[str, Any] = {"state": state, "ended_utc_us": utc_us, "ended_by": clean(by), "note": clean(note)}
    if state == "failed":
        lane = conn.scalar(select(its.lane).where(its.id == run))
        passed = select(its.mark_id).where(its.lane == lane, its.state == "passed", its.id < run)
        values["hold_after_id"] = conn.scalar(passed.order_by(its.id.desc()).limit(1)) or 0
        values["hold_upto_id"] = last_id(conn)
    return conn.execute(update(challenges).where(its.id == run, its.state == "running").values(values)).rowcount


def interrupt(conn: Connection, utc_us: int) -> int:
    """Runs that were on when the station ended are over; a mistake made in one stands. How many there were."""
    open_ones = conn.execute(select(challenges).where(challenges.c.state == "running")).mappings().all()
    for row in open_ones:
        _catch_up(conn, _run(row, ()), row["mark_id"])
        results = challenge_results.c
        mistake = select(results.id).where(results.challenge_id == row["id"], results.wrong != "").limit(1)
        state: Ending = "aborted" if conn.scalar(mistake) is None else "failed"
        end(conn, row["id"], state, utc_us, note="the station was restarted")
    return len(open_ones)


def _catch_up(conn: Connection, run: StoredRun, mark_id: int) -> None:
    """Verdicts on a run's parts that were committed just before the end, and not yet written down as its results."""
    its, part = challenge_results.c, inspections.c
    known = set(conn.scalars(select(its.inspection_id).where(its.challenge_id == run.id)))
    query = PARTS.where(part.id > mark_id, part.lane == run.lane, part.purpose == str(Purpose.CHALLENGE))
    rows = conn.execute(query.where(NOT_PRODUCTION, JUDGED).order_by(part.id)).mappings().all()
    for found in stored_parts(conn, [row for row in rows if row["id"] not in known]):
        of = next((one for one in run.parts if one.id == found.record.part_id), None)
        verdict = found.record.verdict
        if of is not None:
            said = of.id, found.id, found.record.decided_utc_us, verdict.outcome, defects(verdict), wrong(of, verdict)
            add_result(conn, run.id, StoredResult(*said))


def standing(conn: Connection, lane: str) -> tuple[Ruled | None, int]:
    """The newest ruling about a lane, and when the newest run of it that was passed began; 0: none ever was."""
    its = challenges.c
    newest = select(challenges).where(its.lane == lane).order_by(its.id.desc()).limit(1)
    row = conn.execute(newest.where(its.state.in_(_RULINGS))).mappings().one_or_none()
    passed = conn.execute(newest.where(its.state == "passed")).mappings().one_or_none()
    if row is None:
        return None, 0
    why = tuple(json.loads(row["why"])) if row["state"] == "lapsed" else ()
    ruled = Ruled(row["state"], _bound(row), row["started_utc_us"], row["by"], row["reason"], why)
    return ruled, passed["started_utc_us"] if passed is not None else 0


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs and overrides to find, the newest first; None and "" do not restrict."""

    lane: str = ""
    since_utc_us: int | None = None
    until_utc_us: int | None = None
    before_id: int | None = None
    limit: int = 50


def runs(conn: Connection, query: RunQuery) -> tuple[StoredRun, ...]:
    """Runs and overrides, the newest first, each with its results."""
    its = challenges.c
    wanted = select(challenges).where(its.state != "lapsed").order_by(its.id.desc()).limit(query.limit)
    if query.lane:
        wanted = wanted.where(its.lane == query.lane)
    if query.before_id is not None:
        wanted = wanted.where(its.id < query.before_id)
    if query.since_utc_us is not None:
        wanted = wanted.where(its.started_utc_us >= query.since_utc_us)
    if query.until_utc_us is not None:
        wanted = wanted.where(its.started_utc_us < query.until_utc_us)
    return _stored(conn, conn.execute(wanted).mappings().all())


def run(conn: Connection, number: int) -> StoredRun | None:
    """One run or override; None where there is none of that id."""
    rows = conn.execute(select(challenges).where(challenges.c.id == number)).mappings().all()
    return next(iter(_stored(conn, rows)), None)


def held(conn: Connection, number: int, after_id: int = 0, limit: int = 1000) -> tuple[Held, ...]:
    """The parts that a failed run put on hold, by their ids, above one; empty for any other run."""
    found = conn.execute(select(challenges).where(challenges.c.id == number)).mappings().one_or_none()
    if found is None or found["state"] != "failed":
        return ()
    part = inspections.c
    columns = part.id, part.part_id, part.outcome, part.captured_utc_us
    above = max(found["hold_after_id"], after_id)
    query = select(*columns).where(part.id > above, part.id <= found["hold_upto_id"], JUDGED)
    query = query.where(part.lane == found["lane"], part.purpose.in_(_HELD)).order_by(part.id).limit(limit)
    rows = conn.execute(query).mappings()
    return tuple(Held(r["id"], r["part_id"], Outcome(r["outcome"]), r["captured_utc_us"]) for r in rows)


def _stored(conn: Connection, rows: Sequence[Row]) -> tuple[StoredRun, ...]:
    found: dict[int, list[StoredResult]] = {row["id"]: [] for row in rows}
    its = challenge_results.c
    query = select(challenge_results).where(its.challenge_id.in_(found)).order_by(its.id)
    for result in conn.execute(query).mappings():
        found[result["challenge_id"]].append(_result(result))
    return tuple(_run(row, tuple(found[row["id"]])) for row in rows)


def _run(row: Row, results: tuple[StoredResult, ...]) -> StoredRun:
    return StoredRun(
        id=row["id"],
        lane=row["lane"],
        state=row["state"],
        bound=_bound(row),
        by=row["by"],
        why=tuple(json.loads(row["why"])),
        reason=row["reason"],
        started_utc_us=row["started_utc_us"],
        ended_utc_us=row["ended_utc_us"],
        ended_by=row["ended_by"],
        note=row["note"],
        parts=tuple(ChallengePart.model_construct(**part) for part in json.loads(row["parts"])),
        results=results,
        hold_after_id=row["hold_after_id"],
        hold_upto_id=row["hold_upto_id"],
    )


def _bound(row: Row) -> Bound:
    return Bound(*(row[name] for name in _BOUND))


def _result(row: Row) -> StoredResult:
    found = tuple(json.loads(row["defects"]))
    return StoredResult(row["part"], row["inspection_id"], row["utc_us"], Outcome(row["outcome"]), found, row["wrong"])
