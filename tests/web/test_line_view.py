"""The line view as a kiosk: what persons overruled, the takt, full screen, tones, and a broken connection."""

import re
import signal
from pathlib import Path

import pytest

from agent.store.values import Review
from pipelines.values import Outcome
from tests.web.browsing import CHROMIUM, KIOSK, opened, says, shot, sync_api
from tests.web.fake_station import FakeStation, running
from tests.web.served import Served, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")
SECOND_US = 1_000_000


def test_what_a_person_overrules_is_counted_beside_the_machines_verdicts(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    """CONVENTIONS: overrides by a person are counted apart from the machine's verdicts."""
    station, served = line
    now = station.clock.now().utc_us
    bad = station.judge(outcome=Outcome.NG, utc_us=now - 12 * SECOND_US)
    for n in range(5):
        station.judge(utc_us=now - (10 - 2 * n) * SECOND_US)
    with opened(browser, served.url) as page:
        says(page, ".counts .ng dd", "1")
        says(page, ".counts .overridden dd", "0")
        station.review(Review(bad, "ok", "Li Wei"))
        says(page, ".counts .overridden dd", "1")
        says(page, ".counts .ng dd", "1")
        station.review(Review(bad, "ng", "Chen Jing"))
        says(page, ".counts .overridden dd", "0")
        station.judge(utc_us=station.clock.now().utc_us)
        says(page, ".rates .takt dd", "2.00 s")


def test_the_verdict_that_came_with_the_page_stands_until_a_part_is_shown(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    """While the newest part's picture is on its way, and on a slow line until the next part comes."""
    station, served = line
    number = station.judge(outcome=Outcome.NG)
    with opened(browser, served.url) as page:
        says(page, ".word", "NG")
        page.route(re.compile("/(live|picture)"), lambda _: None)  # never answered
        page.reload(wait_until="domcontentloaded")
        station.set_lane("top", paused=True)
        says(page, ".word", "PAUSED")  # so the server's word has come
        station.set_lane("top", paused=False)
        says(page, ".word", "NG")
        says(page, ".number", f"Part {number}")


def test_the_kiosk_has_nothing_around_it(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    station.judge()
    with opened(browser, f"{served.url}/?kiosk") as page:
        sync_api.expect(page.locator(".nav")).to_be_hidden()
        sync_api.expect(page.locator(".foot")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollHeight") == KIOSK["height"]
        shot(page, "kiosk")
        page.get_by_role("link", name="Leave full screen").click()
        sync_api.expect(page.locator(".nav")).to_be_visible()
        assert page.url == f"{served.url}/"
        page.get_by_role("link", name="Full screen").click()
        sync_api.expect(page.locator(".nav")).to_be_hidden()
        assert page.evaluate("Boolean(document.fullscreenElement)")
        assert page.url == f"{served.url}/?kiosk=1"


def test_tones_are_off_until_wanted_and_tell_bad_from_unsure(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    station, served = line
    with opened(browser, served.url) as page:
        switch = page.get_by_role("button", name="Sound for parts that do not pass")
        station.judge(outcome=Outcome.NG)
        says(page, ".counts .ng dd", "1")
        assert switch.get_attribute("data-played") is None
        switch.click()
        sync_api.expect(switch).to_have_attribute("aria-pressed", "true")
        sync_api.expect(page.locator("#soundhint")).to_be_hidden()
        for outcome in (Outcome.NG, Outcome.UNSURE):
            station.judge(outcome=outcome)
            sync_api.expect(switch).to_have_attribute("data-played", outcome.lower())
        page.reload()
        sync_api.expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
        sync_api.expect(page.locator("#soundhint")).to_be_visible()
        page.mouse.click(400, 400)
        sync_api.expect(page.locator("#soundhint")).to_be_hidden()


def test_a_broken_stream_is_said_until_it_is_back(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served], tmp_path: Path
) -> None:
    """A stale page never looks live: since when it is cut off is said, and it mends by itself."""
    station, served = line
    station.judge()
    context = browser.new_context(viewport=KIOSK, locale="en-US")
    page = context.new_page()
    page.goto(served.url)
    sync_api.expect(page.locator("#cut")).to_be_hidden()
    port = served.url.rpartition(":")[2]
    served.process.send_signal(
        signal.SIGKILL
    )  # as a power cut does it: an orderly end may take its time on a busy machine
    served.process.wait(20)
    sync_api.expect(page.locator("#cut")).to_be_visible(timeout=30_000)
    assert page.locator("#cut").inner_text().startswith("Connection lost ")
    with serving(tmp_path, port=int(port)):
        sync_api.expect(page.locator("#cut")).to_be_hidden(timeout=30_000)
        sync_api.expect(page.locator("body")).not_to_have_class("lost")
    context.close()


def test_all_lanes_are_added_up_and_one_leads_back_to_all(browser: "sync_api.Browser", tmp_path: Path) -> None:
    with running(tmp_path, ("top", "side")) as station, serving(tmp_path, lanes=("top", "side")) as served:
        station.judge("top")
        station.judge("side", Outcome.NG)
        with opened(browser, served.url) as page:
            says(page, "#whole .parts dd", "2")
            says(page, "#whole .yield dd", "50.0 %")
            station.judge("side")
            says(page, "#whole .ok dd", "2")
            page.locator("[data-lane=side] .name").click()
            sync_api.expect(page.locator("#whole")).to_have_count(0)
            page.get_by_role("link", name="All lanes").click()
            sync_api.expect(page.locator(".lane")).to_have_count(2)
