"""Roll-outs: models' files, roll-outs, their stations."""

import sqlalchemy as sa
from alembic import op

revision = "f0002"
down_revision = "f0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _numbers(*names: str) -> list["sa.Column[int]"]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _texts(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    _model_file()
    _rollout()
    _rollout_target()


def _model_file() -> None:
    op.create_table(
        "model_file",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        *_texts("token", "name", "model", "sha256"),
        *_numbers("size", "added_us"),
        *_texts("added_by"),
        sa.UniqueConstraint("token", name="uq_model_file"),
        sqlite_autoincrement=True,
    )


def _rollout() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("file_id", sa.BigInteger, sa.ForeignKey("model_file.id"), nullable=False),
        *_numbers("begun_us"),
        *_texts("begun_by"),
        *_numbers("first", "most_failures", "forgiven"),
        sa.Column("activate", sa.Boolean, nullable=False),
        *_texts("recipe", "phase", "why"),
        sqlite_autoincrement=True,
    )


def _rollout_target() -> None:
    op.create_table(
        "rollout_target",
        sa.Column("rollout_id", sa.BigInteger, sa.ForeignKey("rollout.id"), primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        *_texts("site", "line", "station", "command", "progress"),
        *_numbers("percent"),
        *_texts("why"),
        *_numbers("expires_ms", "changed_us", "said_us", "cancel_ms"),
        sa.UniqueConstraint("command", name="uq_rollout_command"),
    )
    op.create_index("ix_rollout_target_station", "rollout_target", ["site", "line", "station"])
