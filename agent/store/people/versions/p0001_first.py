"""Users, sessions, tokens, failures, acts, the set-up code."""

import sqlalchemy as sa
from alembic import op

revision = "p0001"
down_revision = None
branch_labels = None
depends_on = None

_ROLE = "role IN ('viewer', 'operator', 'engineer', 'admin')"


def _texts(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str) -> list["sa.Column[int]"]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _persons() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        *_texts("name"),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        *_texts("role", "password"),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("must_change", sa.Boolean, nullable=False),
        *_times("made_utc_us", "password_utc_us"),
        sa.Column("seen_utc_us", sa.Integer),
        sa.CheckConstraint(_ROLE, name="ck_user_role"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        *_times("made_utc_us", "seen_utc_us"),
        sa.Column("ended_utc_us", sa.Integer),
        *_texts("address"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id"])


def _programs() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        *_texts("name"),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *_texts("role", "made_by"),
        *_times("made_utc_us"),
        *(sa.Column(name, sa.Integer) for name in ("expires_utc_us", "used_utc_us", "revoked_utc_us")),
        sa.CheckConstraint(_ROLE, name="ck_token_role"),
        sqlite_autoincrement=True,
    )
    op.create_table("failures", sa.Column("key", sa.Text, primary_key=True), *_times("times", "last_utc_us"))
    op.create_index("ix_failures_last", "failures", ["last_utc_us"])


def _acts() -> None:
    op.create_table(
        "acts",
        sa.Column("id", sa.Integer, primary_key=True),
        *_times("utc_us"),
        *_texts("who", "role", "way", "address", "act", "subject", "outcome", "before", "after"),
        sa.CheckConstraint("outcome IN ('done', 'refused')", name="ck_outcome"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_acts_who", "acts", ["who", "id"])
    op.create_index("ix_acts_utc", "acts", ["utc_us"])
    op.create_table(
        "setup",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.LargeBinary),
        *_times("probes"),
        sa.CheckConstraint("id = 1", name="ck_one_row"),
    )
    op.execute("INSERT INTO setup (id, probes) VALUES (1, 0)")


def upgrade() -> None:
    _persons()
    _programs()
    _acts()
