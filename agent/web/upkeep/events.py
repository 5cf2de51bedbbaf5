"""Events and alarms: what stands now and who deals with it, what happened, searchable and as a file."""

import asyncio
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.control import ask
from agent.errors import ControlFailed, Problem, StationRefused
from agent.status import Alarm
from agent.store.happened import EventQuery, event_names, find_events
from agent.store.values import StoredEvent
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.query import QueryRefused
from agent.web.sheet import back
from agent.web.speech import Speech
from agent.web.spreadsheet import csv_answer
from agent.web.upkeep.asked import FIELDS, events_address, read_events
from agent.web.who import Person, person

ADDRESS = "/setup/events"
CSV_MOST = 20_000
MOST_NOTE = 500


async def acknowledge(desk: Desk, who: Person, alarm: str, lane: str, since_utc_us: int, note: str) -> None:
    """Tell the station who deals with an alarm. Raises StationRefused, ControlFailed."""
    said = {"alarm": alarm, "lane": lane, "since_utc_us": since_utc_us, "who": who.name or "-", "note": note}
    await asyncio.to_thread(partial(ask, desk.config.station.runtime, "acknowledge", 5.0, **said))
    desk.link.forget()
    desk.acts.note(who, "alarm.acknowledge", f"{alarm} {lane}".strip(), None, {"note": note})


class EventPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route(ADDRESS, self.page)
        self.router.add_api_route(f"{ADDRESS}.csv", self.csv)
        self.router.add_api_route(f"{ADDRESS}/acknowledge", self.acknowledge, methods=["POST"])

    async def page(self, request: Request) -> Response:
        """The page; `name`, `contains`, `since`, `until` search."""
        return await self._page(request)

    async def _page(self, request: Request, status: int = 200, wrong: str = "") -> Response:
        desk = self._desk
        asked = {name: value for name, value in request.query_params.items() if value}
        problems: tuple[Problem, ...] = ()
        try:
            query = read_events(asked, desk.zone)
        except QueryRefused as error:
            query, problems, status = EventQuery(limit=0), error.problems, 422
        found = await asyncio.to_thread(desk.results.ask, lambda conn: find_events(conn, _one_more(query)))
        names = await asyncio.to_thread(desk.results.ask, event_names)
        heard = await desk.link.heard()
        events = found[: query.limit]
        speech = desk.sheets.speech(request)
        return desk.sheets.page(
            request,
            "upkeep/events.html",
            status,
            here="setup",
            tab="events",
            alarms=heard.status.alarms if heard.status else (),
            unheard=heard.why,
            events=events,
            names=names,
            chosen={name: asked.get(name, "") for name in FIELDS},
            problems=problems,
            wrong=wrong,
            told=lambda event: told(speech, event),
            advice=lambda alarm: advice(speech, alarm),
            older=events_address(ADDRESS, asked, events[-1].id) if len(found) > query.limit else "",
            newest=events_address(ADDRESS, asked) if query.before_id else "",
            file=events_address(f"{ADDRESS}.csv", asked),
        )

    def csv(self, request: Request) -> Response:
        """The search as a file, at most CSV_MOST lines."""
        desk, speech = self._desk, self._desk.sheets.speech(request)
        query = replace(read_events(request.query_params, desk.zone), limit=CSV_MOST)
        found = desk.results.ask(lambda conn: find_events(conn, query))
        head = ("id", "time", "utc_us", "name", "what", "detail")
        rows = (
            (e.id, speech.local(e.utc_us).isoformat(timespec="milliseconds"), e.utc_us, e.name, *told(speech, e))
            for e in found
        )
        return csv_answer("events.csv", [head, *rows])

    async def acknowledge(self, request: Request) -> Response:
        """A person deals with an alarm; then the page again."""
        form = await read_form(request)
        since = form.get("since_utc_us", "")
        note = form.get("note", "").strip()[:MOST_NOTE]
        number = int(since) if since.isascii() and since.isdigit() and len(since) < 20 else -1
        try:
            who = person(request)
            await acknowledge(self._desk, who, form.get("alarm", ""), form.get("lane", ""), number, note)
        except StationRefused as error:
            return await self._page(request, 409, str(error))
        except ControlFailed as error:
            return await self._page(request, 503, str(error))
        return back(ADDRESS)


def _one_more(query: EventQuery) -> EventQuery:
    return replace(query, limit=query.limit + 1 if query.limit else 0)


def told(speech: Speech, event: StoredEvent) -> tuple[str, str]:
    """(what happened, the details) in words; an alarm's event names the alarm."""
    detail = dict(event.detail)
    what = speech.named("event", event.name)
    if alarm := str(detail.pop("alarm", "")):
        what = f"{what}: {speech.named('alarm', alarm)}"
        detail["detail"] = speech.because(alarm, str(detail.get("detail", "")))
    lane = detail.pop("lane", "")
    said = [speech.say("lane.title", lane=lane)] if lane else []
    said += [f"{speech.named('detail', name)}: {value}" for name, value in detail.items() if value not in ("", None)]
    return what, " · ".join(said)


def advice(speech: Speech, alarm: Alarm) -> str:
    """What a person can do about an alarm; empty for one that the catalogue does not know."""
    return speech.named("advice", alarm.name) if speech.has(f"advice.{alarm.name}") else ""
