"""What carries roll-outs on: stations' answers and events come in, commands go out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, or_, select

from agent.uplink.messages import AnswerMessage, EventMessage
from fleet.intake.topics import Address
from fleet.intake.values import Answered, Taken
from fleet.rollout.commands import AGAIN_US, LIFE_MS, Told, cancel, cancelled_by, update
from fleet.rollout.rules import UNDER_WAY, Step, moved, next_to_ask, overdue, phase_of, step_of_answer, step_of_event
from fleet.rollout.values import Rollout, Target
from fleet.store.database import Database
from fleet.store.rollout_rows import keep, locked, write
from fleet.store.rollout_schema import rollout, rollout_target
from fleet.store.schema import station

_Said = tuple[Address, str, Step]
"""Who, of which command, what."""


def note_steps(conn: Connection, answers: Sequence[Answered], new: Sequence[Taken], now_us: int) -> None:
    """Move the stations on that have answered or told of an update. What is of no roll-out of ours changes nothing."""
    said = [each for each in (*map(_of_answer, answers), *map(_of_event, new)) if each is not None]
    if not said:
        return
    columns = rollout_target.c
    asked = select(columns.rollout_id).where(columns.command.in_({command for _, command, _ in said})).distinct()
    for known in locked(conn, conn.scalars(asked).all()):
        by_command: dict[tuple[Address, str], Target] = {(t.address, t.command): t for t in known.targets}
        for address, command, step in said:
            if (target := by_command.get((address, command))) is not None:
                by_command[address, command] = moved(target, step, now_us)
        keep(conn, known, replace(known, targets=tuple(by_command.values())))


def _of_answer(each: Answered) -> _Said | None:
    said: AnswerMessage = each.said
    if said.command == "update":
        return each.address, said.id, step_of_answer(said.ok == 1, said.error)
    if said.command == "cancel" and (command := cancelled_by(said.id)):
        # Where it is too late, the station goes on, and tells by events how that ends.
        return each.address, command, Step("cancelled") if said.ok else Step("asked", why=said.error)
    return None


def _of_event(each: Taken) -> _Said | None:
    if not isinstance(each.said, EventMessage) or not each.said.name.startswith("update_"):
        return None
    detail: Mapping[str, str | int | float] = each.said.detail()
    step = step_of_event(each.said.name, detail)
    return (each.address, str(detail.get("command", "")), step) if step is not None else None


@dataclass(frozen=True, slots=True)
class Asking:
    """Finds what stations are to be told now. Several collectors may: each command is one's. Raises StoreFailed."""

    database: Database
    base: str
    """https://HOST:PORT of the fleet's page, as stations reach it."""
    at_once: int
    """Most stations of a roll-out that are under way at once."""
    patience_s: float
    """A station that is under way and says nothing for so long is counted as silent."""

    def turn(self, now_us: int) -> tuple[Told, ...]:
        """The commands to publish. They are written down as given before they are: what is lost is given again."""
        if not self.database.ask(lambda conn: _open(conn, now_us)):
            return ()

        def change(conn: Connection) -> tuple[Told, ...]:
            there = frozenset(
                Address(*row)
                for row in conn.execute(select(station.c.site, station.c.line, station.c.name).where(station.c.online))
            )
            every = locked(conn, _open(conn, now_us))
            return tuple(told for known in every for told in self._of(conn, known, there, now_us))

        return self.database.change(change)

    def _of(self, conn: Connection, known: Rollout, there: frozenset[Address], now_us: int) -> list[Told]:
        now_ms = now_us // 1000
        heard = replace(known, targets=tuple(self._looked(target, now_ms) for target in known.targets))
        phase = phase_of(heard)
        why = "failures" if (known.phase, phase) == ("running", "stopped") else known.why
        due = {t.place for t in next_to_ask(heard, there, self.at_once)}
        asked = {"progress": "asked", "expires_ms": now_ms + LIFE_MS, "changed_us": now_us}
        targets = tuple(replace(t, **asked) if t.place in due else t for t in heard.targets)  # type: ignore[arg-type]
        after = replace(heard, phase=phase, why=why, targets=targets)
        keep(conn, known, after)
        told = []
        for place, cancel_ms in _unsaid(conn, known.id, now_us):
            target = targets[place]
            if cancel_ms > now_ms and target.progress in UNDER_WAY:
                told.append(cancel(target, cancel_ms))
            elif phase != "cancelled" and target.progress == "asked":
                told.append(update(after, target, self.base))
            else:
                continue
            write(conn, known.id, target, said_us=now_us)
        return told

    def _looked(self, target: Target, now_ms: int) -> Target:
        return replace(target, progress="silent") if overdue(target, now_ms, self.patience_s) else target


def _open(conn: Connection, now_us: int) -> tuple[int, ...]:
    """Roll-outs about which there may be something to do."""
    of_it = rollout_target.c.rollout_id == rollout.c.id
    cancelling = select(1).where(of_it, rollout_target.c.cancel_ms > now_us // 1000).exists()
    going = or_(rollout.c.phase.in_(("running", "stopped")), and_(rollout.c.phase == "cancelled", cancelling))
    return tuple(conn.scalars(select(rollout.c.id).where(going)).all())


def _unsaid(conn: Connection, rollout_id: int, now_us: int) -> list[tuple[int, int]]:
    """(place, cancel_ms) of those that were told nothing lately, and are waiting for no more than a word."""
    columns = rollout_target.c
    asked = select(columns.place, columns.cancel_ms).where(
        columns.rollout_id == rollout_id, columns.said_us < now_us - AGAIN_US, columns.progress.in_(tuple(UNDER_WAY))
    )
    return [(row.place, row.cancel_ms) for row in conn.execute(asked.order_by(columns.place))]
