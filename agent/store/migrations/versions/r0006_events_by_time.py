"""A shift's events are found by their time, and not by a walk over all of them."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_events_utc", "events", ["utc_us"])
