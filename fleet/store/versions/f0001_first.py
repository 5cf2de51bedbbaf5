"""Everything: stations and epochs, messages, windows, sums, events, alarms, what was set aside."""

from alembic import op

from fleet.store.schema import metadata

revision = "f0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
