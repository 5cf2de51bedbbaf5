"""What persons and second models said about parts, and with which probability a picture was kept."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _sampling() -> None:
    for name in ("evidence_share", "lossless_share", "audit_share"):
        op.add_column("inspections", sa.Column(name, sa.Float))
    op.create_index("ix_audit", "inspections", ["id"], sqlite_where=sa.text("audit_share IS NOT NULL"))
    # Pictures of these were always kept. With which share those of OK parts were is not known any more.
    op.execute("UPDATE inspections SET evidence_share = 1.0 WHERE evidence_file IS NOT NULL AND outcome != 'OK'")
    op.add_column("meta", sa.Column("draw_key", sa.LargeBinary))
    op.execute("UPDATE meta SET draw_key = randomblob(16)")


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("inspection_id", sa.Integer, sa.ForeignKey("inspections.id"), nullable=False),
        sa.Column("utc_us", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reviewer", "verdict", "boxes", "note", "stratum")),
        sa.Column("token", sa.Text),
        sa.CheckConstraint("verdict IN ('ok', 'ng')", name="ck_verdict"),
        sa.CheckConstraint("stratum IN ('audit', 'queue', 'import')", name="ck_stratum"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reviews_inspection", "reviews", ["inspection_id"])
    op.create_index("ix_reviews_token", "reviews", ["token"], unique=True, sqlite_where=sa.text("token IS NOT NULL"))


def _opinions() -> None:
    texts = ("model", "model_hash", "role", "outcome", "reasons", "detections")
    op.create_table(
        "second_opinions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("inspection_id", sa.Integer, sa.ForeignKey("inspections.id"), nullable=False),
        sa.Column("utc_us", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("infer_ms", sa.Float, nullable=False),
        sa.CheckConstraint("role IN ('shadow', 'canary')", name="ck_role"),
        sa.CheckConstraint("outcome IN ('OK', 'NG', 'UNSURE')", name="ck_opinion"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_opinions_part", "second_opinions", ["inspection_id", "model_hash", "role"], unique=True)
    op.create_index("ix_opinions_model", "second_opinions", ["model_hash", "role"])


def upgrade() -> None:
    _sampling()
    _reviews()
    _opinions()
