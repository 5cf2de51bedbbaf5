"""The tables of `web.db`. What moves it from one version to the next is in `versions/`.

Times are integer microseconds UTC. No secret is in it: of a password there is an argon2 hash, of a session's
or program's token a SHA-256 (they are random, so that a quick hash is enough).
"""

from pathlib import Path

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

HEAD = "p0001"
"""The version this okng writes and reads: the newest revision in `versions`."""
VERSIONS = Path(__file__).parent / "versions"

metadata = MetaData()

_ROLE = "role IN ('viewer', 'operator', 'engineer', 'admin')"

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("made_utc_us", Integer, nullable=False),
    Column("password_utc_us", Integer, nullable=False),
    Column("seen_utc_us", Integer),
    CheckConstraint(_ROLE, name="ck_user_role"),
    sqlite_autoincrement=True,
)
"""`key`: the name as it is compared, so that Anna and anna are one person."""

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("user_id", Integer, ForeignKey("users.id"), nullable=False),
    Column("made_utc_us", Integer, nullable=False),
    Column("seen_utc_us", Integer, nullable=False),
    Column("ended_utc_us", Integer),
    Column("address", Text, nullable=False),
    Index("ix_sessions_user", "user_id"),
    sqlite_autoincrement=True,
)
"""Those that ended are kept for a while: who uses one again is told from who has none."""

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_utc_us", Integer, nullable=False),
    Column("expires_utc_us", Integer),
    Column("used_utc_us", Integer),
    Column("revoked_utc_us", Integer),
    CheckConstraint(_ROLE, name="ck_token_role"),
    sqlite_autoincrement=True,
)

failures = Table(
    "failures",
    metadata,
    Column("key", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("last_utc_us", Integer, nullable=False),
    Index("ix_failures_last", "last_utc_us"),
)
"""`key`: "address ..." or "user ..."."""

acts = Table(
    "acts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("utc_us", Integer, nullable=False),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    CheckConstraint("outcome IN ('done', 'refused')", name="ck_outcome"),
    Index("ix_acts_who", "who", "id"),
    Index("ix_acts_utc", "utc_us"),
    sqlite_autoincrement=True,
)

setup = Table(
    "setup",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", LargeBinary),
    Column("probes", Integer, nullable=False),
    CheckConstraint("id = 1", name="ck_one_row"),
)
"""One row. `code`: SHA-256 of the set-up code while nobody is there yet. `probes`: counts the acts that were
begun, so that it shows before an act whether it can be written down."""
