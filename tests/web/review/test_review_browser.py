"""The review in a real Chromium: two taps, keys, boxes by mouse, finger and keyboard; nothing of an audit is told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.store.read import Reader
from agent.store.values import Review, Sampling
from pipelines.values import Detection, Outcome
from tests.web.browsing import CHROMIUM, LONG_MS, PHONE, opened, says, shot, sync_api
from tests.web.fake_station import SPUR, FakeStation, running
from tests.web.served import Served, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")
DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeStation, Served]]:
    folder = tmp_path_factory.mktemp("reviewed") / "station"
    with running(folder) as station, serving(folder) as served:
        yield station, served


def newest(station: FakeStation, part: int) -> Review:
    return Reader(station.data / "results.db").review_history(part)[0]


def goes_on(page: "sync_api.Page", act: Callable[[], object]) -> None:
    """The act brings the next page."""
    with page.expect_navigation(timeout=LONG_MS):
        act()
    page.wait_for_load_state("load")


def test_a_verdict_in_two_taps_and_the_next_part_at_once(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served]
) -> None:
    """FIELD 25: good is one tap, bad with its class two, bad as marked one."""
    station, served = line
    unsure, marked, good = (station.judge(outcome=o) for o in (Outcome.UNSURE, Outcome.NG, Outcome.NG))
    with opened(browser, f"{served.url}/review", viewport=PHONE, has_touch=True, is_mobile=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        goes_on(page, lambda: page.get_by_role("link", name="Start reviewing").tap())
        says(page, "h1", f"Part {good}")
        small = page.evaluate(
            """[...document.querySelectorAll("main a, main button, main summary, .classes label")]
                .filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
                .filter(([, r]) => r.width < 43.5 || r.height < 43.5).map(([text]) => text)"""
        )
        assert small == []
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        shot(page, "review-phone")
        goes_on(page, lambda: page.get_by_role("button", name="Good").tap())
        says(page, "h1", f"Part {marked}")
        says(page, ".saved span", f"Part {good}: good. Saved.")
        goes_on(page, lambda: page.get_by_role("button", name="Bad", exact=True).tap())
        says(page, "h1", f"Part {unsure}")
        page.get_by_role("button", name="Bad", exact=True).tap()
        page.locator("#which").get_by_role("button", name="Spur").wait_for()
        shot(page, "review-which")
        goes_on(page, lambda: page.locator("#which").get_by_role("button", name="Spur").tap())
        says(page, ".emptiness h2", "Nothing waits for you.")
    assert [b.change for b in newest(station, good).boxes] == ["removed"]
    assert (newest(station, marked).verdict, [b.change for b in newest(station, marked).boxes]) == ("ng", ["kept"])
    assert newest(station, unsure).note == "class: spur"


def test_boxes_by_the_keyboard(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    part = station.judge(outcome=Outcome.NG, found=(SPUR, Detection("open", 0.8, 20, 20, 80, 80)))
    with opened(browser, f"{served.url}/review/{part}", viewport=DESK) as page:
        page.locator("#marked button").first.press("Enter")
        for keys in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Control+ArrowLeft"):
            page.keyboard.press(keys)
        page.locator("#marked button").nth(1).press("Enter")
        page.keyboard.press("Delete")
        sync_api.expect(page.locator("#marked button")).to_have_count(1)
        page.keyboard.press("u")  # takes the removal back
        sync_api.expect(page.locator("#marked button")).to_have_count(2)
        page.locator("#marked button").nth(1).press("Enter")
        page.keyboard.press("Delete")
        page.keyboard.press("a")
        sync_api.expect(page.locator("#marked button")).to_have_count(2)
        page.keyboard.press("1")
        shot(page, "review-desk")
        goes_on(page, lambda: page.keyboard.press("n"))
    said = newest(station, part)
    moved = next(b for b in said.boxes if b.change == "nudged")
    assert (moved.label, moved.x1, moved.y1, moved.x2, moved.y2) == ("spur", 302, 210, 341, 246)
    assert sorted(b.change for b in said.boxes) == ["added", "nudged", "removed"]


def test_boxes_by_the_mouse(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    """Moved by a drag, enlarged by a corner, drawn; zoomed in, a drag means as many px of the picture as it shows."""
    station, served = line
    part = station.judge(outcome=Outcome.NG)
    with opened(browser, f"{served.url}/review/{part}", viewport=DESK) as page:

        def at(x: float, y: float) -> tuple[float, float]:
            point = page.evaluate(
                """([x, y]) => { const at = new DOMPoint(x, y).matrixTransform(document.getElementById("picture")
                    .getScreenCTM()); return [at.x, at.y]; }""",
                [x, y],
            )
            return point[0], point[1]

        def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
            page.mouse.move(*at(*start))
            page.mouse.down()
            page.mouse.move(*at(*end), steps=4)
            page.mouse.up()

        drag((320, 218), (420, 318))
        grip = page.locator(".grip.se").bounding_box()
        assert grip
        assert min(grip["width"], grip["height"]) >= 43.5
        x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
        unit = page.evaluate("document.getElementById('picture').getScreenCTM().a")
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 20 * unit, y + 10 * unit, steps=4)
        page.mouse.up()
        page.get_by_role("button", name="Larger").click()
        page.get_by_role("button", name="Whole picture").click()
        page.get_by_role("button", name="Mark a defect").click()
        drag((100, 100), (160, 140))
        says(page, "#marked li:nth-child(2) .quiet", "60 × 40")
        goes_on(page, lambda: page.keyboard.press("n"))
    said = {b.change: b for b in newest(station, part).boxes}
    assert set(said) == {"added", "removed"} or set(said) == {"added"}
    boxes = sorted((round(b.x1), round(b.y1), round(b.x2), round(b.y2)) for b in newest(station, part).truth)
    assert boxes == [(100, 100, 160, 140), (400, 300, 460, 346)]


def test_an_audit_hides_what_the_machine_said(
    browser: "sync_api.Browser", line: tuple[FakeStation, Served], tmp_path: Path
) -> None:
    """Before the decision nothing that the browser got names it, and taking back is as blind."""
    del tmp_path
    station, served = line
    found = (Detection("mousebite", 0.97, 100, 100, 140, 140),)
    part = station.judge(outcome=Outcome.NG, found=found, sampling=Sampling(1.0, 1.0, 0.02))
    got: list[str] = []
    with opened(browser, f"{served.url}/review/audit", viewport=DESK) as page:
        page.on("response", lambda answer: got.append(answer.url))
        goes_on(page, lambda: page.get_by_role("link", name="Start reviewing").click())
        says(page, "h1", f"Part {part}")
        says(page, ".hidden h2", "Audit: the machine's verdict is hidden")
        main = page.locator("main").inner_html()
        assert not [word for word in ("mousebite", "Mouse bite", "0.97", "NG") if word in main]
        assert page.locator("#marks > *").count() == 0
        assert not [url for url in got if "thumbnail" in url and "/parts/" in url]
        shot(page, "review-blind")
        goes_on(page, lambda: page.keyboard.press("o"))
        goes_on(page, lambda: page.keyboard.press("u"))
        says(page, ".hidden h2", "Audit: the machine's verdict is hidden")
        goes_on(page, lambda: page.keyboard.press("o"))
        page.goto(f"{served.url}/review/ledger?kind=overkill")
        sync_api.expect(page.locator(f'.card[href="/parts/{part}"] .drawn')).to_have_text("audit")
        shot(page, "review-ledger")
    history = Reader(station.data / "results.db").review_history(part)
    assert [(r.verdict, r.stratum) for r in history] == [("ok", "audit"), ("ok", "audit")]


def test_without_a_script_the_form_works(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    station, served = line
    part = station.judge(outcome=Outcome.NG)
    with opened(browser, f"{served.url}/review/{part}", viewport=DESK, java_script_enabled=False) as page:
        assert page.locator("#picture rect.edge").count() == 1
        page.get_by_role("button", name="Bad").first.click()
        page.wait_for_load_state("load")
    assert [b.change for b in newest(station, part).boxes] == ["kept"]
