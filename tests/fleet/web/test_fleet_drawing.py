"""Drawings and orders of the fleet's page, as pure functions."""

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.quality.control import Kind
from agent.web.query import QueryRefused
from agent.web.speech import Speech
from fleet.intake.topics import Address
from fleet.store.values import Box, Glance, Group, Presence, Sums, Sync, Tally
from fleet.web import figures, words
from fleet.web.catalogue.areas import CATALOGUE
from fleet.web.hours import stretches, yield_rows
from fleet.web.how import SILENT_US, Seen, seen
from fleet.web.listed import Search, found, search_of, sections
from fleet.web.period import DAY_MS, HOUR_MS, Period, period_of
from fleet.web.spark import HEIGHT, floor_of, spark

ZONE = ZoneInfo("Asia/Shanghai")
EN, ZH = Speech("en", ZONE, CATALOGUE), Speech("zh", ZONE, CATALOGUE)
NOW_US = 1_780_020_000_000_000
NOW_MS = NOW_US // 1000
HOUR = NOW_MS // HOUR_MS * HOUR_MS


def glance(station: str = "aoi1", line: str = "smt1", **changed: object) -> Glance:
    there = Presence(True, NOW_MS - DAY_MS, "", "0.9.0", "boot", "instance", NOW_US - 1000 * DAY_MS, NOW_US - 1_000_000)
    sync = Sync(NOW_MS - 60_000, 1041, 1041, 0, 0, 0, "714ebd86016f6791")
    hours = (Tally(100, 98, 1, 1),) * 24
    made = Glance(Box(Address("plant", line, station)), there, False, sync, (), hours[0] + hours[1], hours, ())
    return replace(made, **changed)  # type: ignore[arg-type]


def one(station: str = "aoi1", line: str = "smt1", **changed: object) -> Seen:
    return seen(glance(station, line, **changed), NOW_US)


class TestHow:
    def test_a_station_that_is_heard_is_online_and_complete(self) -> None:
        assert (one().state, one().proof, one().needs_somebody) == ("online", "complete", False)

    def test_one_that_is_connected_and_says_nothing_is_silent(self) -> None:
        presence = replace(glance().presence, heard_us=NOW_US - SILENT_US - 1)
        assert one(presence=presence).state == "silent"

    @pytest.mark.parametrize("why", ["stopped", "lost"])
    def test_one_that_has_gone_keeps_the_rest_to_itself(self, why: str) -> None:
        here = one(presence=replace(glance().presence, online=False, why=why))
        assert (here.state, here.proof) == (why, "waits")
        assert here.needs_somebody == (why == "lost")

    def test_what_is_missing_is_said_with_when_it_was_asked_for(self) -> None:
        here = one(sync=replace(glance().sync, missing=3, asked_us=NOW_US - 12_000_000))
        assert here.proof == "missing"
        assert words.proof(EN, here, NOW_US) == "up to 09:59; 3 missing, asked again 12 s ago"
        assert words.proof(ZH, here, NOW_US) == "完整至 09:59；缺 3 条，12 秒前已再次请求"

    def test_one_that_lags_is_behind(self) -> None:
        assert one(sync=replace(glance().sync, complete_ms=NOW_MS - 3_600_000)).proof == "behind"
        assert one(sync=Sync(0, 0, 0, 0, 0, 0, "")).proof == "nothing"


def test_numbers_are_told_in_spans() -> None:
    assert words.spans((3, 7, 8, 9)) == "3, 7–9"
    assert words.spans(()) == ""
    assert words.spans(tuple(range(0, 100, 2)), most=2) == "0, 2, …"


class TestListed:
    def test_words_narrow_by_place_model_and_alarm(self) -> None:
        every = (one("aoi1", "smt1"), one("aoi2", "smt2"))
        assert found(every, Search("SMT2")) == (every[1],)
        assert found(every, Search("plant aoi1")) == (every[0],)
        assert found(every, Search("0.9.0")) == every
        assert found(every, Search("nothing like it")) == ()

    def test_the_lowest_yield_comes_first_and_who_had_no_parts_last(self) -> None:
        good, bad, idle = one("a"), one("b", now=Tally(100, 50, 50)), one("c", now=Tally())
        assert found((good, bad, idle), Search(order="yield")) == (bad, good, idle)
        assert sections((bad, good, idle), Search(order="yield"))[0].site == ""

    def test_by_place_each_line_is_a_section(self) -> None:
        rows = (one("a", "smt1"), one("b", "smt1"), one("a", "smt2"))
        assert [(s.line, len(s.rows)) for s in sections(rows, Search())] == [("smt1", 2), ("smt2", 1)]

    def test_what_is_asked_wrongly_is_named(self) -> None:
        with pytest.raises(QueryRefused) as refused:
            search_of({"show": "x", "order": "y", "text": "z" * 81, "colour": "red"})
        assert {problem.where for problem in refused.value.problems} == {"show", "order", "text", "colour"}

    def test_a_search_is_kept_in_its_address(self) -> None:
        search = Search("smt 1", "alarms", "yield")
        assert search_of({"text": "smt 1", "show": "alarms", "order": "yield"}) == search
        assert search.address(show="all") == "/?text=smt+1&order=yield"
        assert Search().address() == "/"


YIELDS = st.lists(st.none() | st.floats(0, 1), max_size=24)


