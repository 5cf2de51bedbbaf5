"""REST about persons, tokens and acts, below /api/v1."""

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from agent.errors import Problem
from agent.store.people import acts, sessions, users
from agent.store.people.users import PersonRefused
from agent.store.people.values import Token, User
from agent.web.forms import body_of, read_model
from agent.web.people.act_query import read_act_query
from agent.web.people.acts_page import one_more
from agent.web.people.answers import (
    ActsAnswer,
    MeAnswer,
    NewPerson,
    NewTokenAnswer,
    NewTokenAsked,
    PeopleAnswer,
    PersonAnswer,
    PersonChange,
    TokenAnswer,
    TokensAnswer,
    act_answer,
    me_answer,
    person_answer,
    token_values,
)
from agent.web.people.desk import PeopleDesk
from agent.web.people.names import NameRefused
from agent.web.people.office import Office
from agent.web.people.passwords import Busy, PasswordRefused
from agent.web.query import MAX_ID, PAGE
from agent.web.rest import PREFIX, BeforeId, ErrorAnswer, Limit, Text, refusal
from agent.web.who import person

T = TypeVar("T")
E = TypeVar("E", User, Token)
AfterId = Annotated[int, Query(ge=0, le=MAX_ID, description="only ids above this: the next page")]
Number = Annotated[int, Path(ge=1, le=MAX_ID)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorAnswer} for code in (400, 401, 403, 404, 409, 413, 422, 503)
}


class PeopleApi:
    """The routes; `router` has them all."""

    def __init__(self, desk: PeopleDesk) -> None:
        self._desk = desk
        self._office = Office(desk.people, desk.acts)
        self.router = APIRouter(prefix=PREFIX, responses=_REFUSALS, tags=["people"])
        add = self.router.add_api_route
        add("/me", self.me, response_model=MeAnswer)
        add("/people", self.people, response_model=PeopleAnswer)
        add("/people", self.add, methods=["POST"], response_model=PersonAnswer, openapi_extra=body_of(NewPerson))
        add(
            "/people/{id}",
            self.change,
            methods=["PATCH"],
            response_model=PersonAnswer,
            openapi_extra=body_of(PersonChange),
        )
        add("/tokens", self.tokens, response_model=TokensAnswer)
        add(
            "/tokens",
            self.add_token,
            methods=["POST"],
            response_model=NewTokenAnswer,
            openapi_extra=body_of(NewTokenAsked),
        )
        add("/tokens/{id}", self.revoke, methods=["DELETE"], response_model=TokenAnswer)
        add("/acts", self.acts, response_model=ActsAnswer)

    def me(self, request: Request) -> MeAnswer:
        """Who asks, and what that may do."""
        return me_answer(person(request))

    def people(self, after_id: AfterId = 0, limit: Limit = PAGE) -> PeopleAnswer:
        """Everybody who may log in, or might once, by id."""
        found = sorted(self._desk.people.database.ask(users.everybody), key=lambda user: user.id)
        page, following = _paged([user for user in found if user.id > after_id], limit)
        return PeopleAnswer(people=tuple(map(person_answer, page)), next_after_id=following)

    async def add(self, request: Request) -> PersonAnswer | Response:
        """Add a person, with a first password that has to be changed."""
        new = await read_model(request, NewPerson)
        found = await _tried(self._office.add(person(request), new.name, new.role, new.password))
        return found if isinstance(found, Response) else person_answer(found)

    async def change(self, request: Request, id: Number) -> PersonAnswer | Response:
        """Change a person's role, password, or whether the person may log in."""
        asked = await read_model(request, PersonChange)
        change = self._office.change(person(request), id, asked.role, asked.disabled, asked.password)
        found = await _tried(change)
        return found if isinstance(found, Response) else person_answer(found)

    def tokens(self, after_id: AfterId = 0, limit: Limit = PAGE) -> TokensAnswer:
        """Programs' tokens, without their secrets, by id."""
        found = sorted(self._desk.people.database.ask(sessions.all_tokens), key=lambda token: token.id)
        page, following = _paged([token for token in found if token.id > after_id], limit)
        return TokensAnswer(tokens=tuple(TokenAnswer(**token_values(t)) for t in page), next_after_id=following)

    async def add_token(self, request: Request) -> NewTokenAnswer | Response:
        """Make a token; its secret is in this answer and nowhere else."""
        new = await read_model(request, NewTokenAsked)
        found = await _tried(self._office.add_token(person(request), new.name, new.role, new.days))
        if isinstance(found, Response):
            return found
        return NewTokenAnswer(**token_values(found.token), secret=found.secret)

    async def revoke(self, request: Request, id: Number) -> TokenAnswer | Response:
        """Revoke a token: whoever shows it is refused."""
        found = await _tried(self._office.revoke_token(person(request), id))
        return found if isinstance(found, Response) else TokenAnswer(**token_values(found))

    def acts(
        self,
        request: Request,
        who: Text = "",
        area: Text = "",
        text: Text = "",
        outcome: Text = "",
        since: Text = "",
        until: Text = "",
        before_id: BeforeId = None,
        limit: Limit = PAGE,
    ) -> ActsAnswer:
        """What was done and what was refused, newest first."""
        del who, area, text, outcome, since, until, before_id, limit  # declared for OpenAPI
        query = read_act_query(request.query_params, self._desk.zone)
        found = self._desk.people.database.ask(acts.found(one_more(query)))
        page = found[: query.limit]
        following = page[-1].id if len(found) > query.limit else None
        return ActsAnswer(acts=tuple(map(act_answer, page)), next_before_id=following)


async def _tried(act: Awaitable[T]) -> T | Response:
    try:
        return await act
    except (NameRefused, PasswordRefused) as error:
        field = "name" if isinstance(error, NameRefused) else "password"
        return refusal(422, str(error), (Problem(field, str(error)),))
    except PersonRefused as error:
        return refusal(404 if str(error).startswith("there is no") else 409, str(error))
    except Busy as error:
        return refusal(503, str(error), again_s=5)


def _paged(found: list[E], limit: int) -> tuple[list[E], int | None]:
    page = found[:limit]
    return page, page[-1].id if len(found) > limit else None
