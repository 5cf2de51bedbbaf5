"""The tables of the centre's database. What moves one from one version to the next is in `versions/`.

What a station measured by its own clock is in milliseconds since 1970 (`_ms`), what the centre noted by its
own in microseconds (`_us`), both UTC. Sums of measured numbers are whole numbers of thousandths, as the
messages have them: whole numbers give the same sum in any order.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from agent.uplink.messages import LATENCY_FIELDS, SCORE_FIELDS

HEAD = "f0003"
"""The version this okng writes and reads: the newest revision in `versions`."""
VERSIONS = Path(__file__).parent / "versions"

HOUR_MS = 3_600_000
DAY_HOURS = 24
COUNTS = (
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
)
"""Fields of a summary that add."""
MILLI_SUMS = ("latency_sum_ms", "brightness_sum", "sharpness_sum")
"""Fields of a summary that add and have three decimals."""
BUCKETS = (*LATENCY_FIELDS, *SCORE_FIELDS)
"""Cumulative counts, as in the messages: they go on adding up when a bound is added."""
SUMMED = (*COUNTS, *(f"{name}_e3" for name in MILLI_SUMS), *BUCKETS)
"""Columns of a window and of an hour that add."""

metadata = MetaData()


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, BigInteger, nullable=False, **options)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _key() -> Column[int]:
    """SQLite numbers rows by itself only where the type is INTEGER to the letter."""
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


station = Table(
    "station",
    metadata,
    _key(),
    _text("site"),
    _text("line"),
    _text("name"),
    Column("online", Boolean, nullable=False),
    _number("since_ms"),
    _text("version"),
    _text("boot"),
    _text("instance"),
    _text("instance_before"),
    _number("since_before_ms"),
    _text("why"),
    _number("status_us"),
    _number("heard_us"),
    _number("conflict_us"),
    Column("up", Boolean, nullable=False),
    _text("standing"),
    _number("standing_ms"),
    UniqueConstraint("site", "line", "name", name="uq_station"),
    sqlite_autoincrement=True,
)
"""`status_us`: when its status came; `heard_us`: when anything did; `conflict_us`: when two last spoke in its name.
`up`, `standing`: what `alarms` said last, at `standing_ms`: whether its process answers, and which alarms stand."""

epoch = Table(
    "epoch",
    metadata,
    _key(),
    Column("station_id", BigInteger, ForeignKey("station.id"), nullable=False),
    _text("epoch"),
    Column("box", Integer, nullable=False),
    _number("began_ms"),
    _number("held"),
    _number("highest"),
    _number("stored"),
    _number("forgotten"),
    _number("newest_ms"),
    _number("complete_ms"),
    _number("first_heard_us"),
    _number("last_heard_us"),
    _number("gap_since_us"),
    _number("asked_us"),
    UniqueConstraint("station_id", "epoch", name="uq_epoch"),
    sqlite_autoincrement=True,
)
"""`held`: highest number without a gap below; `highest`: seen; `stored`: how many are held in all; `forgotten`: up to
here the numbers were held and their rows may be gone. `complete_ms`: time of the newest message up to `held`.
`gap_since_us`, `asked_us`: since when there is a gap, and when it was last named to the station; 0: none."""

message = Table(
    "message",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    _number("ts_ms"),
    sqlite_with_rowid=False,
)
"""The identity of everything that was stored, and the SHA-256 of its bytes."""

judged_by = Table(
    "judged_by", metadata, _key(), Column("digest", LargeBinary, nullable=False, unique=True), _text("models"),
    _text("recipes"), sqlite_autoincrement=True,
)  # fmt: skip
"""Which models and recipes judged: comma-separated, as the messages have them."""


def _sums() -> list[Column[int]]:
    return [_number(name) for name in SUMMED]


summary = Table(
    "summary",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _text("lane"),
    Column("judged_by_id", BigInteger, ForeignKey("judged_by.id"), nullable=False),
    _number("start_ms"),
    _number("end_ms"),
    _number("first_id"),
    _number("last_id"),
    _number("parts_total"),
    *_sums(),
    Column("latency_max_ms", Float(53), nullable=False),
    Column("temperature_c", Float(53)),
    _text("found"),
    Index("ix_summary_time", "start_ms"),
    Index("ix_summary_lane", "epoch_id", "lane", "start_ms"),
    sqlite_with_rowid=False,
)
"""One window of a lane. `found`: defect_SLUG=N;missing_SLUG=N;unsure_RULE=N."""


def _sum_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        Column("lane", Text, primary_key=True),
        Column("hour", BigInteger, primary_key=True, autoincrement=False),
        Column("judged_by_id", BigInteger, ForeignKey("judged_by.id"), primary_key=True, autoincrement=False),
        _number("windows"),
        *_sums(),
        Column("latency_max_ms", Float(53), nullable=False),
        Index(f"ix_{name}_hour", "hour"),
        sqlite_with_rowid=False,
    )


hour_sum, day_sum = _sum_table("hour_sum"), _sum_table("day_sum")
"""Everything that began in an hour since 1970, or in the 24 hours of a UTC day from that hour on. A window counts in
the hour and the day in which it begins. Days are there so that a month of a large fleet is quick to read."""


def _defect_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
        Column("lane", Text, primary_key=True),
        Column("hour", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Text, primary_key=True),
        Column("slug", Text, primary_key=True),
        _number("n"),
        Index(f"ix_{name}_hour", "hour"),
        sqlite_with_rowid=False,
    )


defect_sum, defect_day = _defect_table("defect_sum"), _defect_table("defect_day")
"""`kind`: defect (detections that made parts NG), missing or unsure (parts). By the hour, and by the UTC day."""

class_name = Table("class_name", metadata, Column("slug", Text, primary_key=True), _text("name"))
"""Classes whose field name differs from their name."""

lane = Table(
    "lane",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
    Column("lane", Text, primary_key=True),
    _number("seq"),
    _text("camera"),
    _text("models"),
    _text("recipes"),
    _number("end_ms"),
    _number("last_part_ms"),
    Column("temperature_c", Float(53)),
)
"""What a lane's newest window said. `last_part_ms`: 0 when it never had one."""

