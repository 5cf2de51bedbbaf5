"""Charts as drawings: whole XML, every value with its exact figures, nothing that the security policy forbids."""

import math
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality.baseline import HOUR_US, ShareBaseline, level_baseline
from agent.quality.charts import g_chart, individuals_chart, p_chart
from agent.quality.control import Kind, Signal, Stretch
from agent.quality.groups import Group, Measured
from agent.quality.heat import Heat, scores
from agent.quality.pareto import pareto
from agent.quality.yields import Counts
from agent.web.catalogue.text import LANGUAGES
from agent.web.charts.bars import score_chart
from agent.web.charts.control import ControlText, control_chart
from agent.web.charts.figure import Figure
from agent.web.charts.heat import heat_chart
from agent.web.charts.plot import moments
from agent.web.charts.scale import Scale, around, decades, digits_of, nice
from agent.web.charts.svg import mark, picture, tag
from agent.web.quality.figures import control_figure, pareto_figure, words_of, yield_figure
from agent.web.speech import Speech
from tests.store.made import START_US

ZONE = ZoneInfo("Asia/Shanghai")
SPEECH = Speech("en", ZONE)
EVIL = "<script>\"&'</script>"
SVG = "{*}"

counted = st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), min_size=1, max_size=40)


def groups(shares: list[tuple[int, float]]) -> list[Group]:
    return [
        Group(START_US + i * HOUR_US, START_US + (i + 1) * HOUR_US, n, round(n * share))
        for i, (n, share) in enumerate(shares)
    ]


def drawn(figure: Figure) -> ET.Element:
    """The drawing, parsed: a chart that is no XML fails here."""
    assert figure.drawing is not None
    root = ET.fromstring(figure.drawing)
    assert root.get("role") == "img"
    assert root.get("aria-label")
    for element in root.iter():
        assert "style" not in element.attrib
        assert not [name for name in element.attrib if name.startswith("on")]
        for name in ("x", "y", "cx", "cy", "width", "height", "r", "x1", "y1", "d"):
            assert "nan" not in element.get(name, "")
            assert "inf" not in element.get(name, "")
    return root


def marks(root: ET.Element) -> list[ET.Element]:
    return [each for each in root.iter("g") if "mark" in each.get("class", "")]


@settings(max_examples=40, deadline=None)
@given(counted, st.sampled_from(LANGUAGES), st.integers(0, 4000), st.booleans())
def test_a_p_chart_shows_every_point_with_its_figures(
    shares: list[tuple[int, float]], language: str, hits: int, frozen: bool
) -> None:
    chart = p_chart("boards ab12", groups(shares), ShareBaseline(4000, hits, frozen, 1.3))
    if not chart.points:
        return
    figure = control_figure(Speech(language, ZONE), "p", "NG", [chart])  # type: ignore[arg-type]
    root = drawn(figure)
    assert len(marks(root)) == len(chart.points) == len(figure.rows)
    assert all(mark.findtext("title") for mark in marks(root))
    beyond = [p for p in chart.points if Signal.BEYOND in p.signals]
    assert len([e for e in root.iter("path") if e.get("class") == "beyond"]) == len(beyond)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60), st.booleans())
def test_a_g_chart_of_any_gaps(lengths: list[int], open_end: bool) -> None:
    gaps = [Group(START_US + i, START_US + i + 1, n, 1) for i, n in enumerate(lengths)]
    chart = g_chart("r", gaps, ShareBaseline(10_000, 3, True, 1.0), open_end)
    assert len(marks(drawn(control_figure(SPEECH, "g", "NG", [chart])))) == len(lengths)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_an_individuals_chart_of_any_values(values: list[float]) -> None:
    some = [Measured(START_US + i * HOUR_US, START_US + (i + 1) * HOUR_US, 7, v) for i, v in enumerate(values)]
    chart = individuals_chart("r", some, level_baseline(some, frozen=False))
    assert len(marks(drawn(control_figure(SPEECH, "b", "Brightness", [chart])))) == len(values)


