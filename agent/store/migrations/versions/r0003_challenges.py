"""Challenge runs, what their parts were judged, and overrides."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _runs() -> None:
    bound = ("recipe", "recipe_hash", "model", "model_hash", "run", "shift")
    states = "'running', 'passed', 'failed', 'aborted', 'overridden', 'lapsed'"
    whole = ("mark_id", "hold_after_id", "hold_upto_id")
    op.create_table(
        "challenges",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("lane", "state", *bound, "by", "why", "reason")),
        sa.Column("started_utc_us", sa.Integer, nullable=False),
        sa.Column("ended_utc_us", sa.Integer),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("ended_by", "note", "parts")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in whole),
        sa.CheckConstraint(f"state IN ({states})", name="ck_challenge"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_challenges_lane", "challenges", ["lane"])
    op.create_index("ix_challenges_started", "challenges", ["started_utc_us"])


def _results() -> None:
    op.create_table(
        "challenge_results",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("challenge_id", sa.Integer, sa.ForeignKey("challenges.id"), nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("inspection_id", sa.Integer, nullable=False),
        sa.Column("utc_us", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("outcome", "defects", "wrong")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_challenge_results", "challenge_results", ["challenge_id"])


def upgrade() -> None:
    _runs()
    _results()
