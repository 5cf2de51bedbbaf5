"""A challenge run in a real browser, on a real station: begun, judged, failed, released by hand; in both languages."""

from pathlib import Path

import pytest

from agent.web.who import MACHINE
from tests.station.challenged import DARK, GOOD
from tests.web.browsing import PHONE, opened, says, shot, sync_api
from tests.web.shift_station import shown


@pytest.mark.slow
def test_a_run_is_made_by_tapping(browser: "sync_api.Browser", tmp_path: Path) -> None:
    with shown(tmp_path) as it:
        it.desk.save()
        with opened(browser, f"{it.url}/shift") as page:
            says(page, ".release h2", "Not released")
            shot(page, "shift-blocked")
            page.get_by_role("button", name="Start challenge run").click()
            says(page, ".release h2", "Challenge run")
            page.get_by_role("button", name="D-1 lies under the camera").click()
            says(page, ".tile.awaited .code b", "D-1")
            it.desk.present("", DARK)  # no code of its own: the part that was tapped
            says(page, ".tile.right .code b", "D-1")
            shot(page, "shift-running")
            for code in ("G-1", "G-2"):
                it.desk.present(code, GOOD)
            says(page, ".release h2", "Released")
            page.get_by_role("button", name="Run again").click()
            says(page, ".release h2", "Challenge run")
            it.desk.present("G-1", DARK)
            says(page, ".tile.wrong .code b", "G-1")
            page.get_by_role("button", name="End the run").click()
            says(page, ".release h2", "Not released")
            page.locator("details summary").first.click()
            page.get_by_label("Reason").fill("at the lab")
            page.get_by_role("button", name="Release", exact=True).click()
            says(page, ".release.overridden p", f"{MACHINE}: at the lab")
        with opened(browser, f"{it.url}/shift", "zh-CN", viewport=PHONE, color_scheme="dark") as page:
            says(page, ".release h2", "人工放行")
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            shot(page, "shift-phone-zh")
        for path in ("/shift/challenges", "/shift/report", "/shift/runs/2"):
            with opened(browser, it.url + path, "zh-CN", viewport=PHONE) as page:
                assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
                shot(page, f"shift{path.replace('/', '-')}-phone-zh")
