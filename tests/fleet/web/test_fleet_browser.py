"""The fleet's page in a real browser: nothing that axe-core objects to, a list that is up to date or says it is not."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.web.rights import RIGHTS
from tests.fleet.web.shown import ShownFleet, serving
from tests.web.browsing import CHROMIUM, LONG_MS, PHONE, opened, shot, sync_api
from tests.web.looks import ill_fits
from tests.web.people.folk import ADMIN, SECRET, set_up_code
from tests.web.served import Served
from tests.web.test_every_page import DESK, grave
from tests.web.walk import BEFORE, Walk, become_admin, pages_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")

FILES = {"/export/{name}", "/files/{token}/{name}"}
PHONES = (
    "/", "/sites/wuxi", "/sites/wuxi/smt1/aoi1", "/compare?with=wuxi", "/alarms", "/export", "/setup/sync",
    "/setup/aside", "/setup/notices", "/models", "/models/rollouts/1",
)  # fmt: skip


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> ShownFleet:
    made = ShownFleet(Path(tmp_path_factory.mktemp("fleet")))
    made.fill()
    return made


@pytest.fixture
def page_of(fleet: ShownFleet) -> Iterator[Served]:
    with serving(fleet) as served:
        yield served


@pytest.mark.slow
def test_no_page_has_a_grave_finding(browser: "sync_api.Browser", fleet: ShownFleet) -> None:
    """One page in light English, the next in dark Chinese; the first admin walks them all."""
    options = {"viewport": DESK, "reduced_motion": "reduce"}
    with (
        serving(fleet, this_machine="none") as served,
        opened(browser, f"{served.url}/first", "en-US", color_scheme="light", **options) as english,
        opened(browser, f"{served.url}/first", "zh-CN", color_scheme="dark", **options) as chinese,
    ):
        found = grave(english, "dark")
        become_admin(english, served.url, set_up_code(served))
        chinese.goto(f"{served.url}/login")
        found += grave(chinese, "light")
        for name, value in (("name", ADMIN), ("password", SECRET)):
            chinese.locator(f"main [name={name}]").fill(value)
        chinese.locator("main button").first.click()
        chinese.wait_for_url(f"{served.url}/")
        walk = Walk("/", rights=RIGHTS)
        for turn, path in enumerate(walk):
            page, other = ((english, "dark"), (chinese, "light"))[turn % 2]
            page.goto(served.url + path, wait_until="load")
            walk.links_of(page)
            found += grave(page, other)
    assert found == [], "\n".join(found)
    assert pages_of(RIGHTS) - walk.seen == {*BEFORE, *FILES}


@pytest.mark.parametrize("path", PHONES)
def test_a_phone_has_room_for_fingers_and_nothing_runs_off(
    browser: "sync_api.Browser", page_of: Served, path: str
) -> None:
    with opened(browser, page_of.url + path, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        shot(page, f"fleet-phone{re.sub('[^a-z0-9]', '-', path)}")
        assert ill_fits(page) == []


def test_the_list_follows_the_store_and_keeps_the_focus(
    browser: "sync_api.Browser", fleet: ShownFleet, page_of: Served
) -> None:
    with opened(browser, f"{page_of.url}/") as page:
        link = page.locator('tr[data-key="suzhou/smt1/aoi2"] .who a')
        link.focus()
        station = fleet.stations[4]
        fleet.store(station, station.event(time.time_ns() // 1000, "alarm", alarm="disk_full"))
        row = page.locator('tr[data-key="suzhou/smt1/aoi2"] .alarms')
        sync_api.expect(row).to_contain_text("Disk full", timeout=LONG_MS)
        assert page.evaluate("document.activeElement.pathname") == "/sites/suzhou/smt1/aoi2"


def test_a_centre_that_is_away_is_said(browser: "sync_api.Browser", fleet: ShownFleet) -> None:
    with serving(fleet) as served:
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.goto(f"{served.url}/")
        assert page.locator("#cut").is_hidden()
        served.stop()
        sync_api.expect(page.locator("#cut")).to_be_visible(timeout=LONG_MS)
        sync_api.expect(page.locator("#cut")).to_contain_text("Nothing below is live")
        context.close()
