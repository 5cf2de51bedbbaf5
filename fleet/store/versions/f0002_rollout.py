"""Roll-outs: models' files, roll-outs, their stations."""

from alembic import op

from fleet.store.rollout_schema import TABLES
from fleet.store.schema import metadata

revision = "f0002"
down_revision = "f0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind(), tables=list(TABLES))
