"""Places beside each other: yields and UNSURE shares with their intervals, and what each is short of."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.errors import Problem
from agent.quality.shares import wilson
from agent.web.charts.bars import Dot, dot_chart
from agent.web.charts.figure import Column, Figure
from agent.web.quality.figures import words_of, yield_figure
from agent.web.query import QueryRefused
from agent.web.speech import Speech
from fleet.store.values import Found, Group, Scope, Sums
from fleet.web import figures
from fleet.web.desk import Desk
from fleet.web.hours import counts_of
from fleet.web.overview import Glances
from fleet.web.period import PERIODS, Period, period_of

MOST = 12
"""More beside each other nobody can compare."""
MOST_NAME = 210


@dataclass(frozen=True, slots=True)
class Compared:
    """One place's figures."""

    name: str
    """SITE, SITE/LINE or SITE/LINE/STATION, with #BOX where it is not the first."""
    path: str
    """Of its page, below /sites/."""
    sums: Sums
    found: tuple[Found, ...]

    @property
    def short(self) -> str:
        return self.name.rpartition("/")[2]


class ComparePages:
    """The route; `router` has it."""

    def __init__(self, desk: Desk, glances: Glances) -> None:
        self._desk = desk
        self._glances = glances
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/compare", self.compare)

    def compare(self, request: Request) -> Response:
        now_ms, speech = time.time_ns() // 1_000_000, self._desk.sheets.speech(request)
        given = {n: v for n, v in request.query_params.items() if n in ("range", "since", "until") and v}
        names = tuple(dict.fromkeys(name for name in request.query_params.getlist("with") if name))
        problems: tuple[Problem, ...] = ()
        try:
            period = period_of(given, self._desk.zone, now_ms, "week")
            scopes = scopes_of(names)
        except QueryRefused as error:
            period, scopes, problems = period_of({}, self._desk.zone, now_ms, "week"), (), error.problems
        compared = tuple(one for scope in scopes for one in self._of(scope, period))
        with_parts = tuple(one for one in compared if one.sums.parts)
        return self._desk.sheets.page(
            request,
            "fleet/compare.html",
            422 if problems else 200,
            here="compare",
            known=self._known(),
            chosen=names,
            compared=compared,
            shares=shares(speech, with_parts) if with_parts else (),
            causes=tuple(
                replace(figures.causes(speech, one.found, "defect", one.name), name=f"causes-{place}")
                for place, one in enumerate(with_parts)
            ),
            period=period,
            periods=PERIODS,
            given=given,
            most=MOST,
            problems=problems,
        )

    def _of(self, scope: Scope, period: Period) -> tuple[Compared, ...]:
        """One; of a name that several machines use, one each."""
        asked = replace(scope, since_ms=period.since_ms, until_ms=period.until_ms)
        name = "/".join(level for level in (scope.site, scope.line, scope.station) if level)
        groups = self._desk.store.sums(asked, ("box",) if scope.station else ())
        return tuple(self._one(asked, group, name) for group in groups) or (Compared(name, name, Sums(), ()),)

    def _one(self, asked: Scope, group: Group, name: str) -> Compared:
        if group.box is None or group.box.number == 1:
            box, shown = (None if group.box is None else 1), name
        else:
            box, shown = group.box.number, str(group.box)
        found = self._desk.store.pareto(replace(asked, box=box), ("defect",))
        return Compared(shown, f"{name}?box={box}" if box else name, group.sums, found)

    def _known(self) -> tuple[str, ...]:
        """Every place that can be named: sites, lines, stations."""
        found: dict[str, None] = {}
        for one in self._glances.look().every:
            at = one.glance.box.address
            for name in (at.site, f"{at.site}/{at.line}", str(at)):
                found[name] = None
        return tuple(sorted(found))


def scopes_of(names: Sequence[str]) -> tuple[Scope, ...]:
    """Raises QueryRefused for what names no place."""
    wrong = [
        Problem("with", f"{name[:60]!r}: allowed is SITE, SITE/LINE or SITE/LINE/STATION")
        for name in names
        if not all(name.split("/")) or name.count("/") > 2 or len(name) > MOST_NAME or "\0" in name
    ]
    if len(names) > MOST:
        wrong.append(Problem("with", f"{len(names)} places: at most {MOST} are compared"))
    if wrong:
        raise QueryRefused(tuple(wrong))
    padded = ((*name.split("/"), "", "")[:3] for name in names)
    return tuple(Scope(site, line, station) for site, line, station in padded)


def shares(speech: Speech, compared: Sequence[Compared]) -> tuple[Figure, ...]:
    """Yield and UNSURE share of each place that had parts."""
    rows = [(one.short, one.name, counts_of(one.sums)) for one in compared]
    caption = speech.say("quality.yield.caption")
    return (
        yield_figure(speech, "yields", speech.say("quality.yield"), rows, caption),
        _unsure(speech, compared, caption),
    )


def _unsure(speech: Speech, compared: Sequence[Compared], caption: str) -> Figure:
    title, dots, rows = speech.say("quality.unsure"), [], []
    for one in compared:
        hits, parts = one.sums.unsure, one.sums.parts
        at = wilson(hits, parts)
        between = f"{speech.number(at.low * 100, 2)} – {speech.number(at.high * 100, 2)} %"
        share = speech.share(hits, parts, 2)
        dots.append(Dot(one.short, hits / parts, at, f"{one.name}\n{share} ({between})"))
        rows.append((one.name, speech.number(parts), speech.number(hits), share, between))
    columns = (
        Column(speech.say("col.place"), False),
        *(Column(speech.say(f"column.{name}")) for name in ("parts", "unsure", "share", "interval")),
    )
    label = speech.say("compare.unsure.label", n=len(compared))
    return Figure("unsure", title, dot_chart(dots, words_of(speech), label), caption, columns=columns, rows=tuple(rows))
