"""The tables of roll-outs."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from fleet.store.schema import metadata


def _key() -> Column[int]:
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


model_file = Table(
    "model_file",
    metadata,
    _key(),
    _text("token"),
    _text("name"),
    _text("model"),
    _text("sha256"),
    _number("size"),
    _number("added_us"),
    _text("added_by"),
    UniqueConstraint("token", name="uq_model_file"),
    sqlite_autoincrement=True,
)

rollout = Table(
    "rollout",
    metadata,
    _key(),
    Column("file_id", BigInteger, ForeignKey("model_file.id"), nullable=False),
    _number("begun_us"),
    _text("begun_by"),
    _number("first"),
    _number("most_failures"),
    _number("forgiven"),
    Column("activate", Boolean, nullable=False),
    _text("recipe"),
    _text("phase"),
    _text("why"),
    sqlite_autoincrement=True,
)
"""Its row is locked by whoever changes it or its targets. `why`: failures or person."""

rollout_target = Table(
    "rollout_target",
    metadata,
    Column("rollout_id", BigInteger, ForeignKey("rollout.id"), primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    _text("site"),
    _text("line"),
    _text("station"),
    _text("command"),
    _text("progress"),
    _number("percent"),
    _text("why"),
    _number("expires_ms"),
    _number("changed_us"),
    _number("said_us"),
    _number("cancel_ms"),
    UniqueConstraint("command", name="uq_rollout_command"),
    Index("ix_rollout_target_station", "site", "line", "station"),
)
"""`said_us`: when its command was last published. `cancel_ms`: when the command ends that gives it up; 0: none."""

TABLES = (model_file, rollout, rollout_target)
