"""Recipes on the page and by REST, on the real station: edited, tried, saved, in conflict, taken back."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.store.values import PartQuery
from tests.station.rig import Rig, running, virtual, wait_for
from tests.web.browsing import PHONE, opened, shot, sync_api
from tests.web.served import Served, serving
from tests.web.test_with_station import turning

SPUR = 'canned = [["spur", 0.62, 60, 50, 100, 90]]\n'


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Served]]:
    """A station whose every board has a spur with a score of 0.62."""
    folder = tmp_path_factory.mktemp("station")
    lanes = virtual(rate_hz=10)
    with running(folder, lanes, SPUR) as rig, turning(rig), serving(folder, data=rig.data, runtime=rig.runtime) as web:
        wait_for(lambda: len(rig.reader.parts(PartQuery(limit=3, kept=True))) == 3)
        yield rig, web


def get(url: str, **more: Any) -> httpx.Response:
    return httpx.get(url, timeout=60, **more)


def post(url: str, **more: Any) -> httpx.Response:
    return httpx.post(url, timeout=60, **more)


def put(url: str, **more: Any) -> httpx.Response:
    return httpx.put(url, timeout=60, **more)


def form(text: str) -> dict[str, str]:
    """The fields of the editor as a browser would send them."""
    fields = dict(re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"', text))
    return {name: value for name, value in fields.items() if not name.startswith(("new-", "number", "next"))}


def file(rig: Rig) -> Path:
    return rig.data / "recipes" / "trial.toml"


def test_try_save_conflict_and_undo(at: tuple[Rig, Served]) -> None:
    rig, web = at
    address = f"{web.url}/setup/recipes/trial"
    opened_form = form(get(address).text)
    was = file(rig).read_text()
    tried = post(address, data={**opened_form, "threshold": "0.7", "act": "try"})
    assert tried.status_code == 200
    assert "would be judged differently" in tried.text
    assert 'value="0.7"' in tried.text
    assert file(rig).read_text() == was
    saved = post(address, data={**opened_form, "threshold": "0.7", "act": "save"})
    assert saved.status_code == 303, saved.text
    lane = rig.station.lanes["top"]
    assert lane.job is not None
    assert lane.job.recipe.threshold == 0.7
    # The second engineer had the same content open.
    second = post(address, data={**opened_form, "quality.min_brightness": "12", "act": "save"})
    assert second.status_code == 409
    assert "saved this recipe" in second.text
    assert 'name="quality.min_brightness" value="12"' in second.text
    assert lane.job.recipe.quality.min_brightness == 30
    # Now knowing of it, it is theirs to decide.
    over = post(address, data={**form(second.text), "act": "save"})
    assert over.status_code == 303
    number = re.search(r'name="number" value="(\d+)"', get(address).text)
    assert number is not None
    mark = form(get(address).text)["expect"]
    back = post(f"{address}/undo", data={"number": "1", "expect": mark})
    assert back.status_code == 303
    assert file(rig).read_text() == was
    page = get(address, headers={"Cookie": "okng_language=zh"}).text
    assert "恢复到版本 1" in page


def test_everything_wrong_stands_beside_its_field_and_nothing_is_saved(at: tuple[Rig, Served]) -> None:
    rig, web = at
    address, was = f"{web.url}/setup/recipes/trial", file(rig).read_bytes()
    fields = form(get(address).text)
    wrong = {"threshold": "2", "deadline_ms": "soon", "classes.spur.allowed": "-1", "classes.hole.threshold": "0.5"}
    answer = post(address, data={**fields, **wrong, "act": "save"})
    assert answer.status_code == 422
    for words in ("is 2, must be below 1", "“soon” is not a number", "is -1, must be at least 0"):
        assert words in answer.text
    assert 'value="soon"' in answer.text
    label = post(address, data={**fields, "classes.hole.threshold": "0.5", "act": "save"})
    assert label.status_code == 422
    assert "no label" in label.text
    assert file(rig).read_bytes() == was
    assert get(f"{web.url}/setup/recipes/nothing").status_code == 404
    assert post(address, content=b"\xff\xfe=1").status_code == 400
    assert post(address, content=b"a=1&" * 40_000).status_code in (400, 413)


def test_rest_saves_against_the_content_that_was_seen(at: tuple[Rig, Served]) -> None:
    rig, web = at
    rest = f"{web.url}/api/v1/recipes"
    row = next(each for each in get(rest).json()["recipes"] if each["name"] == "trial")
    assert (row["lanes"], row["usable"]) == (["top"], True)
    got = get(f"{rest}/trial")
    tag, recipe = got.headers["etag"], got.json()["recipe"]
    assert tag == f'"{row["mark"]}"'
    fewer = {"recipe": {**recipe, "max_detections": 77}}
    assert put(f"{rest}/trial", json=fewer).status_code == 428
    assert put(f"{rest}/trial", json=fewer, headers={"If-Match": '"0"'}).status_code == 412
    bad = put(f"{rest}/trial", json={"recipe": {**recipe, "threshhold": 1}}, headers={"If-Match": tag})
    assert (bad.status_code, bad.json()["problems"][0]["where"]) == (422, "threshhold")
    checked = post(f"{rest}/trial/validate", json={"recipe": {"model": "canned-1", "threshold": 3}}).json()
    assert (checked["usable"], checked["problems"][0]["where"]) == (False, "threshold")
    tried = post(f"{rest}/trial/try", json={"recipe": {**recipe, "threshold": 0.9, "nms_iou": 0.3}}).json()
    assert tried["after"]["OK"] == tried["parts"] > 0
    assert tried["not_told"] == ["nms_iou"]
    saved = put(f"{rest}/trial", json=fewer, headers={"If-Match": tag})
    assert saved.status_code == 200, saved.text
    assert rig.station.lanes["top"].job.recipe.max_detections == 77  # type: ignore[union-attr]
    again = put(f"{rest}/trial", json=fewer, headers={"If-Match": tag})
    assert again.status_code == 412
    versions = get(f"{rest}/trial/revisions?limit=1").json()
    assert versions["versions"][0]["mark"] == saved.json()["mark"]
    assert versions["next_before"] == versions["versions"][0]["number"]
    gone = post(f"{rest}/trial/undo", json={"number": 999}, headers={"If-Match": saved.headers["etag"]})
    assert gone.status_code == 404
    made = put(f"{rest}/fresh", json={"recipe": {"model": "canned-1"}}, headers={"If-None-Match": "*"})
    assert (made.status_code, made.json()["lanes"]) == (200, [])
    assert put(f"{rest}/UP", json={"recipe": {}}, headers={"If-None-Match": "*"}).status_code == 422
    assert get(f"{rest}/nothing").status_code == 404


def test_a_new_recipe_is_a_copy(at: tuple[Rig, Served]) -> None:
    rig, web = at
    address = f"{web.url}/setup/recipes"
    assert post(address, data={"name": "Board B", "from": "trial"}).status_code == 422
    assert post(address, data={"name": "demo-board", "from": "trial"}).status_code == 409
    assert post(address, data={"name": "board-b", "from": "trial"}).headers["location"].endswith("/board-b")
    assert 'model = "canned-1"' in (rig.data / "recipes" / "board-b.toml").read_text()


def test_regions_are_drawn_by_mouse_and_by_keys(at: tuple[Rig, Served], browser: "sync_api.Browser") -> None:
    rig, web = at
    with opened(browser, f"{web.url}/setup/recipes/trial") as page:
        page.locator("#rectangle").click()
        box = page.locator("#picture").bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2
        page.mouse.move(middle - 60, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(middle + 60, box["y"] + 160, steps=4)
        page.mouse.up()
        name = page.locator("[name='regions.0.name']")
        sync_api.expect(name).to_have_value("region-1")
        page.locator("label", has_text="Mask").first.click()
        page.locator("#polygon").press("Enter")
        points = page.locator("[name='regions.1.points']")
        sync_api.expect(points).to_have_value("50,35 65,62 35,62")
        page.locator('[data-region="1"]').press("ArrowRight")
        sync_api.expect(points).to_have_value("50.2,35 65.2,62 35.2,62")
        page.locator('[data-region="1"] [data-corner="0"]').press("+")
        sync_api.expect(points).to_have_value(re.compile(r"^(\S+ ){3}\S+$"))
        page.locator('[data-region="1"]').press("Shift+ArrowDown")
        shot(page, "recipe-regions")
        page.locator("button[value=try]").click()
        sync_api.expect(page.locator("#tried")).to_be_visible()
        sync_api.expect(page.locator("[name='regions.1.kind']")).to_have_value("ignore")
        page.locator("button[value=save]").click()
        page.wait_for_url("**saved=*")
        sync_api.expect(page.locator(".notice.good")).to_be_visible()
        shot(page, "recipe-saved")
    job = rig.station.lanes["top"].job
    assert job is not None
    drawn = [(region.name, region.kind) for region in job.recipe.regions]
    assert drawn == [("region-1", "inspect"), ("mask-1", "ignore")]
    for language, scheme in (("zh-CN", "dark"), ("en-US", "light")):
        with opened(browser, f"{web.url}/setup/recipes/trial", language, viewport=PHONE, color_scheme=scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            page.goto(f"{web.url}/setup/recipes")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
