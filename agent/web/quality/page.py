"""A study as the figures of the quality page, in the viewer's language."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.quality.heat import SCORE_BINS, Heat, Scores
from agent.quality.pareto import pareto
from agent.quality.study import Causes, Measure, Study
from agent.web.charts.bars import score_chart
from agent.web.charts.figure import Column, Figure
from agent.web.charts.heat import heat_chart
from agent.web.quality.figures import control_figure, pareto_figure, words_of, yield_figure
from agent.web.quality.tables import Table
from agent.web.quality.yields import WAYS, By, Yields
from agent.web.speech import NOTHING, Speech

MOST_CLASSES = 12
"""Of more classes the histograms of those found most often are shown."""
MOST_CELLS = 60


@dataclass(frozen=True, slots=True)
class QualityPage:
    """Draws one study."""

    study: Study
    yields: Yields
    file: Callable[[Table], str]
    """Address of a table's CSV file."""

    @property
    def speech(self) -> Speech:
        return self.yields.speech

    def first(self) -> tuple[Figure, ...]:
        """What is looked at every day: the shares, and what makes them."""
        study, speech = self.study, self.speech
        return (
            self._control("ng"),
            self._control("unsure"),
            self._causes("defects", study.defects, lambda name: speech.named("label", name)),
            self._causes("unsure-causes", study.unsure, lambda name: speech.named("rule", name)),
        )

    def later(self) -> tuple[Figure, ...]:
        """Where, when, and how the picture itself drifts."""
        return (
            *(self._yield(by) for by in WAYS),
            self.places(),
            self._control("brightness"),
            self._control("sharpness"),
        )

    def _nothing(self, name: Table, why: str = "quality.none") -> Figure:
        return Figure(name, self.speech.say(f"quality.{name}"), None, self.speech.say(why))

    def _control(self, measure: Measure) -> Figure:
        stretches = self.study.control[measure]
        if not stretches:
            return self._nothing(measure)
        return control_figure(
            self.speech, measure, self.speech.say(f"quality.{measure}"), stretches, self.file(measure)
        )

    def _causes(self, name: Table, causes: Causes, named: Callable[[str], str]) -> Figure:
        speech = self.speech
        bars = pareto(causes.counts, most=10)
        if not bars:
            return self._nothing(name, f"quality.{name}.none")
        parts = speech.number(causes.parts)
        key = f"quality.{name}.caption" if causes.all_looked_at else f"quality.{name}.newest"
        return pareto_figure(
            speech, name, speech.say(f"quality.{name}"), bars, speech.say(key, parts=parts), named, self.file(name)
        )

    def _yield(self, by: By) -> Figure:
        rows = self.yields.rows(by, self.study)
        if not any(counts.parts for _, _, counts in rows):
            return self._nothing(by)
        title, caption = self.speech.say(f"quality.{by}"), self.speech.say("quality.yield.caption")
        return yield_figure(self.speech, by, title, rows, caption, self.file(by))

    def places(self) -> Figure:
        """The heat map over the newest picture that was kept."""
        speech, found = self.speech, self.study.heat
        if found is None:
            return self._nothing("places", "quality.places.none")
        title = speech.say("quality.places")
        tips = dict(self._tips(found))
        label = speech.say("quality.places.label", title=title, n=speech.number(found.total))
        under = f"/parts/{self.study.picture}/picture" if self.study.picture else ""
        ranked = sorted(found.cells.items(), key=lambda cell: -cell[1])[:MOST_CELLS]
        return Figure(
            name="places",
            title=title,
            drawing=heat_chart(found, tips, label, under),
            caption=speech.say("quality.places.caption" if under else "quality.places.bare"),
            notes=(self._drawn(found),),
            columns=(Column(speech.say("column.place"), False), Column(speech.say("column.count"))),
            rows=tuple((tips[at].split("\n")[0], speech.number(n)) for at, n in ranked),
            csv=self.file("places"),
        )

    def _drawn(self, found: Heat) -> str:
        key = "quality.places.drawn" if found.all_looked_at else "quality.places.newest"
        return self.speech.say(key, n=self.speech.number(found.total), parts=self.speech.number(found.parts))

    def _tips(self, found: Heat) -> Iterator[tuple[tuple[int, int], str]]:
        wide, tall = found.width_px / found.columns, found.height_px / found.rows
        for (column, row), n in found.cells.items():
            x, y = column * wide, row * tall
            place = f"x {x:.0f}–{x + wide:.0f}, y {y:.0f}–{y + tall:.0f} px"
            yield (column, row), f"{place}\n{self.speech.say('quality.places.tip', n=self.speech.number(n))}"

    def scores(self) -> tuple[Figure, ...]:
        """A histogram for each class, those found most often first."""
        ranked = sorted(self.study.scores, key=lambda each: (-each.total, each.label))[:MOST_CLASSES]
        return tuple(self._scores(place, each) for place, each in enumerate(ranked))

    def _scores(self, place: int, found: Scores) -> Figure:
        speech = self.speech
        limit = NOTHING if found.threshold is None else speech.number(found.threshold, 2)
        tips = [
            f"{i / SCORE_BINS:.2f}–{(i + 1) / SCORE_BINS:.2f}\n{speech.say('quality.scores.tip', n=speech.number(n))}"
            for i, n in enumerate(found.counts)
        ]
        title = speech.named("label", found.label)
        said = {"n": speech.number(found.total), "limit": limit, "near": speech.number(found.near)}
        key = "quality.scores.one" if found.threshold is not None else "quality.scores.bare"
        label = f"{title}: {speech.say(key, **said)}"
        drawing = score_chart(found, tips, words_of(speech), label)
        return Figure(f"scores-{place}", title, drawing, speech.say(key, **said))
