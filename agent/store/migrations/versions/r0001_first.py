"""The first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _origins_and_runs() -> None:
    names = ("lane", "camera", "camera_serial", "recipe", "recipe_hash", "model", "model_hash", "device", "software")
    op.create_table(
        "origins",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in names),
        sa.UniqueConstraint(*names, name="uq_origins"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("boot", sa.Text, nullable=False),
        sa.UniqueConstraint("run", "boot", name="uq_runs"),
    )


def _inspections() -> None:
    stages = ("wait_ms", "quality_ms", "prepare_ms", "infer_ms", "decode_ms", "judge_ms", "total_ms")
    op.create_table(
        "inspections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("origin_id", sa.Integer, sa.ForeignKey("origins.id"), nullable=False),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("part_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("captured_utc_us", sa.Integer, nullable=False),
        sa.Column("captured_mono_ns", sa.Integer, nullable=False),
        sa.Column("decided_utc_us", sa.Integer, nullable=False),
        sa.Column("clock_trusted", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("fault", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Float, nullable=False) for name in stages),
        *(sa.Column(name, sa.Float) for name in ("sharpness", "brightness", "saturated", "age_ms")),
        sa.Column("identical", sa.Integer),
        sa.Column("answered_utc_us", sa.Integer),
        sa.Column("confirmed_utc_us", sa.Integer),
        sa.Column("evidence_file", sa.Text),
        sa.Column("evidence_sha256", sa.Text),
        sa.Column("evidence_bytes", sa.Integer),
        sa.CheckConstraint("state IN ('open', 'judged')", name="ck_state"),
        sa.CheckConstraint("outcome IN ('OK', 'NG', 'UNSURE')", name="ck_outcome"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lane", "inspections", ["lane"])
    op.create_index("ix_outcome", "inspections", ["outcome"])
    op.create_index("ix_lane_outcome", "inspections", ["lane", "outcome"])
    op.create_index("ix_captured", "inspections", ["captured_utc_us"])
    tally = ["lane", "captured_utc_us", "state", "purpose", "attempt", "outcome", "missed"]
    op.create_index("ix_tally", "inspections", tally)
    op.create_index("ix_part", "inspections", ["part_id"], sqlite_where=sa.text("part_id != ''"))
    op.create_index("ix_purpose", "inspections", ["purpose"], sqlite_where=sa.text("purpose != 'production'"))
    op.create_index("ix_open", "inspections", ["lane"], sqlite_where=sa.text("state = 'open'"))
    kept = sa.text("evidence_file IS NOT NULL")
    op.create_index("ix_evidence", "inspections", ["outcome", "lane"], sqlite_where=kept)


def _findings() -> None:
    op.create_table(
        "detections",
        sa.Column("inspection_id", sa.Integer, sa.ForeignKey("inspections.id"), primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("label", sa.Text, nullable=False),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("score", "x1", "y1", "x2", "y2")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "defects",
        sa.Column("label", sa.Text, primary_key=True),
        sa.Column("inspection_id", sa.Integer, sa.ForeignKey("inspections.id"), primary_key=True, autoincrement=False),
        sa.Column("lane", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_defects_lane", "defects", ["lane", "label", "inspection_id"])
    op.create_index("ix_defects_inspection", "defects", ["inspection_id"])


def _messages() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("utc_us", sa.Integer, nullable=False),
        sa.Column("mono_ns", sa.Integer, nullable=False),
        sa.Column("boot", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    numbers = ("start_utc_us", "end_utc_us", "first_id", "last_id", "made_utc_us")
    op.create_table(
        "summaries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("lane", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in numbers),
        sa.Column("body", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("parts", "ok", "ng", "unsure", "missed")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_summaries_lane", "summaries", ["lane"])
    op.create_index("ix_summaries_made", "summaries", ["made_utc_us"])
    op.create_table(
        "outbox",
        sa.Column("epoch", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("ref", sa.Integer, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("utc_us", sa.Integer, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.CheckConstraint("kind IN ('summary', 'event')", name="ck_kind"),
    )
    op.create_index("ix_unsettled", "outbox", ["epoch", "seq"], sqlite_where=sa.text("settled = 0"))
    op.create_index("ix_outbox_utc", "outbox", ["utc_us"])
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("start_seq", sa.Integer),
        sa.Column("settle", sa.Text, nullable=False),
        sa.Column("born_utc_us", sa.Integer, nullable=False),
        sa.Column("software", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="ck_one_row"),
    )


def upgrade() -> None:
    _origins_and_runs()
    _inspections()
    _findings()
    _messages()
