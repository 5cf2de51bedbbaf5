"""One site, one line, one station: what was counted there in a period, drawn; and how its stations are now."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.errors import Problem
from agent.quality.shares import wilson
from agent.web.charts.figure import Figure
from agent.web.query import QueryRefused
from agent.web.speech import Speech
from fleet.store.values import By, EventQuery, Group, Scope, Sums
from fleet.web import figures, words
from fleet.web.desk import Desk
from fleet.web.eventwords import told
from fleet.web.hours import HITS, short
from fleet.web.how import PROOFS, STATES, Seen
from fleet.web.overview import Glances, conflicts, sparks
from fleet.web.period import DAY_MS, PERIODS, Period, period_of

FIELDS = ("range", "since", "until", "lane", "box")
MOST_BOX = 99
BASELINE_DAYS = 92
"""How far back a baseline is looked for: so long single windows are kept by default, and longer no recipe stays."""
EVENTS = 20
MOST_LANES = 4
"""So many have control charts; one that is chosen always has."""


@dataclass(frozen=True, slots=True)
class Child:
    """A row of what a place is made of."""

    name: str
    path: str
    """Empty: it has no page of its own."""
    sums: Sums


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is asked to show."""

    scope: Scope
    """With its period."""
    period: Period
    given: Mapping[str, str]
    """As it stands in the address."""
    problems: tuple[Problem, ...] = ()

    @property
    def path(self) -> str:
        """Of the place's page."""
        scope = self.scope
        return "/sites/" + "/".join(name for name in (scope.site, scope.line, scope.station) if name)

    def address(self, **changed: str) -> str:
        """The same page with something else asked for."""
        kept = {name: value for name, value in {**self.given, **changed}.items() if value}
        if "range" in changed:
            kept = {name: value for name, value in kept.items() if name not in ("since", "until")}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path


