"""Stations and epochs, messages, windows, sums, events, alarms, what was set aside, collectors."""

import sqlalchemy as sa
from alembic import op

revision = "f0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SUMMED = (
    "parts",
    "ok",
    "ng",
    "unsure",
    "first_pass",
    "first_pass_ok",
    "missed",
    "other_purposes",
    "untrusted_clock",
    "score_count",
    "quality_parts",
    "latency_sum_ms_e3",
    "brightness_sum_e3",
    "sharpness_sum_e3",
    "latency_le_2",
    "latency_le_5",
    "latency_le_10",
    "latency_le_15",
    "latency_le_20",
    "latency_le_30",
    "latency_le_50",
    "latency_le_75",
    "latency_le_100",
    "latency_le_150",
    "latency_le_200",
    "latency_le_300",
    "latency_le_500",
    "latency_le_1000",
    "score_le_05",
    "score_le_10",
    "score_le_15",
    "score_le_20",
    "score_le_25",
    "score_le_30",
    "score_le_35",
    "score_le_40",
    "score_le_45",
    "score_le_50",
    "score_le_55",
    "score_le_60",
    "score_le_65",
    "score_le_70",
    "score_le_75",
    "score_le_80",
    "score_le_85",
    "score_le_90",
    "score_le_95",
)
"""Columns of a window and of an hour that add, as they were then."""


def _numbers(*names: str) -> list["sa.Column[int]"]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _texts(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    _stations()
    _messages()
    _sums()
    _told()
    _asides()


def _stations() -> None:
    op.create_table(
        "station",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        *_texts("site", "line", "name"),
        sa.Column("online", sa.Boolean, nullable=False),
        *_numbers("since_ms"),
        *_texts("version", "boot", "instance", "instance_before"),
        *_numbers("since_before_ms"),
        *_texts("why"),
        *_numbers("status_us", "heard_us", "conflict_us"),
        sa.Column("up", sa.Boolean, nullable=False),
        *_texts("standing"),
        *_numbers("standing_ms"),
        sa.UniqueConstraint("site", "line", "name", name="uq_station"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "epoch",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("station_id", sa.BigInteger, sa.ForeignKey("station.id"), nullable=False),
        *_texts("epoch"),
        sa.Column("box", sa.Integer, nullable=False),
        *_numbers(
            "began_ms",
            "held",
            "highest",
            "stored",
            "forgotten",
            "newest_ms",
            "complete_ms",
            "first_heard_us",
            "last_heard_us",
            "gap_since_us",
            "asked_us",
        ),
        sa.UniqueConstraint("station_id", "epoch", name="uq_epoch"),
        sqlite_autoincrement=True,
    )


def _messages() -> None:
    op.create_table(
        "message",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *_numbers("ts_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "judged_by",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *_texts("models", "recipes"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "summary",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        *_texts("lane"),
        sa.Column("judged_by_id", sa.BigInteger, sa.ForeignKey("judged_by.id"), nullable=False),
        *_numbers("start_ms", "end_ms", "first_id", "last_id", "parts_total"),
        *_numbers(*_SUMMED),
        sa.Column("latency_max_ms", sa.Float(53), nullable=False),
        sa.Column("temperature_c", sa.Float(53)),
        *_texts("found"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_summary_lane", "summary", ["epoch_id", "lane", "start_ms"])
    op.create_index("ix_summary_time", "summary", ["start_ms"])


def _sums() -> None:
    op.create_table(
        "hour_sum",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("judged_by_id", sa.BigInteger, sa.ForeignKey("judged_by.id"), primary_key=True, autoincrement=False),
        *_numbers("windows"),
        *_numbers(*_SUMMED),
        sa.Column("latency_max_ms", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_hour_sum_hour", "hour_sum", ["hour"])
    op.create_table(
        "day_sum",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("judged_by_id", sa.BigInteger, sa.ForeignKey("judged_by.id"), primary_key=True, autoincrement=False),
        *_numbers("windows"),
        *_numbers(*_SUMMED),
        sa.Column("latency_max_ms", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_day_sum_hour", "day_sum", ["hour"])
    op.create_table(
        "defect_sum",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, primary_key=True),
        *_numbers("n"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_defect_sum_hour", "defect_sum", ["hour"])
    op.create_table(
        "defect_day",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, primary_key=True),
        *_numbers("n"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_defect_day_hour", "defect_day", ["hour"])
    op.create_table(
        "class_name",
        sa.Column("slug", sa.Text, primary_key=True),
        *_texts("name"),
    )


def _told() -> None:
    op.create_table(
        "lane",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("lane", sa.Text, primary_key=True),
        *_numbers("seq"),
        *_texts("camera", "models", "recipes"),
        *_numbers("end_ms", "last_part_ms"),
        sa.Column("temperature_c", sa.Float(53)),
    )
    op.create_table(
        "event",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        *_numbers("ts_ms"),
        *_texts("name", "lane", "detail"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_event_time", "event", ["ts_ms"])
    op.create_table(
        "alarm",
        sa.Column("epoch_id", sa.BigInteger, sa.ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("lane", sa.Text, primary_key=True),
        *_numbers("began_seq", "began_ms"),
        *_texts("detail"),
        *_numbers("ended_seq", "ended_ms", "known_seq", "known_ms"),
        *_texts("known_by", "known_note"),
    )
    op.create_index("ix_alarm_began", "alarm", ["began_ms"])


def _asides() -> None:
    op.create_table(
        "set_aside",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        *_numbers("utc_us"),
        *_texts("cause", "reason", "topic"),
        sa.Column("station_id", sa.BigInteger, sa.ForeignKey("station.id")),
        *_numbers("size"),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collector",
        sa.Column("name", sa.Text, primary_key=True),
        *_numbers("started_us", "seen_us"),
        *_texts("broker", "detail"),
        *_numbers("stored", "again", "set_aside"),
    )
    op.create_table(
        "refusal",
        sa.Column("cause", sa.Text, primary_key=True),
        sa.Column("station_id", sa.BigInteger, primary_key=True, autoincrement=False),
        *_numbers("n", "last_us"),
    )