def test_limits_step_where_another_revision_begins() -> None:
    one = p_chart("boards aaaa", groups([(200, 0.1)] * 9), ShareBaseline(4000, 400, True, 1.0))
    two = p_chart("boards bbbb", groups([(200, 0.3)] * 9), ShareBaseline(4000, 1200, False, 1.0))
    figure = control_figure(SPEECH, "p", "NG", [one, two])
    root = drawn(figure)
    assert {e.get("class") for e in root.iter("path")} >= {"limit", "limit trial", "centre", "centre trial"}
    assert [e for e in root.iter("line") if e.get("class") == "change"]
    assert [note for note in figure.notes if note.startswith("boards bbbb: trial limits")]


def test_no_chart_of_nothing() -> None:
    text = ControlText("", lambda *_: "", 1.0, lambda *_: "")
    nothing = Stretch("r", Kind.P, (), frozen=True, baseline_parts=1)
    with pytest.raises(ValueError, match="no points"):
        control_chart([nothing], words_of(SPEECH), text)
    with pytest.raises(ValueError, match="no shares"):
        yield_figure(SPEECH, "y", "Yield", [("", "", Counts())], "")


def test_what_comes_from_outside_is_escaped() -> None:
    bars = pareto({EVIL: 3, "open": 1})
    figure = pareto_figure(SPEECH, "d", EVIL, bars, "", lambda name: name)
    root = drawn(figure)
    assert EVIL in (marks(root)[0].findtext("title") or "")
    assert "<script" not in str(figure.drawing)
    assert "<script" not in str(mark(EVIL, [tag("text", EVIL, class_=EVIL)]) + picture(1, 1, EVIL, "x", []))


def test_a_heat_map_and_scores() -> None:
    heat = Heat(32, 24, {(0, 0): 1, (31, 23): 9}, 640, 480, 10, True)
    tips = {at: f"{n} at {at}" for at, n in heat.cells.items()}
    root = ET.fromstring(heat_chart(heat, tips, "where", "/parts/1/picture"))
    assert len(marks(root)) == 2
    found = scores("open", [(10, 5), (46, 9)], 0.45)
    root = ET.fromstring(score_chart(found, [str(n) for n in found.counts], words_of(SPEECH), "scores"))
    assert [e.get("class") for e in root.iter("rect")] == ["bar", "bar bad"]
    assert any(e.get("class") == "threshold" for e in root.iter("line"))


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 10))
def test_ticks_are_few_and_inside(low: float, span: float, most: int) -> None:
    ticks = nice(low, low + span, most)
    assert len(ticks) <= most + 1
    slack = span * 1e-6 + abs(low) * 1e-12
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
    assert digits_of(ticks) >= 0


def test_ticks_that_people_read() -> None:
    assert nice(0, 1, 5) == (0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert nice(0, 0.037, 4) == (0, 0.01, 0.02, 0.03)
    assert digits_of((0, 0.01, 0.02)) == 2
    assert decades(3, 40_000) == (10, 100, 1000, 10_000)
    assert around([0.01, 0.05]) == (0.0, pytest.approx(0.054))
    assert around([100.0, 110.0])[0] > 90
    assert around([math.nan]) == (0, 1)
    scale = Scale(1, 100, 200, 0, log=True)
    assert (scale(1), scale(10), scale(1000)) == (200, 100, 0)


def test_moments_name_the_day_where_it_changes() -> None:
    at = [START_US + i * 6 * HOUR_US for i in range(5)]  # 08:00 of the plant's 29 May, and every six hours
    assert moments(at, words_of(SPEECH)) == ("08:00", "14:00", "20:00", "30 May", "08:00")
    days = [START_US + i * 24 * HOUR_US for i in range(3)]
    assert moments(days, words_of(Speech("zh", ZONE))) == ("5月29日", "5月30日", "5月31日")
