"""REST over models, backtests and recordings. What takes minutes is begun, and answered as the errand it is."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from agent.errors import ControlFailed, StationRefused
from agent.store.beside import disagreements
from agent.web.desk import Desk
from agent.web.forms import body_of, sent
from agent.web.models import answers as a
from agent.web.models.acts import ModelActs
from agent.web.models.asking import shelf, told
from agent.web.models.backtests import Backtests
from agent.web.models.errands import Act, Errand
from agent.web.models.held import held_of
from agent.web.models.judges import named
from agent.web.query import MAX_ID, PAGE
from agent.web.rest import PREFIX, REFUSALS, ErrorAnswer, Limit, Text, refusal
from agent.web.who import person

WAIT_S = 0.5
_MORE: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 409, 413)}
_TOO_MUCH: dict[int | str, dict[str, Any]] = {code: {"model": ErrorAnswer} for code in (400, 409, 413, 507)}
_FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
AfterId = Annotated[int, Query(ge=0, le=MAX_ID, description="only ids above this: the next page")]


class ModelApi:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, acts: ModelActs) -> None:
        self._desk = desk
        self._acts = acts
        self._backtests = Backtests(desk.config)
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS)
        add = self.router.add_api_route
        change = partial(add, methods=["POST"], responses=_MORE)
        begin = partial(change, status_code=202, response_model=a.ErrandAnswer)
        add("/models", self.models, response_model=a.ModelsAnswer, responses=_MORE)
        add("/models/errand", self.errand, response_model=a.ErrandAnswer | a.NoErrand)
        add("/models/held", self.held, response_model=a.HeldPage, responses=_MORE)
        add("/models/disagreements", self.disagreements, response_model=a.DisagreementPage, responses=_MORE)
        add(
            "/models/import",
            self.import_,
            methods=["POST"],
            status_code=202,
            response_model=a.ErrandAnswer,
            responses=_TOO_MUCH,
            openapi_extra=_FILE,
        )
        begin("/models/activate", self.activate, openapi_extra=body_of(a.ActivateAsked))
        begin("/models/rollback", self.rollback, openapi_extra=body_of(a.RecipeAsked))
        begin("/models/shadow", self.shadow, openapi_extra=body_of(a.ShadowAsked))
        begin("/models/canary", self.canary, openapi_extra=body_of(a.CanaryAsked))
        change("/models/seen", self.seen, response_model=dict[str, Any], openapi_extra=body_of(a.RecipeAsked))
        add("/backtests", self.backtests, response_model=a.BacktestsAnswer)
        begin_one = partial(change, status_code=202, response_model=a.BacktestNow)
        begin_one("/backtests", self.begin_backtest, openapi_extra=body_of(a.BacktestAsked))
        change("/backtests/end", self.end_backtest, response_model=a.EndedAnswer)
        add("/backtests/{name}", self.backtest, response_model=dict[str, Any])
        add("/recordings", self.recordings, response_model=a.RecordingsAnswer)
        change("/recordings", self.record, response_model=dict[str, Any], openapi_extra=body_of(a.RecordAsked))

    async def models(self, after: Text = "") -> Any:
        """The models that there are, what devices made of them, and who judges by which recipe."""
        return await self._or_refusal(told(self._desk, "models", after=after))

    async def errand(self) -> a.ErrandAnswer | a.NoErrand:
        """How far the last import, activation, rollback, shadow or canary is that was asked for by this page."""
        now = self._acts.errands.now
        return a.errand_answer(now) if now is not None else a.NoErrand()

    async def import_(self, request: Request, name: Text) -> Any:
        """Take a model in: the .okng as the body, `name` its file's name. It judges nobody yet."""
        now = self._acts.errands.now
        if now is not None and now.state == "running":
            return refusal(409, f"{now.act} {now.subject} is still running: one at a time")
        file = await self._acts.uploads.take(request, name)
        work, who = partial(self._acts.uploads.import_, file), person(request)
        try:
            errand = self._acts.errands.begin("import", name, who, work, {"bytes": str(file.stat().st_size)})
        except (ControlFailed, OSError) as error:
            file.unlink(missing_ok=True)
            return refusal(409, str(error))
        return await self._answered(errand)

    async def activate(self, request: Request, said: Annotated[a.ActivateAsked, sent(a.ActivateAsked)]) -> Any:
        """Begin an activation."""
        return await self._begun(request, "activate", said.model_dump())

    async def rollback(self, request: Request, said: Annotated[a.RecipeAsked, sent(a.RecipeAsked)]) -> Any:
        """Back to the good model before; the answer names the parts to hold."""
        return await self._begun(request, "rollback", said.model_dump())

    async def shadow(self, request: Request, said: Annotated[a.ShadowAsked, sent(a.ShadowAsked)]) -> Any:
        """Begin a shadow, or end it."""
        return await self._begun(request, "shadow", said.model_dump())

    async def canary(self, request: Request, said: Annotated[a.CanaryAsked, sent(a.CanaryAsked)]) -> Any:
        """Begin a canary, or end it."""
        return await self._begun(request, "canary", said.model_dump())

    async def _begun(self, request: Request, act: Act, said: dict[str, object]) -> Any:
        try:
            return await self._answered(self._acts.begin(act, person(request), said))
        except ControlFailed as error:
            return refusal(409, str(error))

    async def _answered(self, errand: Errand) -> a.ErrandAnswer:
        return a.errand_answer(await self._acts.errands.wait(errand, WAIT_S))

    async def seen(self, request: Request, said: Annotated[a.RecipeAsked, sent(a.RecipeAsked)]) -> Any:
        """A person has dealt with the parts of what was taken back: the alarm ends."""
        return await self._or_refusal(self._acts.seen(person(request), said.recipe))

    async def held(
        self, recipe: Text, after_id: AfterId = 0, limit: Limit = PAGE, everything: bool = False
    ) -> a.HeldPage | Response:
        """The parts to hold of the model that was taken back last: those that it passed, or everything it judged."""
        try:
            back, found = await held_of(self._desk, recipe, after_id, limit, everything)
        except ControlFailed as error:
            return _refused(error)
        parts = tuple(
            a.HeldAnswer(
                id=p.id, part_id=p.part_id, lane=p.lane, captured_utc_us=p.captured_utc_us, outcome=str(p.outcome)
            )
            for p in found
        )
        following = found[-1].id if len(found) == limit else None
        return a.HeldPage(recipe=recipe, model=str(back["model"]), parts=parts, next_after_id=following)

    async def disagreements(
        self,
        model: Text,
        before: Annotated[int | None, Query(ge=1, le=MAX_ID, description="`next_before` of the last page")] = None,
        limit: Limit = PAGE,
    ) -> a.DisagreementPage | Response:
        """Parts on which a shadow came to another outcome, the newest first."""
        try:
            found = named((await shelf(self._desk))["models"], model)
        except ControlFailed as error:
            return _refused(error)
        if found is None or not found["digest"]:
            return refusal(404, f"there is no model {model[:80]} here")
        digest, ask = str(found["digest"]), self._desk.results.ask
        rows = await asyncio.to_thread(ask, lambda conn: disagreements(conn, digest, "shadow", before, limit))
        parts = tuple(
            a.DisagreementAnswer(
                id=row.id,
                lane=row.lane,
                captured_utc_us=row.captured_utc_us,
                was=str(row.was),
                would_be=str(row.would_be),
                picture=row.kept,
            )
            for row in rows
        )
        return a.DisagreementPage(
            model=model, parts=parts, next_before=rows[-1].opinion if len(rows) == limit else None
        )

    async def backtests(self, before: Text = "", limit: Limit = PAGE) -> a.BacktestsAnswer:
        """The backtest that runs, and the answers that are kept."""
        try:
            now = (await told(self._desk, "backtests"))["backtest"]
        except ControlFailed:
            now = None
        every = await asyncio.to_thread(self._backtests.names)
        names = tuple(name for name in every if not before or name < before)
        more = names[limit - 1] if len(names) > limit else None
        return a.BacktestsAnswer(now=now, names=names[:limit], next_before=more)

    async def begin_backtest(self, request: Request, said: Annotated[a.BacktestAsked, sent(a.BacktestAsked)]) -> Any:
        """Begin one, at the lowest priority; one at a time."""
        return await self._or_refusal(self._acts.backtest(person(request), said.model_dump()))

    async def end_backtest(self, request: Request) -> Any:
        """End the one that runs, with an answer of the parts that were replayed."""
        return await self._or_refusal(self._acts.backtest(person(request), {"id": "off"}))

    async def backtest(self, name: str) -> Any:
        """What a backtest found, as `okng backtest --json` writes it. Raises HTTPException: 404."""
        found = await asyncio.to_thread(self._backtests.read, name)
        if found is None:
            raise HTTPException(404, f"there is no backtest {name[:80]}")
        return found.figures

    async def recordings(self) -> a.RecordingsAnswer | Response:
        """What is recorded now, and the last recording of each lane since the station's start."""
        heard, folder = await self._desk.link.heard(), self._desk.config.evidence.record_folder
        if heard.status is None:
            return refusal(503, heard.why)
        return a.RecordingsAnswer(folder=str(folder or ""), recordings=heard.status.recordings)

    async def record(self, request: Request, said: Annotated[a.RecordAsked, sent(a.RecordAsked)]) -> Any:
        """Keep every picture of a lane for so long; 0 ends it."""
        return await self._or_refusal(self._acts.record(person(request), said.lane, said.minutes))

    async def _or_refusal(self, asking: Any) -> Any:
        try:
            said = await asking
        except ControlFailed as error:
            return _refused(error)
        return {name: value for name, value in said.items() if name != "ok"}


def _refused(error: ControlFailed) -> Response:
    """In the station's words: it says no, or it does not answer."""
    return refusal(409 if isinstance(error, StationRefused) else 503, str(error))
