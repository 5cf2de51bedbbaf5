"""REST, `/api/v1`: status, pictures to be judged, events, outbox. Described by OpenAPI."""

import asyncio
from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from agent.control import ask
from agent.errors import ControlFailed
from agent.web.answers import InspectionAnswer, OutboxAnswer, StatusAnswer, inspection_answer, outbox_answer
from agent.web.body import read_body
from agent.web.desk import Desk
from agent.web.pictures import MAX_BYTES, PictureRefused, decode_pushed, hand_over
from agent.web.rest import PREFIX, REFUSALS, ErrorAnswer, Text, refusal

JUDGE_TIMEOUT_S = 25.0
BODY_TIMEOUT_S = 30.0
JUDGING = 2
"""So many pushed pictures are decoded and waited for at a time; others wait in front."""
HELD = 4
"""So many are in memory, from their first byte on (MAX_BYTES each); further ones are told to come again."""
BUSY_S = 1

_PICTURE_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", "image/png")},
    }
}


class Api:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held = asyncio.Semaphore(HELD)
        self._room = asyncio.Semaphore(JUDGING)
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS)
        add = self.router.add_api_route
        add("/status", self.status, response_model=StatusAnswer)
        more: dict[int | str, dict[str, object]] = {code: {"model": ErrorAnswer} for code in (408, 409, 413, 415, 504)}
        add(
            "/judge",
            self.judge,
            methods=["POST"],
            response_model=InspectionAnswer,
            responses=more,
            openapi_extra=_PICTURE_BODY,
        )
        add("/outbox", self.outbox, response_model=OutboxAnswer)

    async def status(self) -> StatusAnswer:
        """How the station is, as it says itself."""
        heard = await self._desk.link.heard()
        return StatusAnswer(link=heard.link, why=heard.why, status=heard.status)

    def outbox(self) -> OutboxAnswer:
        """What waits for the centre."""
        return outbox_answer(self._desk.results.outbox())

    async def judge(self, request: Request, lane: Text = "", part_id: Text = "") -> InspectionAnswer | Response:
        """Judge a picture, a JPEG or PNG as the body. Answers once its row is durable."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and kind not in ("image/jpeg", "image/png", "application/octet-stream"):
            return refusal(415, f"content type {kind[:60]!r}: allowed are image/jpeg and image/png")
        if self._held.locked():
            return refusal(503, f"{HELD} pictures are being judged already", again_s=BUSY_S)
        async with self._held:
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    body = await read_body(request, MAX_BYTES)
            except TimeoutError:
                return refusal(408, f"the picture did not arrive within {BODY_TIMEOUT_S:.0f} s")
            if body is None:
                return refusal(413, f"the picture is larger than {MAX_BYTES} bytes")
            async with self._room:
                return await self._judged(body, lane, part_id)

    async def _judged(self, body: bytes, lane: str, part_id: str) -> InspectionAnswer | Response:
        desk, runtime = self._desk, self._desk.config.station.runtime
        try:
            pixels = await asyncio.to_thread(decode_pushed, body, desk.max_px(lane))
            file = await asyncio.to_thread(hand_over, runtime, pixels)
        except PictureRefused as error:
            return refusal(422, str(error))
        except OSError as error:
            return refusal(503, f"the picture cannot be handed to the station: {error.strerror}")
        said = {"file": file.name, "lane": lane, "part_id": part_id, "purpose": "api", "source": "rest"}
        try:
            answer = await asyncio.to_thread(partial(ask, runtime, "judge", JUDGE_TIMEOUT_S, **said))
        except ControlFailed as error:
            return _not_judged(error)
        except ValueError as error:
            return refusal(503, f"the station's answer is not JSON: {error}")
        finally:
            file.unlink(missing_ok=True)
        return await asyncio.to_thread(self._committed, answer)

    def _committed(self, answer: Mapping[str, object]) -> InspectionAnswer | Response:
        number = answer.get("record")
        part = self._desk.results.part(number) if isinstance(number, int) else None
        if part is None:
            return refusal(503, f"the station judged the picture, but record {number!r} cannot be read")
        return inspection_answer(part)


def _not_judged(error: ControlFailed) -> JSONResponse:
    """Without a cause the station answered and refused."""
    cause = error.__cause__
    if cause is None:
        return refusal(409, str(error))
    return refusal(504 if isinstance(cause, TimeoutError) else 503, str(error))
