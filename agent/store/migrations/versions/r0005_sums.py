"""Sums of parts, five minutes by five minutes, for what lies in summaries already."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COUNTS = ("parts", "ok", "ng", "unsure", "first", "first_ok", "first_ng", "first_unsure", "measured")
_FILL = """
INSERT INTO sums
SELECT i.origin_id, i.captured_utc_us / 300000000 * 300000000, count(*),
  total(i.outcome = 'OK'), total(i.outcome = 'NG'), total(i.outcome = 'UNSURE'), total(i.attempt = 1),
  total(i.attempt = 1 AND i.outcome = 'OK'), total(i.attempt = 1 AND i.outcome = 'NG'),
  total(i.attempt = 1 AND i.outcome = 'UNSURE'), count(i.brightness), total(i.brightness), total(i.sharpness)
FROM inspections AS i JOIN (SELECT lane, max(last_id) AS upto FROM summaries GROUP BY lane) AS s ON s.lane = i.lane
WHERE i.id <= s.upto AND i.state = 'judged' AND i.purpose = 'production'
GROUP BY 1, 2
"""


def upgrade() -> None:
    op.create_table(
        "sums",
        sa.Column("origin_id", sa.Integer, sa.ForeignKey("origins.id"), primary_key=True),
        sa.Column("start_utc_us", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("brightness", "sharpness")),
        sqlite_with_rowid=False,
    )
    op.execute(_FILL)
