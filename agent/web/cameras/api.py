"""REST of the cameras: how each is, and what its lane does."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from agent.errors import ControlFailed
from agent.status import CameraState, LaneStatus, SettingStatus
from agent.web.cameras.mode import MOST_WHY, Mode, mode_of, tell
from agent.web.desk import Desk
from agent.web.forms import body_of, sent
from agent.web.query import PAGE
from agent.web.rest import PREFIX, REFUSALS, ErrorAnswer, Limit, refusal
from agent.web.who import person

Name = Annotated[str, Path(max_length=63, description="name of the lane")]
After = Annotated[str, Query(max_length=63, description="only lanes behind this one: the next page")]


class CameraAnswer(BaseModel):
    """A lane's camera, now."""

    model_config = ConfigDict(frozen=True)

    lane: str
    kind: str
    state: CameraState
    detail: str
    serial: str
    settings: tuple[SettingStatus, ...]
    width_px: int
    height_px: int
    mode: Mode
    why: str
    """Why it is paused or set up."""
    per_s: float
    frame_age_ms: float
    """-1 before the first."""
    captured: int
    missed: int
    brightness: float
    """Mean grey level of the last judged picture, inside the inspected regions."""
    sharpness: float


class CamerasAnswer(BaseModel):
    model_config = ConfigDict(frozen=True)

    cameras: tuple[CameraAnswer, ...]
    next_after: str | None


class ModeSaid(BaseModel):
    """run: judge the line's parts; pause: judge nothing; set_up: judge pictures that count as no parts."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"mode": "set_up", "why": "new lens"}})

    mode: Mode
    why: str = Field("", max_length=MOST_WHY)


Said = Annotated[ModeSaid, sent(ModeSaid)]


class CameraApi:
    """`router` has the routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS)
        add = self.router.add_api_route
        add("/cameras", self.all, response_model=CamerasAnswer)
        add("/cameras/{lane}", self.one, response_model=CameraAnswer)
        add(
            "/cameras/{lane}/mode",
            self.mode,
            methods=["POST"],
            response_model=CameraAnswer,
            responses={code: {"model": ErrorAnswer} for code in (400, 409, 413)},
            openapi_extra=body_of(ModeSaid),
        )

    async def all(self, after: After = "", limit: Limit = PAGE) -> CamerasAnswer | Response:
        """Every lane's camera, by the lane's name."""
        heard = await self._desk.link.heard()
        if heard.status is None:
            return refusal(503, heard.why)
        lanes = sorted((lane for lane in heard.status.lanes if lane.name > after), key=lambda lane: lane.name)
        following = lanes[limit - 1].name if len(lanes) > limit else None
        return CamerasAnswer(cameras=tuple(map(camera_answer, lanes[:limit])), next_after=following)

    async def one(self, lane: Name) -> CameraAnswer | Response:
        """A lane's camera."""
        heard = await self._desk.link.heard()
        if heard.status is None:
            return refusal(503, heard.why)
        found = next((each for each in heard.status.lanes if each.name == lane), None)
        return camera_answer(found) if found is not None else refusal(404, f"there is no lane {lane!r}")

    async def mode(self, request: Request, lane: Name, said: Said) -> CameraAnswer | Response:
        """Have a lane judge, pause, or be set up."""
        heard = await self._desk.link.heard()
        if heard.status is None:
            return refusal(503, heard.why)
        found = next((each for each in heard.status.lanes if each.name == lane), None)
        if found is None:
            return refusal(404, f"there is no lane {lane!r}")
        try:
            await run_in_threadpool(tell, self._desk, found, said.mode, said.why, person(request))
        except ControlFailed as error:
            return refusal(409 if error.__cause__ is None else 503, str(error))
        return camera_answer(found).model_copy(update={"mode": said.mode, "why": said.why})


def camera_answer(lane: LaneStatus) -> CameraAnswer:
    return CameraAnswer(
        lane=lane.name,
        kind=lane.camera_kind,
        state=lane.camera,
        detail=lane.camera_detail,
        serial=lane.camera_serial,
        settings=lane.settings,
        width_px=lane.width_px,
        height_px=lane.height_px,
        mode=mode_of(lane),
        why=lane.paused_why,
        per_s=lane.parts_per_s,
        frame_age_ms=lane.frame_age_ms,
        captured=lane.captured,
        missed=lane.missed,
        brightness=lane.brightness,
        sharpness=lane.sharpness,
    )
