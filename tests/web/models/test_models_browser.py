"""The models' pages beside the real station, in a real Chromium: a model comes, judges, goes back."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.settings import load
from agent.station.models.archive import pack
from agent.station.models.signing import SigningKey
from agent.station.offline import offline
from tests.station.rig import Rig, running, virtual, wait_for
from tests.station.squares import Line, judging, key_in, make, network, ready, write_settings
from tests.web.browsing import CHROMIUM, LONG_MS, PHONE, opened, says, shot, sync_api
from tests.web.served import Served, serving
from tests.web.test_with_station import turning

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")


@dataclass(frozen=True, slots=True)
class Made:
    """squares-1 signed and tried in a data folder, and squares-2 as a file."""

    data: Path
    key: SigningKey
    file: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    key = key_in(folder / "key")
    config = load(write_settings(folder / "data", folder / "run", key), environment={}).config
    offline(config, "model_import", {"file": str(make(folder, "1", network(), key))}, print)
    file = pack(make(folder, "2", network(0.98), key), folder / "squares-2.okng")
    return Made(folder / "data", key, file)


@pytest.fixture
def station(made: Made, tmp_path: Path) -> Iterator[tuple[Rig, Line, Served]]:
    data, line = tmp_path / "data", Line()
    data.mkdir()
    shutil.copytree(made.data / "models", data / "models")
    shutil.copyfile(made.data / "gates.json", data / "gates.json")
    with judging(data, made.key, line) as rig:
        ready(rig)
        with turning(rig), serving(tmp_path, data=rig.data, runtime=rig.runtime) as served:
            yield rig, line, served


def errand_ends(page: "sync_api.Page", state: str) -> None:
    sync_api.expect(page.locator("#errand")).to_have_attribute("data-state", state, timeout=120_000)


@pytest.mark.timeout(300)
def test_a_model_is_uploaded_activated_and_goes_back(
    browser: "sync_api.Browser", station: tuple[Rig, Line, Served], made: Made
) -> None:
    """FIELD 11 and 15: a model that comes is proven before it judges, and can be taken back at once."""
    rig, line, served = station
    lane = rig.station.lanes["top"]
    with opened(browser, f"{served.url}/setup/models") as page:
        page.on("dialog", lambda dialog: dialog.accept())
        says(page, ".judges .now", "squares-1")
        page.locator("#import input[type=file]").set_input_files(made.file)
        page.locator("#import button").click()
        errand_ends(page, "done")
        assert list((rig.data / "uploads").iterdir()) == []
        page.locator(".list").get_by_role("link", name="squares-2").click()
        sync_api.expect(page.locator("h1")).to_have_text("squares-2")
        line.allow(8)
        wait_for(lambda: lane.judged == 8)
        shot(page, "model")
        page.get_by_role("button", name="Activate").click()
        errand_ends(page, "done")
        assert lane.job is not None
        assert lane.job.recipe.model == "squares-2"
        line.allow(4)
        wait_for(lambda: lane.judged == 12)
        wait_for(lambda: rig.reader.tally().parts == 12)
        newest = rig.reader.part(rig.reader.last_ids()["top"])
        assert newest is not None
        assert newest.record.origin.model == "squares-2"
        says(page, ".use .good", "This model judges.")
        page.goto(f"{served.url}/setup/models")
        says(page, ".judges .trial", "new, being watched")
        shot(page, "models")
        page.get_by_role("button", name="Back to squares-1").click()
        errand_ends(page, "done")
        wait_for(lambda: lane.job is not None and lane.job.recipe.model == "squares-1")
        says(page, ".judges .now", "squares-1")
        with page.expect_download() as held:
            page.get_by_role("link", name="Parts to hold").click()
        assert len(held.value.path().read_text("utf-8-sig").splitlines()) == 1 + 3  # of four parts one is bad
        page.get_by_role("button", name="Dealt with").click()
        sync_api.expect(page.get_by_role("button", name="Dealt with")).to_have_count(0)
    for name, options in (
        ("models-zh-dark", {"locale": "zh-CN", "color_scheme": "dark"}),
        ("models-phone", {"viewport": PHONE, "color_scheme": "light"}),
    ):
        with opened(browser, f"{served.url}/setup/models", **options) as page:
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            shot(page, name)
            page.goto(f"{served.url}/setup/models/m/squares-2")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            shot(page, name.replace("models", "model"))


def test_a_lane_is_recorded_with_a_countdown(browser: "sync_api.Browser", tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    settings = f'[evidence]\nrecord_folder = "{folder}"\nreserve_mb = 0\n'
    with running(tmp_path / "station", virtual(rate_hz=20), settings) as rig, turning(rig):
        wait_for(lambda: rig.station.lanes["top"].judged > 0)
        evidence: dict[str, object] = {"record_folder": str(folder)}
        with (
            serving(tmp_path, data=rig.data, runtime=rig.runtime, evidence=evidence) as served,
            opened(browser, f"{served.url}/setup/record") as page,
        ):
            shot(page, "record-begin")
            page.locator("select[name=minutes]").select_option("60")
            page.get_by_role("button", name="Start recording").click()
            kept = page.locator('[data-show="kept"]')
            sync_api.expect(kept).not_to_have_text("0", timeout=LONG_MS)
            sync_api.expect(page.locator('[data-show="left"]')).to_have_text(re.compile("^(59|1:00):"), timeout=LONG_MS)
            shot(page, "record")
            page.get_by_role("button", name="Stop").click()
            sync_api.expect(page.locator(".recording h2")).to_contain_text("stopped", timeout=LONG_MS)
            page.get_by_role("button", name="中文").click()
            sync_api.expect(page.locator(".recording h2")).to_contain_text("已停止")
            page.set_viewport_size(PHONE)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            shot(page, "record-zh-phone")
