"""REST over the box: events, alarms and who deals with them, storage, device."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import ControlFailed, StationRefused
from agent.status import Alarm
from agent.store.happened import find_events, kept
from agent.web.answers import EventsAnswer, event_answer
from agent.web.desk import Desk
from agent.web.forms import body_of, read_model
from agent.web.query import MAX_ID, MAX_PAGE, MAX_TEXT, PAGE
from agent.web.rest import PREFIX, REFUSALS, ErrorAnswer, refusal
from agent.web.upkeep.asked import read_events
from agent.web.upkeep.box import DAY_S, machine, pace, temperatures
from agent.web.upkeep.events import MOST_NOTE, acknowledge
from agent.web.who import person

Text = Annotated[str, Field(max_length=MAX_TEXT)]


class EventSearch(BaseModel):
    """Which events; "" does not restrict."""

    name: Text = ""
    contains: Text = Field("", description="a text in the name or the detail")
    since: Text = Field("", description="ISO 8601; without a zone it is the plant's time")
    until: Text = Field("", description="not included")
    before_id: int | None = Field(None, ge=1, le=MAX_ID, description="only ids below this: the next page")
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE, description="how many a page")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class AlarmsAnswer(_Answer):
    alarms: tuple[Alarm, ...]


class Acknowledgement(BaseModel):
    """Which alarm, as the status gives it, and what is being done."""

    model_config = ConfigDict(extra="forbid")

    alarm: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    lane: Text = ""
    since_utc_us: Annotated[int, Field(ge=0, le=MAX_ID)]
    note: Annotated[str, Field(max_length=MOST_NOTE)] = ""


class Acknowledged(_Answer):
    acknowledged: str


class PicturesAnswer(_Answer):
    outcome: str
    pictures: int
    bytes: int


class StorageAnswer(_Answer):
    free_mb: int | None
    reserve_mb: int
    quota_mb: int
    keep_days: float
    pictures: tuple[PicturesAnswer, ...]
    mb_a_day: float
    days_left: float | None
    tb_a_year: float


class DeviceAnswer(_Answer):
    name: str
    system: str
    architecture: str
    cores: int
    memory_mb: int
    available_mb: int
    load: float | None
    up_s: float | None
    versions: dict[str, str]
    temperatures_c: dict[str, float]
    profile: str | None


class UpkeepApi:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS)
        add = self.router.add_api_route
        add("/events", self.events, response_model=EventsAnswer)
        add("/alarms", self.alarms, response_model=AlarmsAnswer)
        add(
            "/alarms/acknowledge",
            self.acknowledge,
            methods=["POST"],
            response_model=Acknowledged,
            responses={code: {"model": ErrorAnswer} for code in (400, 409, 413)},
            openapi_extra=body_of(Acknowledgement),
        )
        add("/storage", self.storage, response_model=StorageAnswer)
        add("/device", self.device, response_model=DeviceAnswer)

    def events(self, request: Request, asked: Annotated[EventSearch, Query()]) -> EventsAnswer:
        """What happened to the station, newest first."""
        query = read_events(request.query_params, self._desk.zone)
        found = self._desk.results.ask(lambda conn: find_events(conn, query))
        following = found[-1].id if len(found) == asked.limit else None
        return EventsAnswer(events=tuple(map(event_answer, found)), next_before_id=following)

    async def alarms(self) -> AlarmsAnswer | Response:
        """The alarms that stand now."""
        heard = await self._desk.link.heard()
        if heard.status is None:
            return refusal(503, heard.why)
        return AlarmsAnswer(alarms=heard.status.alarms)

    async def acknowledge(self, request: Request) -> Acknowledged | Response:
        """Say that somebody deals with an alarm; it stands on until its cause ends."""
        said = await read_model(request, Acknowledgement)
        try:
            await acknowledge(self._desk, person(request), said.alarm, said.lane, said.since_utc_us, said.note)
        except StationRefused as error:
            return refusal(409, str(error))
        except ControlFailed as error:
            return refusal(503, str(error))
        return Acknowledged(acknowledged=said.alarm)

    async def storage(self) -> StorageAnswer:
        """What the pictures take, and for how long there is room."""
        since, evidence = time.time_ns() // 1000 - DAY_S * 1_000_000, self._desk.config.evidence
        pictures = await asyncio.to_thread(self._desk.results.ask, lambda conn: kept(conn, since))
        heard = await self._desk.link.heard()
        planned = pace(pictures, heard.status, evidence.quota_mb)
        return StorageAnswer(
            free_mb=heard.status.disk.free_mb if heard.status else None,
            reserve_mb=evidence.reserve_mb,
            quota_mb=evidence.quota_mb,
            keep_days=evidence.keep_days,
            pictures=tuple(PicturesAnswer(outcome=o, pictures=n, bytes=b) for o, n, b in pictures.by_outcome),
            mb_a_day=planned.mb_a_day,
            days_left=planned.days_left,
            tb_a_year=planned.tb_a_year,
        )

    async def device(self) -> DeviceAnswer:
        """What this box is, and how it is."""
        heard = await self._desk.link.heard()
        found = await asyncio.to_thread(machine)
        measured = await asyncio.to_thread(temperatures, heard.status.lanes if heard.status else ())
        named = ("name", "system", "architecture", "cores", "memory_mb", "available_mb", "load", "up_s")
        return DeviceAnswer(
            **{name: getattr(found, name) for name in named},
            versions=dict(found.versions),
            temperatures_c=dict(measured),
            profile=heard.status.profile if heard.status else None,
        )
