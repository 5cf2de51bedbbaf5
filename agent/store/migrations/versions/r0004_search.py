"""A search by recipe or model walks the rows of what judged, and not all of them."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_origin", "inspections", ["origin_id", "outcome"])
