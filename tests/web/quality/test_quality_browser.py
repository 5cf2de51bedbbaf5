"""The quality page in a real Chromium: exact values by pointer, keys and table; on a phone and on paper."""

from pathlib import Path

import pytest

from pipelines.values import Outcome
from tests.web.browsing import CHROMIUM, PHONE, opened, shot, sync_api
from tests.web.fake_station import FakeStation
from tests.web.served import Served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")


def judge_some(station: FakeStation) -> None:
    for n in range(30):
        station.judge(outcome=Outcome.NG if n % 6 == 5 else Outcome.OK, keep=n == 5)
    station.judge(outcome=Outcome.UNSURE, keep=False)


@pytest.mark.parametrize(("locale", "scheme"), [("en-US", "light"), ("zh-CN", "dark")])
def test_exact_values_by_pointer_keys_and_table(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served], locale: str, scheme: str
) -> None:
    station, served = line
    judge_some(station)
    with opened(browser, f"{served.url}/quality", locale, color_scheme=scheme) as page:
        shot(page, f"quality-{locale}-{scheme}")
        chart = page.locator("#ng .plot")
        chart.focus()
        page.keyboard.press("End")
        tip = page.locator("#ng .tip")
        sync_api.expect(tip).to_be_visible()
        last = tip.inner_text()
        page.keyboard.press("ArrowLeft")
        sync_api.expect(tip).not_to_have_text(last)
        page.keyboard.press("Escape")
        sync_api.expect(tip).to_be_hidden()
        page.locator("#defects .mark").first.hover()
        sync_api.expect(page.locator("#defects .tip")).to_contain_text("5")
        page.locator("#ng summary").click()
        sync_api.expect(page.locator("#ng tbody tr")).to_have_count(5)
        with page.expect_download() as download:
            page.locator("#ng .figures .button").click()
        assert Path(download.value.path()).read_bytes().startswith(b"\xef\xbb\xbffrom,to")


def test_filters_by_hand(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    judge_some(station)
    with opened(browser, f"{served.url}/quality") as page:
        page.get_by_role("link", name="Today").click()
        page.wait_for_url("**range=today*")
        page.locator(".ask summary").click()
        page.locator(".ask [name=recipe]").select_option("boards")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**recipe=boards*")
        sync_api.expect(page.locator(".tile .value").first).to_have_text("31")
        sync_api.expect(page.locator(".periods [aria-current]")).to_have_text("Today")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_on_a_phone_nothing_is_cut_off(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served], locale: str
) -> None:
    station, served = line
    judge_some(station)
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with opened(browser, f"{served.url}/quality", locale, **options) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        small = page.evaluate(
            """[...document.querySelectorAll("main a, main button, main summary, main select")]
                .filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
                .filter(([, r]) => r.width < 43.5 || r.height < 43.5).map(([text]) => text)"""
        )
        assert small == []
        shot(page, f"phone-quality-{locale}")


def test_on_paper_it_is_light_with_open_tables_and_nothing_to_click(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    station, served = line
    judge_some(station)
    with opened(browser, f"{served.url}/quality", color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        for hidden in (".nav", ".periods", ".foot", "#ng .figures .button"):
            sync_api.expect(page.locator(hidden)).to_be_hidden()
        assert page.evaluate("document.querySelector('#ng .figures tbody').getBoundingClientRect().height") > 20
        shot(page, "quality-paper")