@given(YIELDS, st.lists(st.none() | st.floats(0, 1), max_size=200))
def test_a_spark_stays_inside_its_place_whatever_the_yields(
    yields: Sequence[float | None], all_: list[float | None]
) -> None:
    floor = floor_of(all_)
    assert 0 <= floor <= 0.95
    drawn = ElementTree.fromstring(str(spark(yields, floor, "a < b")))
    heights = [
        float(point.split(" ")[1]) for point in drawn.findall("path")[1].get("d", "").replace("M", "L").split("L")[1:]
    ]
    assert all(0 <= height <= HEIGHT for height in heights)
    assert drawn.get("aria-label") == "a < b"


def sums(parts: int, bad: int, unsure: int = 0) -> Sums:
    return Sums(1, parts, parts - bad - unsure, bad, unsure, parts, parts - bad - unsure)


def hours(*counts: tuple[int, int], recipes: str = "boards@aaaabbbbccccdddd", first: int = HOUR) -> list[Group]:
    """Groups of one lane, hour after hour, of (parts, NG)."""
    box = Box(Address("plant", "smt1", "aoi1"))
    return [
        Group(sums(parts, bad), box=box, lane="top", hour_ms=first + i * HOUR_MS, recipes=recipes)
        for i, (parts, bad) in enumerate(counts)
    ]


class TestHours:
    def test_a_short_period_is_shown_by_the_hour_and_keeps_empty_ones_between(self) -> None:
        rows = yield_rows(hours((100, 1), (0, 0), (100, 3)), Period(HOUR, HOUR + 3 * HOUR_MS, "hours"), EN)
        assert [counts.parts for _, _, counts in rows] == [100, 0, 100]
        assert rows[0][:2] == ("10:00", "29 May 10:00 – 11:00")

    def test_a_long_one_by_the_plants_days(self) -> None:
        midnight = period_of({"since": "2026-05-29T00:00"}, ZONE, NOW_MS).since_ms
        groups = hours(*[(100, 1)] * 48, first=midnight - HOUR_MS)
        rows = yield_rows(groups, Period(midnight - DAY_MS, midnight + 3 * DAY_MS, "week"), EN)
        assert [(short, counts.parts) for short, _, counts in rows] == [
            ("28 May", 100),
            ("29 May", 2400),
            ("30 May", 2300),
        ]

    def test_a_revision_is_judged_by_its_own_first_hours(self) -> None:
        before = hours(*[(400, 8)] * 26, first=HOUR - 100 * HOUR_MS)
        shown = hours((400, 8), (400, 40))
        period = Period(HOUR, HOUR + 2 * HOUR_MS, "hours")
        (chart,) = stretches(shown, [*before, *shown], "first", period, "")
        assert (chart.name, chart.frozen, chart.kind) == ("boards aaaabbbb", True, Kind.P)
        assert [bool(point.signals) for point in chart.points] == [False, True]

    def test_without_earlier_hours_the_limits_are_on_trial(self) -> None:
        shown = hours(*[(200, 10)] * 5)
        (chart,) = stretches(shown, (), "first", Period(HOUR, HOUR + 5 * HOUR_MS, "hours"), "")
        assert not chart.frozen
        assert chart.baseline_parts == 1000

    def test_two_revisions_are_two_stretches_in_their_order(self) -> None:
        first, second = hours(*[(200, 10)] * 3), hours(*[(200, 9)] * 3, recipes="boards@b", first=HOUR + 3 * HOUR_MS)
        charts = stretches([*second, *first], (), "first", Period(HOUR, HOUR + 6 * HOUR_MS, "hours"), "")
        assert [chart.name for chart in charts] == ["boards aaaabbbb", "boards b"]


def test_histograms_are_drawn_from_what_was_added_up() -> None:
    rising = (0, 0, 0, 0, 50, 90, 99, 99, 99, 99, 99, 99, 100, 100)
    figure = figures.latency(EN, Sums(parts=100, latency_le=rising, latency_max_ms=412.0))
    assert figure.rows[0] == ("15 – 20", "50", "50.00 %")
    assert "p50 20.0 ms" in figure.caption
    assert figures.latency(EN, Sums()).drawing is None
    assert figures.scores(ZH, Sums(score_count=2, score_le=(0,) * 18 + (1,))).rows[-1] == ("> 0.95", "1", "50.00 %")


class TestPeriod:
    def test_names_end_with_the_hour_that_runs(self) -> None:
        assert period_of({"range": "hours"}, ZONE, NOW_MS) == Period(HOUR - 7 * HOUR_MS, HOUR + HOUR_MS, "hours")

    def test_a_typed_time_is_the_plants_and_whole_hours(self) -> None:
        period = period_of({"since": "2026-05-01T08:10", "until": "2026-05-01T09:10"}, ZONE, NOW_MS)
        assert (period.until_ms - period.since_ms) // HOUR_MS == 2
        assert EN.clock(period.since_ms * 1000) == "08:00:00"

    @pytest.mark.parametrize("asked", [{"range": "x"}, {"since": "x"}, {"since": "2027-01-01", "until": "2026-01-01"}])
    def test_what_is_no_time_is_refused(self, asked: dict[str, str]) -> None:
        with pytest.raises(QueryRefused):
            period_of(asked, ZONE, NOW_MS)
