"""Roll-outs as people plan, watch, stop and cancel them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, desc, insert, select

from agent.errors import OkngError
from fleet.intake.topics import Address
from fleet.rollout.commands import LIFE_MS
from fleet.rollout.rules import ENDS, UNDER_WAY, failures
from fleet.rollout.values import ModelFile, Plan, Rollout
from fleet.store.database import Database
from fleet.store.rollout_rows import file_of, keep, locked, read, write
from fleet.store.rollout_schema import model_file, rollout, rollout_target

LISTED = 50
MOST_FILES = 200


class RolloutRefused(OkngError):
    """It cannot be done as it was asked for; says why."""


@dataclass(frozen=True, slots=True)
class Rollouts:
    """Reads and changes roll-outs; what stations are told follows from the rows. Threads may share one.

    Raises StoreFailed.
    """

    database: Database

    def files(self) -> tuple[ModelFile, ...]:
        """The newest first."""
        asked = select(model_file).order_by(desc(model_file.c.id)).limit(MOST_FILES)
        return self.database.ask(lambda conn: tuple(map(file_of, conn.execute(asked))))

    def file(self, token: str) -> ModelFile | None:
        """The one that this token is of."""
        asked = select(model_file).where(model_file.c.token == token)
        return self.database.ask(lambda conn: next(map(file_of, conn.execute(asked)), None))

    def add_file(self, token: str, name: str, model: str, sha256: str, size: int, by: str, now_us: int) -> int:
        """Its id. The file is there already, whole."""
        row = {"token": token, "name": name, "model": model, "sha256": sha256, "size": size}
        added = insert(model_file).values(**row, added_us=now_us, added_by=by).returning(model_file.c.id)
        return self.database.change(lambda conn: int(conn.execute(added).scalar_one()))

    def every(self, limit: int = LISTED) -> tuple[Rollout, ...]:
        """The newest first."""
        return self.database.ask(lambda conn: read(conn, limit=limit)[::-1])

    def one(self, rollout_id: int) -> Rollout | None:
        return self.database.ask(lambda conn: next(iter(read(conn, rollout.c.id == rollout_id)), None))

    def begin(self, plan: Plan, by: str, now_us: int) -> int:
        """Its id. Raises RolloutRefused: no station, no such file, or a station that is in another one."""
        if not plan.stations:
            raise RolloutRefused("no station is chosen")
        return self.database.change(lambda conn: _begin(conn, plan, by, now_us))

    def stop(self, rollout_id: int) -> None:
        """Nobody further is asked. Raises RolloutRefused."""
        self._change(rollout_id, ("running",), lambda conn, known: _to(conn, known, "stopped"))

    def go_on(self, rollout_id: int) -> None:
        """Ask the others too; the failures that there were are forgiven. Raises RolloutRefused."""
        self._change(rollout_id, ("stopped",), lambda conn, known: _to(conn, known, "running"))

    def cancel(self, rollout_id: int, now_us: int) -> None:
        """Nobody further is asked, and who has not got the model gives it up. Raises RolloutRefused."""
        self._change(rollout_id, ("running", "stopped"), lambda conn, known: _cancel(conn, known, now_us))

    def _change(self, rollout_id: int, allowed: tuple[str, ...], act: Callable[[Connection, Rollout], None]) -> None:
        def change(conn: Connection) -> None:
            known = next(iter(locked(conn, (rollout_id,))), None)
            if known is None:
                raise RolloutRefused(f"there is no roll-out {rollout_id}")
            if known.phase not in allowed:
                raise RolloutRefused(f"roll-out {rollout_id} is {known.phase}; allowed: {' or '.join(allowed)}")
            act(conn, known)

        self.database.change(change)


def _begin(conn: Connection, plan: Plan, by: str, now_us: int) -> int:
    if conn.scalar(select(model_file.c.id).where(model_file.c.id == plan.file_id)) is None:
        raise RolloutRefused(f"there is no model file {plan.file_id}")
    if busy := sorted(set(plan.stations) & _busy(conn)):
        raise RolloutRefused(f"in another roll-out that has not ended: {', '.join(map(str, busy[:10]))}")
    row = {
        "file_id": plan.file_id,
        "begun_us": now_us,
        "begun_by": by,
        "first": min(plan.first, len(plan.stations)),
        "most_failures": plan.most_failures,
        "forgiven": 0,
        "activate": plan.activate,
        "recipe": plan.recipe,
        "phase": "running",
        "why": "",
    }
    made = int(conn.execute(insert(rollout).values(row).returning(rollout.c.id)).scalar_one())
    numbers = dict.fromkeys(("percent", "expires_ms", "changed_us", "said_us", "cancel_ms"), 0)
    conn.execute(
        insert(rollout_target),
        [
            {
                **numbers,
                "rollout_id": made,
                "place": place,
                "site": address.site,
                "line": address.line,
                "station": address.station,
                "command": f"rollout-{made}-{place}-{secrets.token_hex(4)}",
                "progress": "waiting",
                "why": "",
            }
            for place, address in enumerate(plan.stations)
        ],
    )
    return made


def _busy(conn: Connection) -> frozenset[Address]:
    """Who has its turn yet, or is at it, in a roll-out that has not ended."""
    open_ones = read(conn, rollout.c.phase.in_(("running", "stopped")))
    return frozenset(t.address for each in open_ones for t in each.targets if t.progress not in ENDS)


def _to(conn: Connection, known: Rollout, phase: str) -> None:
    if phase == "running":
        keep(conn, known, replace(known, phase="running", why="", forgiven=failures(known)))
    else:
        keep(conn, known, replace(known, phase="stopped", why="person"))


def _cancel(conn: Connection, known: Rollout, now_us: int) -> None:
    given_up = tuple(
        replace(t, progress="cancelled", changed_us=now_us) if t.progress == "waiting" else t for t in known.targets
    )
    keep(conn, known, replace(known, phase="cancelled", why="person", targets=given_up))
    for target in known.targets:
        if target.progress in UNDER_WAY:
            write(conn, known.id, target, said_us=0, cancel_ms=now_us // 1000 + LIFE_MS)
