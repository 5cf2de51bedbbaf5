"""A camera being set up on the page: live aids, and pictures that count as no parts of the line."""

from pathlib import Path

import httpx

from agent.store.values import PartQuery
from tests.station.rig import running, virtual, wait_for
from tests.web.browsing import PHONE, opened, shot, sync_api
from tests.web.served import serving
from tests.web.test_with_station import turning


def test_a_camera_is_set_up_live_and_nothing_counts(tmp_path: Path, browser: "sync_api.Browser") -> None:
    lanes = virtual(rate_hz=10)
    with running(tmp_path, lanes) as rig, turning(rig), serving(tmp_path, data=rig.data, runtime=rig.runtime) as web:
        wait_for(lambda: rig.station.lanes["top"].judged > 0)
        rest = f"{web.url}/api/v1/cameras"
        wait_for(lambda: httpx.get(rest, timeout=60).status_code == 200)
        with opened(browser, f"{web.url}/setup/cameras/top") as page:
            sync_api.expect(page.locator("#sharp")).not_to_have_text("–")
            sync_api.expect(page.locator("#hint")).to_contain_text("saturated")  # the boards are black and white
            assert page.locator("#levels").get_attribute("d")
            page.locator("[name=why]").fill("new lens")
            page.locator("button[value=set_up]").click()
            sync_api.expect(page.locator(".mode.warn")).to_contain_text("new lens")
            wait_for(lambda: rig.reader.parts(PartQuery(limit=1))[0].record.purpose == "setup")
            sync_api.expect(page.locator("#sharp")).not_to_have_text("–")
            shot(page, "camera-set-up")
        with opened(browser, f"{web.url}/setup/cameras/top", "zh-CN", viewport=PHONE, color_scheme="dark") as page:
            sync_api.expect(page.locator("#sharp")).not_to_have_text("–")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            shot(page, "camera-phone")
        assert httpx.get(f"{rest}/top", timeout=60).json()["mode"] == "set_up"
        told = httpx.post(f"{rest}/top/mode", json={"mode": "run"}, timeout=60)
        assert (told.status_code, told.json()["mode"]) == (200, "run")
        wait_for(lambda: rig.reader.parts(PartQuery(limit=1))[0].record.purpose == "production")
        assert httpx.post(f"{rest}/top/mode", json={"mode": "off"}, timeout=60).status_code == 422
        assert httpx.post(f"{rest}/nothing/mode", json={"mode": "run"}, timeout=60).status_code == 404
        assert httpx.get(f"{web.url}/setup/cameras/nothing", timeout=60).status_code == 404
        assert httpx.post(f"{web.url}/setup/cameras/top", data={"mode": "x"}, timeout=60).status_code == 422
        assert "Lane top" in httpx.get(f"{web.url}/setup/cameras", timeout=60).text
