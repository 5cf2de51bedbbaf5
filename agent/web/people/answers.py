"""What REST answers and takes about persons, tokens and acts."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agent.store.people.values import Act, Outcome, Role, Token, User, Way
from agent.web.rest import moment
from agent.web.who import Person

MAX_DAYS = 3650


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MeAnswer(_Answer):
    """Who asks."""

    name: str = Field(examples=["Anna Li"])
    role: Role
    by: Way


class PersonAnswer(_Answer):
    id: int
    name: str = Field(examples=["Anna Li"])
    role: Role
    disabled: bool
    must_change: bool
    """The password was set by somebody else and has to be changed at the next log-in."""
    made: datetime
    last_log_in: datetime | None


class PeopleAnswer(_Answer):
    people: tuple[PersonAnswer, ...]
    next_after_id: int | None


class NewPerson(_Asked):
    name: str = Field(max_length=200, examples=["Anna Li"])
    role: Role
    password: str = Field(max_length=1024, description="a first password, which the person has to change")


class PersonChange(_Asked):
    """What is given is changed, what is not stays."""

    role: Role | None = None
    disabled: bool | None = None
    password: str | None = Field(None, max_length=1024, description="another first password; all log-ins end")


class TokenAnswer(_Answer):
    id: int
    name: str = Field(examples=["mes"])
    role: Role
    made_by: str
    made: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None


class TokensAnswer(_Answer):
    tokens: tuple[TokenAnswer, ...]
    next_after_id: int | None


class NewTokenAnswer(TokenAnswer):
    secret: str
    """Shown this once: `Authorization: Bearer SECRET`."""


class NewTokenAsked(_Asked):
    name: str = Field(max_length=200, examples=["mes"])
    role: Role
    days: int = Field(90, ge=0, le=MAX_DAYS, description="it expires after so many days, 0: never")


class ActAnswer(_Answer):
    id: int
    at: datetime
    who: str
    role: str
    by: Way
    address: str
    act: str = Field(examples=["people.role"])
    subject: str
    outcome: Outcome
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ActsAnswer(_Answer):
    acts: tuple[ActAnswer, ...]
    next_before_id: int | None


def me_answer(who: Person) -> MeAnswer:
    return MeAnswer(name=who.name, role=who.role, by=who.way)


def person_answer(user: User) -> PersonAnswer:
    return PersonAnswer(
        id=user.id,
        name=user.name,
        role=user.role,
        disabled=user.disabled,
        must_change=user.must_change,
        made=moment(user.made_utc_us),
        last_log_in=_moment(user.seen_utc_us),
    )


def token_values(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "made_by": token.made_by,
        "made": moment(token.made_utc_us),
        "expires": _moment(token.expires_utc_us),
        "last_used": _moment(token.used_utc_us),
        "revoked": _moment(token.revoked_utc_us),
    }


def act_answer(act: Act) -> ActAnswer:
    return ActAnswer(
        id=act.id,
        at=moment(act.utc_us),
        who=act.who.name,
        role=act.who.role,
        by=act.who.way,
        address=act.who.address,
        act=act.act,
        subject=act.subject,
        outcome=act.outcome,
        before=_state(act.before),
        after=_state(act.after),
    )


def _moment(utc_us: int | None) -> datetime | None:
    return None if utc_us is None else moment(utc_us)


def _state(text: str) -> dict[str, Any] | None:
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) else None
