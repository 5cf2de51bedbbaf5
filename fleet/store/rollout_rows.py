"""Roll-outs between rows and values. Whoever changes one locks its row first, several in the order of their ids."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update

from fleet.intake.topics import Address
from fleet.rollout.values import ModelFile, Rollout, Target
from fleet.store.rollout_schema import model_file, rollout, rollout_target

_CHANGING = ("progress", "percent", "why", "expires_ms", "changed_us")


def locked(conn: Connection, ids: Iterable[int]) -> tuple[Rollout, ...]:
    """These roll-outs, nobody else's to change till the end of this transaction."""
    asked = select(rollout.c.id).where(rollout.c.id.in_(sorted(ids))).order_by(rollout.c.id).with_for_update()
    found = conn.scalars(asked).all()
    return read(conn, rollout.c.id.in_(found)) if found else ()


def read(conn: Connection, *where: ColumnElement[bool], limit: int | None = None) -> tuple[Rollout, ...]:
    """The newest last."""
    asked = select(rollout).where(*where).order_by(rollout.c.id.desc()).limit(limit)
    rows = conn.execute(asked).all()[::-1]
    files = _files(conn, {row.file_id for row in rows})
    targets = _targets(conn, [row.id for row in rows])
    return tuple(_rollout(row, files[row.file_id], targets.get(row.id, [])) for row in rows)


def file_of(row: Row[Any]) -> ModelFile:
    return ModelFile(row.id, row.token, row.name, row.model, row.sha256, row.size, row.added_us, row.added_by)


def keep(conn: Connection, before: Rollout, after: Rollout) -> None:
    """Write what has changed."""
    if (before.phase, before.why, before.forgiven) != (after.phase, after.why, after.forgiven):
        values = {"phase": after.phase, "why": after.why, "forgiven": after.forgiven}
        conn.execute(update(rollout).where(rollout.c.id == after.id).values(values))
    for old, new in zip(before.targets, after.targets, strict=True):
        if old != new:
            write(conn, after.id, new, **{name: getattr(new, name) for name in _CHANGING})


def write(conn: Connection, rollout_id: int, target: Target, **values: object) -> None:
    """Some columns of one station's row."""
    columns = rollout_target.c
    conn.execute(
        update(rollout_target)
        .where(columns.rollout_id == rollout_id, columns.place == target.place)
        .values({columns[name]: value for name, value in values.items()})
    )


def _files(conn: Connection, ids: Iterable[int]) -> dict[int, ModelFile]:
    rows = conn.execute(select(model_file).where(model_file.c.id.in_(tuple(ids))))
    return {row.id: file_of(row) for row in rows}


def _targets(conn: Connection, ids: Sequence[int]) -> dict[int, list[Target]]:
    columns = rollout_target.c
    found: dict[int, list[Target]] = {}
    asked = select(rollout_target).where(columns.rollout_id.in_(ids)).order_by(columns.rollout_id, columns.place)
    for row in conn.execute(asked):
        found.setdefault(row.rollout_id, []).append(_target(row))
    return found


def _target(row: Row[Any]) -> Target:
    return Target(
        address=Address(row.site, row.line, row.station),
        place=row.place,
        command=row.command,
        progress=row.progress,
        percent=row.percent,
        why=row.why,
        expires_ms=row.expires_ms,
        changed_us=row.changed_us,
    )


def _rollout(row: Row[Any], file: ModelFile, targets: Sequence[Target]) -> Rollout:
    return Rollout(
        id=row.id,
        file=file,
        begun_us=row.begun_us,
        begun_by=row.begun_by,
        first=row.first,
        most_failures=row.most_failures,
        forgiven=row.forgiven,
        activate=row.activate,
        recipe=row.recipe,
        phase=row.phase,
        why=row.why,
        targets=tuple(targets),
    )