class PlacePages:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, glances: Glances) -> None:
        self._desk = desk
        self._glances = glances
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/sites/{site}", self.site)
        self.router.add_api_route("/sites/{site}/{line}", self.line)
        self.router.add_api_route("/sites/{site}/{line}/{station}", self.station)

    def site(self, request: Request, site: str) -> Response:
        return self._page(request, Scope(site=site), "line")

    def line(self, request: Request, site: str, line: str) -> Response:
        return self._page(request, Scope(site=site, line=line), "box")

    def station(self, request: Request, site: str, line: str, station: str) -> Response:
        return self._page(request, Scope(site=site, line=line, station=station), "lane")

    def _page(self, request: Request, place: Scope, by: By) -> Response:
        now_us, speech = time.time_ns() // 1000, self._desk.sheets.speech(request)
        asked = self._asked(request, place, now_us)
        every = self._glances.look().within(place)
        if not every:
            return self._desk.sheets.error(request, 404, speech.say("place.unknown", place=asked.path[7:]))
        only = [one for one in every if asked.scope.box in (None, one.glance.box.number)]
        if by == "lane" and asked.scope.box is None:
            only = [every[0]]
            asked = replace(asked, scope=replace(asked.scope, box=only[0].glance.box.number))
        children = self._children(asked, by)
        total = sum((child.sums for child in children), start=Sums())
        return self._desk.sheets.page(
            request,
            "fleet/place.html",
            422 if asked.problems else 200,
            here="stations",
            asked=asked,
            kind=by,
            every=every,
            one=only[0] if by == "lane" and only else None,
            rows=every,
            conflicts=conflicts(every),
            lanes=_lanes(every),
            children=children,
            sums=total,
            charts=self._charts(speech, asked, by, total) if total.parts else (),
            events=self._events(asked, speech) if by == "lane" else (),
            missing=self._missing(only[0]) if by == "lane" else "",
            interval=lambda sums: interval(speech, sums),
            recipes=lambda lane: [short(recipe) for recipe in lane.recipes],
            periods=PERIODS,
            states=STATES,
            proofs=PROOFS,
            spark=sparks(every, lambda one: words.trend(speech, one.glance.trend)),
            age=lambda at_ms: words.age(speech, at_ms, now_us),
            proof=lambda each: words.proof(speech, each, now_us),
            alarm=lambda standing: words.alarm(speech, standing),
            box_path=words.box_path,
        )

    def _asked(self, request: Request, place: Scope, now_us: int) -> Asked:
        given = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
        problems: list[Problem] = []
        try:
            period = period_of(given, self._desk.zone, now_us // 1000)
        except QueryRefused as error:
            period = period_of({}, self._desk.zone, now_us // 1000)
            problems += error.problems
        box, typed = None, given.get("box", "")
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 3 and 1 <= int(typed) <= MOST_BOX):
            problems.append(Problem("box", f"{typed[:20]!r}: allowed are whole numbers from 1 to {MOST_BOX}"))
        elif typed:
            box = int(typed)
        scope = replace(
            place, box=box, lane=given.get("lane", "")[:63], since_ms=period.since_ms, until_ms=period.until_ms
        )
        return Asked(scope, period, given, tuple(problems))

    def _children(self, asked: Asked, by: By) -> tuple[Child, ...]:
        groups = self._desk.store.sums(asked.scope, (by,))
        return tuple(_child(asked, by, group) for group in groups)

    def _charts(self, speech: Speech, asked: Asked, by: By, total: Sums) -> tuple[Figure, ...]:
        store, period, scope = self._desk.store, asked.period, asked.scope
        apart: tuple[By, ...] = ("hour", "lane", "recipes") if by == "lane" else ("hour",)
        shown, found = store.counts(scope, apart), store.pareto(scope)
        return (
            figures.yields(speech, shown, period),
            figures.causes(speech, found, "defect"),
            *self._control(speech, asked, shown, apart),
            figures.causes(speech, found, "unsure"),
            *((figures.causes(speech, found, "missing"),) if any(f.kind == "missing" for f in found) else ()),
            figures.latency(speech, total),
            figures.scores(speech, total),
        )

    def _control(self, speech: Speech, asked: Asked, shown: Sequence[Group], apart: Sequence[By]) -> Iterator[Figure]:
        """Of a station's lanes each by its own baseline; of a larger place the whole, with trial limits."""
        period, place = asked.period, asked.path.rpartition("/")[2]
        if "lane" not in apart:
            yield from (figures.control(speech, shown, (), hit, period, place) for hit in HITS)
            return
        long_ago = replace(asked.scope, since_ms=period.until_ms - BASELINE_DAYS * DAY_MS)
        before = self._desk.store.counts(long_ago, apart)
        lanes = sorted({group.lane for group in shown})[:MOST_LANES]
        for lane in lanes:
            of_it, earlier = ([group for group in some if group.lane == lane] for some in (shown, before))
            name = lane if len(lanes) > 1 else ""
            yield from (figures.control(speech, of_it, earlier, hit, period, place, name) for hit in HITS)

    def _missing(self, one: Seen) -> str:
        """The numbers that are missing, in spans; empty where none are."""
        return words.spans(self._desk.store.missing(one.glance.box)) if one.glance.sync.missing else ""

    def _events(self, asked: Asked, speech: Speech) -> tuple[Any, ...]:
        found = self._desk.store.events(EventQuery(replace(asked.scope, lane=""), limit=EVENTS))
        return tuple((event, *told(speech, event)) for event in found)


def _child(asked: Asked, by: By, group: Group) -> Child:
    if by == "line":
        return Child(group.line, f"{asked.path}/{group.line}", group.sums)
    if by == "box" and group.box is not None:
        box = group.box
        name = box.address.station + (f" #{box.number}" if box.number > 1 else "")
        return Child(name, words.box_path(box), group.sums)
    return Child(group.lane, asked.address(lane=group.lane), group.sums)


def _lanes(every: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(sorted({lane.name for one in every for lane in one.glance.lanes}))


def interval(speech: Speech, sums: Sums) -> str:
    """Between which the yield lies."""
    if not sums.parts:
        return ""
    at = wilson(sums.ok, sums.parts)
    return f"{speech.number(at.low * 100, 2)} – {speech.number(at.high * 100, 2)} %"
