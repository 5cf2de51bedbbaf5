"""What `web.db` knows: persons, their sessions, tokens of programs, and what was done."""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["viewer", "operator", "engineer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""In rising order: who may do something is who has at least its role."""

Way = Literal["", "session", "token", "machine", "console"]
"""By what somebody is known: logged in, a program's token, sitting at this machine, root on the console; not at all."""
Outcome = Literal["done", "refused"]


@dataclass(frozen=True, slots=True)
class User:
    """A person who may log in. Never removed: acts name them."""

    id: int
    name: str
    role: Role
    disabled: bool
    must_change: bool
    """The password was set by somebody else: the first thing to do is to choose an own one."""
    made_utc_us: int
    password_utc_us: int
    """When the password was set."""
    seen_utc_us: int | None
    """Last log-in; None: never."""


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of one browser."""

    id: int
    user: User
    made_utc_us: int
    seen_utc_us: int
    """Last request, at most a minute old."""
    ended: bool
    """By logging out, or by somebody who ended it."""
    address: str


@dataclass(frozen=True, slots=True)
class Token:
    """What a program shows instead of logging in; its secret was shown once and is not kept."""

    id: int
    name: str
    role: Role
    made_by: str
    made_utc_us: int
    expires_utc_us: int | None
    """None: never."""
    used_utc_us: int | None
    """Last use, at most a minute old; None: never."""
    revoked_utc_us: int | None

    def usable(self, now_utc_us: int) -> bool:
        return self.revoked_utc_us is None and (self.expires_utc_us is None or now_utc_us < self.expires_utc_us)


@dataclass(frozen=True, slots=True)
class Doer:
    """Who did something, as it is written down."""

    name: str
    role: str
    way: Way
    address: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done, or refused."""

    id: int
    utc_us: int
    who: Doer
    act: str
    """AREA.VERB."""
    subject: str
    outcome: Outcome
    before: str
    """A JSON object; empty for what was not there."""
    after: str
    """The same; of what was refused {"why": TEXT}."""


@dataclass(frozen=True, slots=True)
class ActQuery:
    """Which acts; an empty text asks nothing."""

    who: str = ""
    """The whole name."""
    area: str = ""
    """The first part of `act`."""
    text: str = ""
    """Stands in the subject, or in what was before or after."""
    outcome: str = ""
    since_utc_us: int | None = None
    until_utc_us: int | None = None
    before_id: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong passwords in a row, by one address or for one name."""

    count: int
    last_utc_us: int
