"""The tables of the notices' outbox. Times are the centre's, microseconds since 1970 UTC, but for `at_ms`."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


notice = Table(
    "notice",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _text("channel"),
    _number("epoch_id"),
    _number("seq"),
    _text("site"),
    _text("line"),
    _text("station"),
    _number("box"),
    _text("lane"),
    _text("alarm"),
    _text("turn"),
    _number("at_ms"),
    _text("detail"),
    _number("from_us"),
    _text("state"),
    _number("held"),
    _number("again"),
    _text("letter"),
    _number("due_us"),
    _number("claimed_until_us"),
    _number("tries"),
    _number("settled_us"),
    _text("failure"),
    UniqueConstraint("channel", "epoch_id", "seq", name="uq_notice"),
    Index("ix_notice_due", "state", "due_us"),
    Index("ix_notice_same", "channel", "station", "alarm"),
    sqlite_autoincrement=True,
)
"""What is to be told, one row a channel. `from_us`: from when on it is to be told. `turn`: began, ended. `state`:
waiting, sent, quiet (it ended before it was told again), given_up. `held`: 1 when it was told lately and waits for
that. `again`: how often it came while it waited. `letter`: what it goes out with, the same at each try; empty: not on
its way yet."""

notice_channel = Table(
    "notice_channel",
    metadata,
    Column("name", Text, primary_key=True),
    _number("lettered_us"),
    _number("delivered_us"),
    _number("failed_us"),
    _text("failure"),
    _number("sent"),
    _number("given_up"),
)
"""A channel since ever. `lettered_us`: when its newest letter was made; `sent`, `given_up`: notices."""
