"""REST of the end of shift report: the figures that page, PDF and CSV show, in no language."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import Problem
from agent.quality.pareto import Bar
from agent.store.shift import MOST_EVENTS
from agent.web.answers import EventAnswer, event_answer
from agent.web.quality.answers import CauseAnswer, StretchAnswer, stretch_answer
from agent.web.query import QueryRefused
from agent.web.rest import PREFIX, REFUSALS, Text, refusal
from agent.web.shift.answers import ChallengeRun, ShiftAnswer, run_answer, shift_answer
from agent.web.shift.desk import ShiftDesk
from agent.web.shift.report import MOST_RUNS, Report, report_named

FIELDS = ("lane", "shift")
Key = Annotated[
    str, Query(max_length=128, description="DAY/NAME; without it the newest", examples=["2026-11-30/night"])
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class AlarmSpanAnswer(_Answer):
    """An alarm that stood in the shift."""

    name: str
    detail: str
    since_utc_us: int
    until_utc_us: int | None = Field(description="null: it still stood at the end")


class UsedAnswer(_Answer):
    """What judged, in the order of its first part."""

    recipe: str
    recipe_hash: str
    model: str
    device: str


class ReportAnswer(_Answer):
    """One lane in one shift. UNSURE is not a pass."""

    lane: str
    shift: ShiftAnswer
    over: bool = Field(description="the shift has ended; else this is how it stands")
    made_utc_us: int
    parts: int
    ok: int
    ng: int
    unsure: int
    first: int = Field(description="judged at attempt 1")
    first_ok: int
    missed: int = Field(description="pictures that the camera took and nothing judged")
    challenges: int = Field(description="parts under another purpose than production")
    overruled: int = Field(description="parts of which a person says otherwise than the machine")
    defects: tuple[CauseAnswer, ...]
    unsure_by: tuple[CauseAnswer, ...]
    not_ok: tuple[StretchAnswer, ...] = Field(
        description="p-chart of first attempts that were not OK, against each recipe revision's own baseline"
    )
    runs: tuple[ChallengeRun, ...] = Field(description=f"the newest {MOST_RUNS}, the oldest of them first")
    alarms: tuple[AlarmSpanAnswer, ...] = Field(description=f"of the shift's first {MOST_EVENTS} events")
    changes: tuple[EventAnswer, ...] = Field(description="recipe, model, pauses, clock; of the same events")
    used: tuple[UsedAnswer, ...]
    unclosed: bool = Field(description="the closing run that was due was not made")


class ReportApi:
    """`router` has the route."""

    def __init__(self, shift: ShiftDesk) -> None:
        self._shift = shift
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS)
        self.router.add_api_route("/shifts/report", self.report, response_model=ReportAnswer)

    def report(self, request: Request, lane: Text = "", shift: Key = "") -> Any:
        """The end of shift report of a lane; without a lane of the first one."""
        unknown = [n for n in request.query_params if n not in FIELDS]
        if unknown:
            raise QueryRefused(tuple(Problem(n[:40], f"unknown; known are {', '.join(FIELDS)}") for n in unknown))
        found = report_named(self._shift, lane, shift)
        if found is None:
            return refusal(404, f"there is no lane {lane!r} or no shift {shift!r}")
        return report_answer(found)


def report_answer(report: Report) -> ReportAnswer:
    """The report as REST says it."""
    tally, figures = report.tally, report.figures
    return ReportAnswer(
        lane=report.lane,
        shift=shift_answer(report.shift),
        over=report.over,
        made_utc_us=report.made_utc_us,
        parts=tally.parts,
        ok=tally.ok,
        ng=tally.ng,
        unsure=tally.unsure,
        first=tally.first_pass,
        first_ok=tally.first_pass_ok,
        missed=tally.missed,
        challenges=figures.challenges,
        overruled=figures.overruled,
        defects=_causes(report.defects),
        unsure_by=_causes(report.unsure),
        not_ok=tuple(map(stretch_answer, report.chart)),
        runs=tuple(map(run_answer, report.runs)),
        alarms=tuple(
            AlarmSpanAnswer(name=a.name, detail=a.detail, since_utc_us=a.since_utc_us, until_utc_us=a.until_utc_us)
            for a in report.alarms
        ),
        changes=tuple(map(event_answer, report.changes)),
        used=tuple(UsedAnswer(recipe=r, recipe_hash=h, model=m, device=d) for r, h, m, d in figures.used),
        unclosed=report.unclosed,
    )


def _causes(bars: tuple[Bar, ...]) -> tuple[CauseAnswer, ...]:
    """The name is empty for what the rarest causes add up to."""
    return tuple(CauseAnswer(name=b.name, parts=b.count, share=b.share, cumulative=b.cumulative) for b in bars)
