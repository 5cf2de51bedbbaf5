"""All stations at a glance: the page, and the part of it that is fetched anew while somebody looks."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from agent.errors import Problem, StoreFailed
from agent.web.query import QueryRefused
from fleet.store.values import Scope, Tally
from fleet.web import words
from fleet.web.desk import Desk
from fleet.web.how import PROOFS, STATES, Seen, seen
from fleet.web.listed import FIELDS, MOST_ROWS, ORDERS, Search, found, search_of, sections
from fleet.web.spark import floor_of, spark

log = logging.getLogger(__name__)

FRESH_S = 2.0
"""What is older is read anew, aside: who asks meanwhile gets the old one,"""
OLD_S = 15.0
"""but none that is older than this."""
CLOCK = "X-OKNG-Clock"
"""The plant's time in an answer, for the head of a page that is not drawn anew."""
RENEW_S = 5
"""So often a page asks anew."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """All stations as they were a moment ago."""

    at_us: int
    every: tuple[Seen, ...]

    @property
    def now(self) -> Tally:
        """Of the last hour, all together."""
        return sum((one.glance.now for one in self.every), start=Tally())

    def within(self, place: Scope) -> tuple[Seen, ...]:
        """Those of a site, line or station."""
        wanted = {name: value for name in ("site", "line", "station") if (value := getattr(place, name))}
        return tuple(
            one
            for one in self.every
            if all(getattr(one.glance.box.address, name) == value for name, value in wanted.items())
        )

    @property
    def conflicts(self) -> tuple[str, ...]:
        return conflicts(self.every)


def conflicts(every: Iterable[Seen]) -> tuple[str, ...]:
    """Names that two machines use."""
    return tuple(dict.fromkeys(str(one.glance.box.address) for one in every if one.glance.conflict))


class Glances:
    """Reads all stations for everybody who looks, not more often than needed. Thread-safe."""

    def __init__(self, desk: Desk) -> None:
        self._store = desk.store
        self._lock = threading.Lock()
        self._fleet: Fleet | None = None
        self._reading = False

    def look(self) -> Fleet:
        """At most OLD_S old. Raises StoreFailed."""
        with self._lock:
            age_s = (time.time_ns() // 1000 - self._fleet.at_us) / 1e6 if self._fleet else OLD_S
            if self._fleet is None or not 0 <= age_s < OLD_S:
                self._fleet = self._read()
            elif age_s >= FRESH_S and not self._reading:
                self._reading = True
                threading.Thread(target=self._renew, name="glances", daemon=True).start()
            return self._fleet

    def _read(self) -> Fleet:
        now_us = time.time_ns() // 1000
        every = self._store.glances(now_us // 1000)
        return Fleet(now_us, tuple(seen(one, now_us) for one in every))

    def _renew(self) -> None:
        """Where it fails there is none: the next who asks hears why."""
        fleet = None
        try:
            fleet = self._read()
        except StoreFailed as error:
            log.warning("the stations cannot be read: %s", error)
        finally:
            with self._lock:
                self._fleet, self._reading = fleet, False


class Overview:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, glances: Glances) -> None:
        self._desk = desk
        self._glances = glances
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/", self.page)
        self.router.add_api_route("/live/stations", self.live)

    def page(self, request: Request) -> Response:
        """The page, by the search in its address."""
        asked = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
        problems: tuple[Problem, ...] = ()
        try:
            search = search_of(asked)
        except QueryRefused as error:
            search, problems = Search(), error.problems
        status = 422 if problems else 200
        return self._drawn(request, "fleet/overview.html", search, status, problems=problems, orders=ORDERS)

    def live(self, request: Request) -> Response:
        """What may have changed of it; 304 where nothing has."""
        answer = self._drawn(request, "fleet/stations.html", search_of(request.query_params))
        tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
        clock = self._desk.sheets.speech(request).clock(time.time_ns() // 1000)
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag, CLOCK: clock})
        answer.headers.update({"ETag": tag, CLOCK: clock})
        return answer

    def _drawn(self, request: Request, template: str, search: Search, status: int = 200, **more: Any) -> HTMLResponse:
        fleet, speech = self._glances.look(), self._desk.sheets.speech(request)
        rows = found(fleet.every, search)
        shown = rows[:MOST_ROWS]
        return self._desk.sheets.page(
            request,
            template,
            status,
            here="stations",
            fleet=fleet,
            counts=counts(fleet.every),
            search=search,
            sections=sections(shown, search),
            rows=len(rows),
            left=len(rows) - len(shown),
            states=STATES,
            proofs=PROOFS,
            spark=sparks(shown, lambda one: words.trend(speech, one.glance.trend)),
            age=lambda at_ms: words.age(speech, at_ms, fleet.at_us),
            proof=lambda one: words.proof(speech, one, fleet.at_us),
            alarm=lambda standing: words.alarm(speech, standing),
            box_path=words.box_path,
            renew_s=RENEW_S,
            **more,
        )


def counts(every: Sequence[Seen]) -> dict[str, int]:
    """How many of each kind: the head of the page."""
    return {
        "all": len(every),
        "online": sum(one.state == "online" for one in every),
        "attention": sum(one.needs_somebody for one in every),
        "offline": sum(one.state not in ("online", "unknown") for one in every),
        "alarms": sum(bool(one.glance.alarms) for one in every),
        "gaps": sum(one.proof in ("missing", "behind") for one in every),
        "conflict": len(conflicts(every)),
    }


def sparks(rows: Sequence[Seen], said: Callable[[Seen], str]) -> Callable[[Seen], Markup]:
    """Draws a station's day, on one scale for all of `rows`."""
    floor = floor_of(share_of(hour) for one in rows for hour in one.glance.trend)

    def drawn(one: Seen) -> Markup:
        return spark([share_of(hour) for hour in one.glance.trend], floor, said(one))

    return drawn


def share_of(hour: Tally) -> float | None:
    return hour.ok / hour.parts if hour.parts else None
