"""Numbers, times and languages as people read them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.web.board import size_of
from agent.web.catalogue.text import LANGUAGES
from agent.web.speech import Speech, preferred
from pipelines.values import Reason, Rule

EN, ZH = Speech("en", ZoneInfo("Asia/Shanghai")), Speech("zh", ZoneInfo("Asia/Shanghai"))
NEW_YEAR_US = 1_767_196_800_000_000
"""2025-12-31 16:00:00 UTC: midnight in Shanghai."""


@pytest.mark.parametrize(
    ("wanted", "accept", "language"),
    [
        ("auto", "", "en"),
        ("auto", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("auto", "en-GB,zh;q=0.9", "en"),
        ("auto", "de, zh;q=0.3, en;q=0.5", "en"),
        ("auto", "de,fr;q=0.5", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("auto", ";;;q=,,zh;q=nonsense", "zh"),
    ],
)
def test_language(wanted: str, accept: str, language: str) -> None:
    assert preferred(wanted, accept) == language


@given(st.text(max_size=600))
def test_any_accept_language_header_gives_a_language(header: str) -> None:
    assert preferred("auto", header) in LANGUAGES


def test_times_are_the_plants() -> None:
    """FIELD 23: stored in UTC, shown in the plant's zone."""
    assert EN.moment(NEW_YEAR_US) == "1 Jan 2026 00:00:00"
    assert ZH.moment(NEW_YEAR_US) == "2026年1月1日 00:00:00"
    assert Speech("en", UTC).moment(NEW_YEAR_US) == "31 Dec 2025 16:00:00"


def test_numbers() -> None:
    assert EN.number(1234567) == "1,234,567"
    assert EN.number(None) == "–"
    assert [EN.duration(s) for s in (0.24, 12.7, 100, 4000, 200_000)] == ["0.2 s", "12 s", "1 min", "1 h", "2 d"]
    assert [EN.size(mb) for mb in (420, 81_000)] == ["420 MB", "81.0 GB"]


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_yield_never_reads_better_than_it_is(bad: int, good: int) -> None:
    shown = EN.share(good, good + bad)
    if good + bad == 0:
        assert shown == "–"
    elif bad:
        assert shown != "100 %"
        assert float(shown[:-2]) <= 100 * good / (good + bad) + 1e-9
    else:
        assert shown == "100 %"


def test_reasons_in_words() -> None:
    defect = Reason(Rule.DEFECT, 0.934, 0.45, "pin-hole", detection=0)
    assert (EN.what(defect), EN.why(defect)) == ("Pin hole", "score 0.93, limit 0.45")
    assert (ZH.what(defect), ZH.why(defect)) == ("针孔", "得分 0.93，限值 0.45")
    assert EN.what(Reason(Rule.DEFECT, 0.9, 0.5, "blow_hole")) == "blow hole"
    assert EN.what(Reason(Rule.MISSING, 1, 2, "screw")) == "Missing: screw"
    assert EN.why(Reason(Rule.SATURATED, 0.123, 0.05)) == "12.3 % of the pixels at white, at most 5.0 %"
    assert EN.why(Reason(Rule.INTERRUPTED)) == ""


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("speech", [EN, ZH])
def test_every_rule_can_be_said(speech: Speech, rule: Rule) -> None:
    reason = Reason(rule, 1.5, 2.5, region="edge")
    assert speech.what(reason)
    assert "edge" in speech.why(reason)


def test_words_are_set_as_large_as_they_fit() -> None:
    assert [size_of(w) for w in ("OK", "存疑", "UNSURE", "CAMERA GONE", "PREPARING", "DISCONNECTED")] == [
        "xl", "xl", "l", "l", "m", "s",
    ]  # fmt: skip


def test_why_an_alarm_stands_is_said_in_words() -> None:
    assert EN.because("not_released", "first, recipe") == "this lane never passed a run, the recipe was changed"
    assert ZH.because("not_released", "first") == "该通道从未通过检查"
    assert EN.because("camera_gone", "no 4F2A, no cable") == "no 4F2A, no cable"
    assert EN.because("not_released", "") == ""
