"""REST of the shift: the calendar, challenge runs and releases, sets of challenge parts."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from agent.challenges import MOST_PARTS, ChallengeRefused, checked
from agent.errors import Problem
from agent.store.challenges import RunQuery
from agent.web.forms import read_json
from agent.web.query import MAX_ID, PAGE, QueryRefused, Reading
from agent.web.rest import PREFIX, BeforeId, ErrorAnswer, Limit, PartId, Text, refusal
from agent.web.shift import answers
from agent.web.shift.desk import ActRefused, ShiftDesk
from agent.web.who import person

AfterId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="only records above this: the next page")]
Recipe = Annotated[str, Query(max_length=80, description="name of the recipe")]
_CODES: dict[int | str, dict[str, object]] = {
    code: {"model": ErrorAnswer} for code in (400, 401, 403, 404, 409, 413, 422, 503)
}
_TEXT = {"type": "string"}


def _body(example: Mapping[str, Any], **properties: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


class ShiftApi:
    """`router` has the routes."""

    def __init__(self, shift: ShiftDesk) -> None:
        self._shift = shift
        self.router = APIRouter(prefix=PREFIX, responses=_CODES)
        add = self.router.add_api_route
        add("/shifts", self.shifts, response_model=answers.ShiftsAnswer)
        add("/challenges/runs", self.runs, response_model=answers.ChallengeRuns)
        add("/challenges/runs/{id}", self.run, response_model=answers.ChallengeRun)
        add("/challenges/runs/{id}/hold", self.hold, response_model=answers.HeldParts)
        add("/challenges/parts", self.parts, response_model=answers.ChallengeSetAnswer)
        self._posts(add)

    def _posts(self, add: Callable[..., None]) -> None:
        lane = {"lane": "top"}
        for path, act, model, body in (
            ("start", self.start, answers.Started, _body(lane, lane=_TEXT)),
            ("next", self.next, answers.Done, _body({**lane, "part": "C-07"}, lane=_TEXT, part=_TEXT)),
            ("end", self.end, answers.Ended, _body(lane, lane=_TEXT)),
            ("override", self.override, answers.Started, _body({**lane, "reason": "…"}, lane=_TEXT, reason=_TEXT)),
        ):
            add(f"/challenges/{path}", act, methods=["POST"], response_model=model, openapi_extra=body)
        part = {"id": "C-07", "expected": "ng", "defect": "spur", "expires": "2027-06-30", "note": "drawer 3"}
        listed = {"type": "array", "items": {"type": "object"}, "maxItems": MOST_PARTS}
        whole = {"recipe": "boards", "revision": "0f3a…", "parts": [part]}
        body = _body(whole, recipe=_TEXT, revision=_TEXT, parts=listed)
        answer = answers.ChallengeSetAnswer
        add("/challenges/parts", self.save, methods=["PUT"], response_model=answer, openapi_extra=body)

    def shifts(self, day: Annotated[date, Query(description="day in the plant's zone")]) -> answers.ShiftsAnswer:
        """The shifts that begin on a day."""
        return answers.ShiftsAnswer(shifts=[answers.shift_answer(shift) for shift in self._shift.calendar.on(day)])

    def runs(self, request: Request, lane: Text = "", before_id: BeforeId = None, limit: Limit = PAGE) -> Any:
        """Challenge runs and releases by hand, the newest first."""
        del before_id, limit  # declared for OpenAPI
        reading = Reading(dict(request.query_params), self._shift.desk.zone, [])
        unknown = [n for n in request.query_params if n not in ("lane", "before_id", "limit")]
        reading.problems += [Problem(n[:40], "unknown; known are lane, before_id, limit") for n in unknown]
        before, most = reading.whole("before_id", MAX_ID), reading.whole("limit", 200) or PAGE
        reading.refuse()
        found = self._shift.runs(RunQuery(lane=lane, before_id=before, limit=most + 1))
        more = found[most - 1].id if len(found) > most else None
        return answers.ChallengeRuns(runs=[answers.run_answer(run) for run in found[:most]], next_before_id=more)

    def run(self, id: PartId) -> Any:
        """One run, with what each part was judged."""
        found = self._shift.run(id)
        if found is None or found.state == "lapsed":
            return refusal(404, f"there is no run {id}")
        return answers.run_answer(found)

    def hold(self, id: PartId, after_id: AfterId = None, limit: Limit = PAGE) -> Any:
        """The parts that a failed run put on hold."""
        found = self._shift.run(id)
        if found is None or found.state != "failed":
            return refusal(404, f"there is no failed run {id}")
        held = self._shift.held(id, after_id or 0, limit + 1)
        more = held[limit - 1].id if len(held) > limit else None
        return answers.HeldParts(parts=[answers.held_answer(part) for part in held[:limit]], next_after_id=more)

    def parts(self, recipe: Recipe) -> Any:
        """The challenge parts of a recipe."""
        try:
            found = self._shift.sets.of(recipe)
        except ChallengeRefused as error:
            raise QueryRefused(error.problems) from error
        return answers.ChallengeSetAnswer(recipe=found.recipe, revision=found.revision, parts=list(found.parts))

    async def start(self, request: Request) -> Any:
        """Begin a run on a lane: from now on only challenge parts are judged there."""
        who = person(request)
        return await self._said(
            request, ("lane",), lambda said: answers.Started(id=self._shift.begin(who, said["lane"]))
        )

    async def next(self, request: Request) -> Any:
        """The next picture of the lane shows this part; empty: nobody knows."""

        def awaits(said: Mapping[str, str]) -> answers.Done:
            self._shift.awaits(person(request), said["lane"], said["part"])
            return answers.Done()

        return await self._said(request, ("lane", "part"), awaits)

    async def end(self, request: Request) -> Any:
        """End a run before its time. A mistake that was made in it stands."""

        def end(said: Mapping[str, str]) -> answers.Ended:
            return answers.Ended.model_validate({"ended": self._shift.end(person(request), said["lane"])})

        return await self._said(request, ("lane",), end)

    async def override(self, request: Request) -> Any:
        """Release a lane without a run, until the next one is required."""

        def release(said: Mapping[str, str]) -> answers.Started:
            return answers.Started(id=self._shift.override(person(request), said["lane"], said["reason"]))

        return await self._said(request, ("lane", "reason"), release)

    async def save(self, request: Request) -> Any:
        """Replace a recipe's challenge parts. `revision`: of the set that was seen; another one stands: 409."""
        body = await read_json(request)

        def keep() -> answers.ChallengeSetAnswer | Response:
            try:
                found = checked(_text(body, "recipe"), body.get("parts"))
                revision = self._shift.save(person(request), found, _text(body, "revision"))
            except ChallengeRefused as error:
                raise QueryRefused(error.problems) from error
            except ActRefused as error:
                return refusal(error.code, str(error))
            return answers.ChallengeSetAnswer(recipe=found.recipe, revision=revision, parts=list(found.parts))

        return await run_in_threadpool(keep)

    async def _said(self, request: Request, names: tuple[str, ...], act: Callable[[Mapping[str, str]], Any]) -> Any:
        body = await read_json(request)
        if unknown := [Problem(n[:40], f"unknown; known are {', '.join(names)}") for n in body if n not in names]:
            raise QueryRefused(tuple(unknown))
        said = {name: _text(body, name) for name in names}

        def done() -> Any:
            try:
                return act(said)
            except ActRefused as error:
                return refusal(error.code, str(error))

        return await run_in_threadpool(done)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > 600:
        raise QueryRefused((Problem(name, f"{str(value)[:40]!r}: a text of at most 600 characters is allowed"),))
    return value
