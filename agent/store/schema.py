"""The tables of `results.db`. What moves a database from one version to the next is in `migrations/`.

Times are integer microseconds UTC. Text is kept as text, so that the file can be read with any SQLite
tool. What repeats in every row (who judged, in which run) stands once in `origins` and `runs`.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
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
    text,
)

HEAD = "0006"
"""The version this okng writes and reads: the newest revision in `migrations/versions`."""

metadata = MetaData()

origins = Table(
    "origins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("lane", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("camera_serial", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("recipe_hash", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_hash", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("software", Text, nullable=False),
    UniqueConstraint(
        "lane",
        "camera",
        "camera_serial",
        "recipe",
        "recipe_hash",
        "model",
        "model_hash",
        "device",
        "software",
        name="uq_origins",
    ),
)
"""Which camera, recipe, model, device and software judged: one row a combination."""

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Text, nullable=False),
    Column("boot", Text, nullable=False),
    UniqueConstraint("run", "boot", name="uq_runs"),
)
"""The station process's runs, each with the boot its monotonic times belong to."""

inspections = Table(
    "inspections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("origin_id", Integer, ForeignKey("origins.id"), nullable=False),
    Column("run_id", Integer, ForeignKey("runs.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("part_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("captured_utc_us", Integer, nullable=False),
    Column("captured_mono_ns", Integer, nullable=False),
    Column("decided_utc_us", Integer, nullable=False),
    Column("clock_trusted", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("fault", Text),
    Column("note", Text, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    Column("wait_ms", Float, nullable=False),
    Column("quality_ms", Float, nullable=False),
    Column("prepare_ms", Float, nullable=False),
    Column("infer_ms", Float, nullable=False),
    Column("decode_ms", Float, nullable=False),
    Column("judge_ms", Float, nullable=False),
    Column("total_ms", Float, nullable=False),
    Column("sharpness", Float),
    Column("brightness", Float),
    Column("saturated", Float),
    Column("age_ms", Float),
    Column("identical", Integer),
    Column("answered_utc_us", Integer),
    Column("confirmed_utc_us", Integer),
    Column("evidence_file", Text),
    Column("evidence_sha256", Text),
    Column("evidence_bytes", Integer),
    Column("evidence_share", Float),
    Column("lossless_share", Float),
    Column("audit_share", Float),
    CheckConstraint("state IN ('open', 'judged')", name="ck_state"),
    CheckConstraint("outcome IN ('OK', 'NG', 'UNSURE')", name="ck_outcome"),
    Index("ix_lane", "lane"),
    Index("ix_outcome", "outcome"),
    Index("ix_lane_outcome", "lane", "outcome"),
    Index("ix_captured", "captured_utc_us"),
    # Which recipe and model judged stands in `origins`: a search by them is a walk over each one's rows.
    Index("ix_origin", "origin_id", "outcome"),
    # Covers the tally, so that a day's counts never read the rows themselves.
    Index("ix_tally", "lane", "captured_utc_us", "state", "purpose", "attempt", "outcome", "missed"),
    Index("ix_part", "part_id", sqlite_where=text("part_id != ''")),
    Index("ix_purpose", "purpose", sqlite_where=text("purpose != 'production'")),
    Index("ix_open", "lane", sqlite_where=text("state = 'open'")),
    Index("ix_evidence", "outcome", "lane", sqlite_where=text("evidence_file IS NOT NULL")),
    Index("ix_audit", "id", sqlite_where=text("audit_share IS NOT NULL")),
    sqlite_autoincrement=True,
)
"""One row a part. AUTOINCREMENT: an id is never given twice, whatever retention deletes.

`answered_utc_us` and `confirmed_utc_us` are the line's: when the verdict was given, and when the
reject was confirmed. `identical` is NULL where there was no picture to measure. What the last three
columns say is in `agent.store.values.Sampling`.
"""

detections = Table(
    "detections",
    metadata,
    Column("inspection_id", Integer, ForeignKey("inspections.id"), primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("label", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("x1", Float, nullable=False),
    Column("y1", Float, nullable=False),
    Column("x2", Float, nullable=False),
    Column("y2", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""What the model found, px of the frame; `n` is the index in `Inspection.detections`."""

defects = Table(
    "defects",
    metadata,
    Column("label", Text, primary_key=True),
    Column("inspection_id", Integer, ForeignKey("inspections.id"), primary_key=True, autoincrement=False),
    Column("lane", Text, nullable=False),
    Index("ix_defects_lane", "lane", "label", "inspection_id"),
    Index("ix_defects_inspection", "inspection_id"),
    sqlite_with_rowid=False,
)
"""Which defect classes stand among a part's reasons: derived from `reasons`, there to be searched."""

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("inspection_id", Integer, ForeignKey("inspections.id"), nullable=False),
    Column("utc_us", Integer, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("boxes", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("stratum", Text, nullable=False),
    Column("token", Text),
    CheckConstraint("verdict IN ('ok', 'ng')", name="ck_verdict"),
    CheckConstraint("stratum IN ('audit', 'queue', 'import')", name="ck_stratum"),
    Index("ix_reviews_inspection", "inspection_id"),
    Index("ix_reviews_token", "token", unique=True, sqlite_where=text("token IS NOT NULL")),
    sqlite_autoincrement=True,
)
"""What persons said about parts. Nothing is ever changed in it; of a part's reviews the newest counts."""

second_opinions = Table(
    "second_opinions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("inspection_id", Integer, ForeignKey("inspections.id"), nullable=False),
    Column("utc_us", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("detections", Text, nullable=False),
    Column("infer_ms", Float, nullable=False),
    CheckConstraint("role IN ('shadow', 'canary')", name="ck_role"),
    CheckConstraint("outcome IN ('OK', 'NG', 'UNSURE')", name="ck_opinion"),
    Index("ix_opinions_part", "inspection_id", "model_hash", "role", unique=True),
    Index("ix_opinions_model", "model_hash", "role"),
    sqlite_autoincrement=True,
)
"""What another model than the one that decided saw on the same part."""

challenges = Table(
    "challenges",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("lane", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("recipe_hash", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_hash", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("shift", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_utc_us", Integer, nullable=False),
    Column("ended_utc_us", Integer),
    Column("ended_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Column("mark_id", Integer, nullable=False),
    Column("hold_after_id", Integer, nullable=False),
    Column("hold_upto_id", Integer, nullable=False),
    CheckConstraint("state IN ('running', 'passed', 'failed', 'aborted', 'overridden', 'lapsed')", name="ck_challenge"),
    Index("ix_challenges_lane", "lane"),
    Index("ix_challenges_started", "started_utc_us"),
    sqlite_autoincrement=True,
)
"""Challenge runs and overrides, in the order of their rulings. `mark_id`: the last inspection when it began."""

challenge_results = Table(
    "challenge_results",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("challenge_id", Integer, ForeignKey("challenges.id"), nullable=False),
    Column("part", Text, nullable=False),
    Column("inspection_id", Integer, nullable=False),
    Column("utc_us", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("defects", Text, nullable=False),
    Column("wrong", Text, nullable=False),
    Index("ix_challenge_results", "challenge_id"),
    sqlite_autoincrement=True,
)
"""What challenge parts were judged. `inspection_id` may name one that retention has deleted."""

sums = Table(
    "sums",
    metadata,
    Column("origin_id", Integer, ForeignKey("origins.id"), primary_key=True),
    Column("start_utc_us", Integer, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in ("parts", "ok", "ng", "unsure")),
    *(Column(name, Integer, nullable=False) for name in ("first", "first_ok", "first_ng", "first_unsure")),
    Column("measured", Integer, nullable=False),
    Column("brightness", Float, nullable=False),
    Column("sharpness", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""The production parts of an origin, five minutes by five minutes (`agent.quality.bins.Bin`), of all that lies in
summaries: a window's parts are added when it is cut. Stays when retention deletes the rows."""

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("utc_us", Integer, nullable=False),
    Column("mono_ns", Integer, nullable=False),
    Column("boot", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_events_utc", "utc_us"),
    sqlite_autoincrement=True,
)

summaries = Table(
    "summaries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("lane", Text, nullable=False),
    Column("start_utc_us", Integer, nullable=False),
    Column("end_utc_us", Integer, nullable=False),
    Column("first_id", Integer, nullable=False),
    Column("last_id", Integer, nullable=False),
    Column("made_utc_us", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("ok", Integer, nullable=False),
    Column("ng", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    Column("missed", Integer, nullable=False),
    Index("ix_summaries_lane", "lane"),
    Index("ix_summaries_made", "made_utc_us"),
    sqlite_autoincrement=True,
)
"""One row a window; `body` is the whole `Summary`, the last five columns its lane's rising totals."""

outbox = Table(
    "outbox",
    metadata,
    Column("epoch", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("ref", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("utc_us", Integer, nullable=False),
    Column("settled", Boolean, nullable=False),
    CheckConstraint("kind IN ('summary', 'event')", name="ck_kind"),
    Index("ix_unsettled", "epoch", "seq", sqlite_where=text("settled = 0")),
    Index("ix_outbox_utc", "utc_us"),
)
"""What goes to the centre. `ref` is the row of `summaries` or `events` that the payload was made from."""

meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("start_seq", Integer),
    Column("settle", Text, nullable=False),
    Column("born_utc_us", Integer, nullable=False),
    Column("software", Text, nullable=False),
    Column("draw_key", LargeBinary),
    CheckConstraint("id = 1", name="ck_one_row"),
)
"""One row. `start_seq`: `last_seq` at the first start since the centre last agreed with us; NULL when
there was none. What came after it may be of a restored database (see `outbox.renew`). `draw_key`: random, 16
bytes; which parts' pictures are drawn hangs on it, so that nobody can tell beforehand."""


# Conditions as SQLite needs them to use its partial indexes: with the constant in the statement's text.
OPEN = text("inspections.state = 'open'")
JUDGED = text("inspections.state = 'judged'")
PRODUCTION = text("inspections.state = 'judged' AND inspections.purpose = 'production'")
KEPT = text("inspections.evidence_file IS NOT NULL")
DRAWN = text("inspections.audit_share IS NOT NULL")
NAMED = text("inspections.part_id != ''")
NOT_PRODUCTION = text("inspections.purpose != 'production'")
WAITING = text("outbox.settled = 0")
