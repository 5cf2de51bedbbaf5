"""Quality over REST: the numbers that the charts are drawn of. Every list is bounded by its chart."""

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from agent.quality.heat import SCORE_BINS
from agent.quality.pareto import pareto
from agent.quality.study import Asked, Measure, names_of
from agent.quality.yields import summed
from agent.store.study import causes, control, places, score_spread, series
from agent.web.desk import Desk
from agent.web.quality.answers import (
    CauseAnswer,
    CausesAnswer,
    CellAnswer,
    ControlAnswer,
    PlacesAnswer,
    QualityAnswer,
    ScoresAnswer,
    SpreadAnswer,
    counts_answer,
    stretch_answer,
)
from agent.web.quality.ask import Spans
from agent.web.query import MAX_TEXT
from agent.web.rest import PREFIX, REFUSALS

Text = Annotated[str, Field(max_length=MAX_TEXT)]


class Where(BaseModel):
    """Which parts; without a lane it is the first, without a time the last seven days."""

    lane: Text = ""
    recipe: Text = Field("", description='"": every recipe')
    range: Text = Field("", description="shift, today, week or month, in place of since and until")
    since: Text = Field("", description="ISO 8601; without a zone it is the plant's time")
    until: Text = Field("", description="not included")


class OfMeasure(Where):
    measure: Measure = "ng"


class OfLabel(Where):
    label: Text = Field("", description='a defect class; "": all')


class OfOutcome(Where):
    unsure: bool = Field(False, description="causes of UNSURE instead of defects")


class QualityApi:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, spans: Spans) -> None:
        self._desk = desk
        self._spans = spans
        self.router = APIRouter(prefix=f"{PREFIX}/quality", responses=REFUSALS)
        add = self.router.add_api_route
        add("", self.whole, response_model=QualityAnswer)
        add("/control", self.control, response_model=ControlAnswer)
        add("/causes", self.causes, response_model=CausesAnswer)
        add("/places", self.places, response_model=PlacesAnswer)
        add("/scores", self.scores, response_model=SpreadAnswer)

    def _asked(self, request: Request, also: str = "") -> Asked:
        given = {name: value for name, value in request.query_params.items() if name != also}
        return self._spans.read(given, time.time_ns() // 1000)

    def whole(self, request: Request, where: Annotated[Where, Query()]) -> QualityAnswer:
        """Counts and yields of a lane, in all and by recipe revision."""
        del where  # declared for OpenAPI
        asked = self._asked(request)
        found = self._desk.results.ask(series(asked))
        counts = summed(each.counts for one in found for each in one.bins)
        return QualityAnswer(
            lane=asked.lane,
            since_utc_us=asked.since_utc_us,
            until_utc_us=asked.until_utc_us,
            whole=counts_answer("", counts),
            revisions=tuple(counts_answer(revision.name, each) for revision, each in names_of(found)),
        )

    def control(self, request: Request, where: Annotated[OfMeasure, Query()]) -> ControlAnswer:
        """A control chart: each revision's points against the limits of its own baseline."""
        found = self._desk.results.ask(control(self._asked(request, "measure"), where.measure))
        return ControlAnswer(measure=where.measure, stretches=tuple(map(stretch_answer, found)))

    def causes(self, request: Request, where: Annotated[OfOutcome, Query()]) -> CausesAnswer:
        """Why parts did not pass at their first attempt, the most frequent cause first."""
        found = self._desk.results.ask(causes(self._asked(request, "unsure"), where.unsure))
        bars = pareto(found.counts, most=1000)
        return CausesAnswer(
            looked_at=found.parts,
            all_looked_at=found.all_looked_at,
            causes=tuple(CauseAnswer(name=b.name, parts=b.count, share=b.share, cumulative=b.cumulative) for b in bars),
        )

    def places(self, request: Request, where: Annotated[OfLabel, Query()]) -> PlacesAnswer:
        """Where the defects lie that made parts NG."""
        found = self._desk.results.ask(places(self._asked(request, "label"), where.label))
        if found is None:
            return PlacesAnswer(
                columns=0, rows=0, width_px=0, height_px=0, parts=0, defects=0, all_looked_at=True, cells=()
            )
        cells = tuple(CellAnswer(column=x, row=y, defects=n) for (x, y), n in sorted(found.cells.items()))
        return PlacesAnswer(
            columns=found.columns,
            rows=found.rows,
            width_px=found.width_px,
            height_px=found.height_px,
            parts=found.parts,
            defects=found.total,
            all_looked_at=found.all_looked_at,
            cells=cells,
        )

    def scores(self, request: Request, where: Annotated[Where, Query()]) -> SpreadAnswer:
        """How the detections' scores are spread by class."""
        del where  # declared for OpenAPI
        found, every = self._desk.results.ask(score_spread(self._asked(request)))
        return SpreadAnswer(
            all_looked_at=every,
            classes=tuple(
                ScoresAnswer(label=s.label, threshold=s.threshold, bin_width=1 / SCORE_BINS, counts=s.counts)
                for s in found
            ),
        )
