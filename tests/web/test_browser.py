"""The pages in a real headless Chromium: they change while parts pass, in both languages and themes.

Every page that a test opens is watched (`tests.web.browsing`).
"""

import time
from pathlib import Path

import pytest

from agent.status import Alarm
from pipelines.values import Detection, Outcome
from tests.web.browsing import CHROMIUM, KIOSK, PHONE, opened, says, shot, sync_api
from tests.web.fake_station import FakeStation, grey_board, running
from tests.web.served import Served, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")


def test_banner_picture_and_counters_follow_the_parts(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    station, served = line
    station.judge(pixels=grey_board(seed=1))
    with opened(browser, served.url) as page:
        says(page, ".word", "OK")
        says(page, ".counts .parts dd", "1")
        first = page.locator(".canvas img").get_attribute("src")
        found = (Detection("spur", 0.93, 300, 200, 340, 236), Detection("open", 0.31, 30, 40, 60, 90))
        number = station.judge(outcome=Outcome.NG, pixels=grey_board(seed=2), found=found)
        says(page, ".word", "NG")
        says(page, ".number", f"Part {number}")
        says(page, ".reasons li", "Spur score 0.93, limit 0.45")
        says(page, ".counts .ng dd", "1")
        says(page, "#bad .what", "Spur")
        picture = page.locator(".canvas img")
        assert picture.get_attribute("src") != first
        assert picture.evaluate("image => [image.complete, image.naturalWidth]") == [True, 640]
        assert page.locator(".boxes .bad").count() == page.locator(".boxes .seen").count() == 1
        box, image = page.locator(".boxes .bad .edge").bounding_box(), picture.bounding_box()
        assert box is not None
        assert image is not None
        scale = image["height"] / 640
        assert abs(box["y"] - image["y"] - 196 * scale) < 4
        shot(page, "line-ng")
        station.judge(outcome=Outcome.UNSURE, pixels=grey_board(seed=3) // 90)
        says(page, ".word", "UNSURE")
        says(page, ".rates .yield dd", "33.3 %")
        assert page.locator(".tape rect").count() == 3
        station.judge()
        says(page, ".word", "OK")
        assert page.locator(".age").inner_text().endswith("ago")


def test_nothing_is_live_that_is_not(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    """FIELD 2, 3 and 10: a camera, a station or a page that is gone is said, with the last picture put aside."""
    station, served = line
    station.judge()
    with opened(browser, served.url) as page:
        says(page, ".word", "OK")
        for changed, word in (
            ({"camera": "gone", "camera_detail": "no camera 4F2A"}, "CAMERA GONE"),
            ({"camera": "stalled"}, "STALLED"),
            ({"engine": "failed", "engine_detail": "no device"}, "MODEL FAILED"),
            ({"engine": "ready", "camera": "live", "paused": True, "paused_why": "change of reel"}, "PAUSED"),
        ):
            station.set_lane("top", **changed)
            says(page, ".word", word)
            sync_api.expect(page.locator(".picture")).to_have_class("picture old")
        says(page, ".reasons li", " change of reel")
        station.set_lane("top", paused=False)
        says(page, ".word", "OK")
        station.hung.set()
        says(page, ".word", "NO ANSWER")
        station.hung.clear()
        says(page, ".word", "OK")
        station.stop()
        says(page, ".word", "NOT STARTED")
        says(page, ".rates .rate dd", "–")
        station.start()
        says(page, ".word", "OK")


def test_a_page_that_lost_its_server_says_so(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    station.judge()
    context = browser.new_context(viewport=KIOSK)
    page = context.new_page()
    page.goto(served.url)
    says(page, ".word", "OK")
    assert served.stop() == 0
    says(page, ".word", "DISCONNECTED")
    sync_api.expect(page.locator(".picture")).to_have_class("picture old")
    context.close()


def test_alarms_come_and_go(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    with opened(browser, served.url, locale="zh-CN") as page:
        says(page, ".word", "等待中")
        since = station.clock.now().utc_us
        station.said = {"alarms": (Alarm(name="disk_low", lane="", since_utc_us=since, detail="900 MB free"),)}
        says(page, "#alarms strong", "磁盘空间不足")
        station.said = {"alarms": (Alarm(name="not_in_the_catalogue", lane="top", since_utc_us=since, detail="<i>"),)}
        says(page, "#alarms strong", "not in the catalogue · 通道 top")
        station.said = {}
        sync_api.expect(page.locator("#alarms li")).to_have_count(0)


def test_language_and_theme_are_switched_and_kept(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    station, served = line
    station.judge(outcome=Outcome.NG)
    with opened(browser, served.url, color_scheme="light") as page:
        light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        says(page, ".sub", "Bad part")
        page.get_by_role("button", name="中文").click()
        says(page, ".sub", "不合格")
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        page.get_by_role("button", name="深色主题").click()
        sync_api.expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
        shot(page, "line-zh-dark")
        page.goto(f"{served.url}/parts")
        says(page, "h1", "历史记录")
        page.get_by_role("button", name="English").click()
        says(page, "h1", "History")
        assert page.url == f"{served.url}/parts"


def test_lanes_side_by_side_and_one_alone(browser: "sync_api.Browser", tmp_path: Path) -> None:
    with running(tmp_path, ("top", "side")) as station, serving(tmp_path, lanes=("top", "side")) as served:
        station.judge("top")
        station.judge("side", Outcome.NG)
        with opened(browser, served.url) as page:
            says(page, "[data-lane=top] .word", "OK")
            says(page, "[data-lane=side] .word", "NG")
            station.set_lane("top", camera="gone")
            says(page, "[data-lane=top] .word", "CAMERA GONE")
            station.judge("side", Outcome.UNSURE)
            says(page, "[data-lane=side] .word", "UNSURE")
            shot(page, "two-lanes")
            page.locator("[data-lane=side] .name").click()
            sync_api.expect(page.locator(".lane")).to_have_count(1)
            says(page, ".word", "UNSURE")
            station.lanes = {"side": station.lanes["side"]}
            sync_api.expect(page.locator(".name")).to_have_count(0)


def test_list_and_part(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    ids = [station.judge(outcome=(Outcome.NG if i % 7 == 3 else Outcome.OK)) for i in range(60)]
    with opened(browser, f"{served.url}/parts") as page:
        assert page.locator(".list tbody tr").count() == 50
        page.get_by_role("link", name="Older").click()
        sync_api.expect(page.locator(".list tbody tr")).to_have_count(10)
        page.goto(f"{served.url}/parts")
        page.get_by_label("Verdict").select_option("NG")
        page.get_by_label("Defect").fill("spur")
        page.get_by_role("button", name="Search").click()
        sync_api.expect(page.locator(".list tbody tr")).to_have_count(9)
        page.locator(".list .id a").first.click()
        says(page, "h1 .chip", "NG")
        assert page.url == f"{served.url}/parts/{ids[59]}"
        sync_api.expect(page.locator(".boxes")).to_be_visible()
        page.get_by_role("button", name="Larger").click()
        says(page, "#scale", "150 %")
        page.locator("#frame").focus()
        page.keyboard.press("+")
        says(page, "#scale", "225 %")
        sync_api.expect(page.locator(".boxes .tag")).to_be_hidden()
        page.keyboard.press("ArrowRight")
        assert page.url == f"{served.url}/parts/{ids[59]}"
        page.locator("#frame").dispatch_event("wheel", {"deltaY": -200})
        says(page, "#scale", "318 %")
        page.keyboard.press("0")
        says(page, "#scale", "100 %")
        shot(page, "part")
        page.get_by_label("Boxes").uncheck()
        sync_api.expect(page.locator(".boxes")).to_be_hidden()
        page.get_by_label("Boxes").blur()
        assert page.locator(".mini").count() == 6
        page.keyboard.press("ArrowLeft")
        page.wait_for_url(f"{served.url}/parts/{ids[58]}")
        says(page, ".facts section p", "Nothing to object to.")


@pytest.mark.parametrize("path", ["/", "/parts", "/parts/1"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_on_a_phone_nothing_is_cut_off_and_everything_can_be_touched(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served], path: str, locale: str
) -> None:
    station, served = line
    for outcome in (Outcome.NG, Outcome.UNSURE, Outcome.OK):
        station.judge(outcome=outcome)
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with opened(browser, served.url + path, locale, **options) as page:
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        small = page.evaluate(
            """[...document.querySelectorAll("a, button, input, select")]
                .filter(e => e.checkVisibility() && e.type !== "hidden" && !e.closest(".skip, .label, .check"))
                .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
                .filter(([, r]) => r.width < 43.5 || r.height < 43.5).map(([text]) => text)"""
        )
        assert small == []
        shot(page, f"phone{path.replace('/', '-')}-{locale}")


def test_the_keyboard_reaches_everything_and_focus_outlives_updates(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    station, served = line
    number = station.judge(outcome=Outcome.NG)
    with opened(browser, served.url) as page:
        card = page.locator(f'#bad a[href="/parts/{number}"]')
        card.focus()
        for _ in range(3):
            newer = station.judge(outcome=Outcome.NG)
            sync_api.expect(page.locator(f'#bad a[href="/parts/{newer}"]')).to_be_visible()
        assert page.evaluate("document.activeElement.getAttribute('href')") == f"/parts/{number}"
        page.keyboard.press("Enter")
        page.wait_for_url(f"{served.url}/parts/{number}")


def test_a_fast_line_does_not_flicker(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    """WCAG 2.3.1: at most three flashes a second, however fast good and bad parts alternate."""
    station, served = line
    station.judge()
    with opened(browser, served.url) as page:
        says(page, ".word", "OK")
        page.evaluate(
            """() => { window.changes = 0; new MutationObserver(all => {
                for (const one of all) if (one.oldValue !== one.target.dataset.tone) window.changes += 1;
            }).observe(document.querySelector(".banner"),
                {attributeFilter: ["data-tone"], attributeOldValue: true}) }"""
        )
        begin, changes, turn = time.monotonic(), 0, 0
        # Two seconds, and on a busy machine as long as it takes to see anything change at all.
        while turn < 40 or (changes < 2 and time.monotonic() < begin + 60):
            # In runs, for the page looks ten times a second and might see every other part only.
            station.judge(outcome=Outcome.NG if turn // 4 % 2 else Outcome.OK, keep=False)
            time.sleep(0.05)
            turn += 1
            changes = page.evaluate("window.changes") if turn % 10 == 0 else changes
        # A flash is a pair of changes.
        assert 2 <= changes <= 6 * (time.monotonic() - begin) + 1
