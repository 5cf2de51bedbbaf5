"""Notices of alarms: the outbox and its channels."""

import sqlalchemy as sa
from alembic import op

revision = "f0003"
down_revision = "f0002"
branch_labels = None
depends_on = None


def _numbers(*names: str) -> list["sa.Column[int]"]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _texts(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        *_texts("channel"),
        *_numbers("epoch_id", "seq"),
        *_texts("site", "line", "station"),
        *_numbers("box"),
        *_texts("lane", "alarm", "turn"),
        *_numbers("at_ms"),
        *_texts("detail"),
        *_numbers("from_us"),
        *_texts("state"),
        *_numbers("held", "again"),
        *_texts("letter"),
        *_numbers("due_us", "claimed_until_us", "tries", "settled_us"),
        *_texts("failure"),
        sa.UniqueConstraint("channel", "epoch_id", "seq", name="uq_notice"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_due", "notice", ["state", "due_us"])
    op.create_index("ix_notice_same", "notice", ["channel", "station", "alarm"])
    op.create_table(
        "notice_channel",
        sa.Column("name", sa.Text, primary_key=True),
        *_numbers("lettered_us", "delivered_us", "failed_us"),
        *_texts("failure"),
        *_numbers("sent", "given_up"),
    )