event = Table(
    "event",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _number("ts_ms"),
    _text("name"),
    _text("lane"),
    _text("detail"),
    Index("ix_event_time", "ts_ms"),
    sqlite_with_rowid=False,
)
"""`detail`: a JSON object."""

alarm = Table(
    "alarm",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epoch.id"), primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    _number("began_seq"),
    _number("began_ms"),
    _text("detail"),
    _number("ended_seq"),
    _number("ended_ms"),
    _number("known_seq"),
    _number("known_ms"),
    _text("known_by"),
    _text("known_note"),
    Index("ix_alarm_began", "began_ms"),
)
"""An alarm's newest beginning, end and acknowledgement, in whatever order they came; 0: there was none."""

set_aside = Table(
    "set_aside",
    metadata,
    _key(),
    _number("utc_us"),
    _text("cause"),
    _text("reason"),
    _text("topic"),
    Column("station_id", BigInteger, ForeignKey("station.id")),
    _number("size"),
    Column("head", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""The newest messages that were not taken. `head`: at most 4 KiB of their `size` bytes."""

collector = Table(
    "collector",
    metadata,
    Column("name", Text, primary_key=True),
    _number("started_us"),
    _number("seen_us"),
    _text("broker"),
    _text("detail"),
    _number("stored"),
    _number("again"),
    _number("set_aside"),
)
"""The collectors, as each says itself now and then. `broker`: the state of its connection, `detail`: why."""

refusal = Table(
    "refusal",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("station_id", BigInteger, primary_key=True, autoincrement=False),
    _number("n"),
    _number("last_us"),
)
"""How many were set aside, ever. `station_id` 0: of no station that is known."""
