"""The commands as a user types them: demo, judge, check, version; the real processes and the bundled model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from agent import paths
from agent.config import VirtualConfig
from agent.demo.broker import find_mosquitto
from agent.station.cameras.virtual_line import board_of, is_bad
from agent.station.memory import LaneMemory
from agent.store.values import PartQuery
from tests.ports import free_port
from tests.station.rig import PUSH, RECIPE, running, write_settings

OKNG = (sys.executable, "-m", "agent.cli")


def okng(*arguments: str, within_s: float = 100.0) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*OKNG, *arguments], capture_output=True, text=True, timeout=within_s, check=False)


def test_version() -> None:
    assert okng("version").stdout.startswith("okng 0.")


@pytest.mark.slow
def test_demo_ends_by_itself_and_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    ran = okng("demo", "--parts", "40", "--headless", "--json", str(out))
    assert ran.returncode == 0, ran.stderr
    got = json.loads(out.read_text())
    assert got["parts"] + got["missed"] == 40
    assert got["ok"] + got["ng"] + got["unsure"] == got["parts"]
    assert got["truth"]["good"] + got["truth"]["bad"] == got["parts"]
    assert got["escapes"] + got["overkills"] <= 0.1 * got["parts"]
    assert 0 < got["latency_ms"]["p50"] <= got["latency_ms"]["p99"]
    if find_mosquitto() is None:
        assert "outbox" in got["broker"]
    else:
        assert got["summaries"]["made"] == got["summaries"]["sent"] == got["summaries"]["settled"] > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_demo_shows_its_stations_at_the_centre_and_stops_cleanly_at_ctrl_c(tmp_path: Path) -> None:
    """Nothing that it started is left, its pages' ports are free again."""
    port, centre, data = free_port(), free_port(), tmp_path / "data"
    command = [*OKNG, "demo", "--port", str(port), "--fleet-port", str(centre), "--data", str(data)]
    with (tmp_path / "said").open("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as demo:
        end = time.monotonic() + 200
        while not (shown := _stations(centre)) >= {"station1", "station2", "station3"}:
            assert time.monotonic() < end, shown
            assert demo.poll() is None
            time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        demo.wait(60)
    text = (tmp_path / "said").read_text()
    assert demo.returncode == 0, text
    assert f"http://127.0.0.1:{port}" in text
    assert f"http://127.0.0.1:{centre}" in text
    assert _mentioning(str(data)) == []
    again = okng("demo", "--parts", "1", "--port", str(port))
    assert again.returncode == 0, again.stderr


def _stations(port: int) -> set[str]:
    """The stations that the centre has parts of; none while it does not answer."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/stations", timeout=5)
    except httpx.TransportError:
        return set()
    if answer.status_code != 200:
        return set()
    return {each["at"]["station"] for each in answer.json()["stations"] if each["last_part"]}


def _mentioning(text: str) -> list[int]:
    """Processes whose command line has this text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text in (folder / "cmdline").read_bytes().decode("utf-8", "replace"):
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def test_judge_by_itself(tmp_path: Path) -> None:
    """Drawn boards, a broken file between them; every row is in the database."""
    line = VirtualConfig(kind="virtual", layout=4, seed=9, bad_share=0.5)
    folder = tmp_path / "boards"
    folder.mkdir()
    for index in range(8):
        cv2.imwrite(
            str(folder / f"{index}-{'bad' if is_bad(line, index) else 'good'}.png"), board_of(line, index).pixels
        )
    (folder / "3-broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    good = tmp_path / "data" / "last-good" / "station.json"
    good.parent.mkdir(parents=True)
    good.write_text("another station's")
    out = tmp_path / "out.json"
    ran = okng("judge", "--data", str(tmp_path / "data"), "--json", str(out), str(folder))
    assert ran.returncode == 0, ran.stderr
    got = json.loads(out.read_text())
    by_name = {Path(part["picture"]).stem: part["outcome"] for part in got["parts"]}
    assert len(by_name) == 9
    assert by_name["3-broken"] == "UNSURE"
    assert {o for name, o in by_name.items() if "bad" in name} == {"NG"}
    assert {o for name, o in by_name.items() if "good" in name} == {"OK"}
    assert got["failed"] == []
    assert (tmp_path / "data" / "results.db").exists()
    assert good.read_text() == "another station's"


def test_judge_names_what_is_not_there(tmp_path: Path) -> None:
    gone = okng("judge", str(tmp_path / "gone.png"))
    assert gone.returncode == 1
    assert "gone.png: there is no such file" in gone.stderr
    recipe = tmp_path / "mine.toml"
    recipe.write_text('model = "drawn-boards-1"\nkep_score = 0.3\nthreshold = 3\n')
    wrong = okng("judge", "--recipe", str(recipe), str(paths.bundled_recipes()))
    assert wrong.returncode == 1
    assert "kep_score: unknown, did you mean keep_score?" in wrong.stderr
    assert "threshold" in wrong.stderr


def grey(path: Path, side_px: int = 64) -> Path:
    cv2.imwrite(str(path), np.full((side_px, side_px, 3), 100, np.uint8))
    return path


def test_judge_by_a_running_station(tmp_path: Path) -> None:
    """FIELD 1: a broken picture is an UNSURE part with a row; one that is refused loses no other's answer."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a", "d"):
        grey(pictures / f"{name}.png")
    (pictures / "b.png").write_bytes((pictures / "a.png").read_bytes()[:-20])
    grey(pictures / "c.png", side_px=200)
    out = tmp_path / "out.json"
    lane = PUSH.replace('kind = "push"', 'kind = "push", max_px = 20000')
    with running(tmp_path, lane) as rig:
        rig.until(lambda: rig.station.lanes["desk"].job)
        ran = okng("judge", "--config", str(tmp_path / "station.toml"), "--json", str(out), str(pictures))
        assert list((rig.runtime / "push").iterdir()) == []
        assert len(rig.reader.parts(PartQuery())) == 3
    assert ran.returncode == 1
    got = json.loads(out.read_text())
    assert [Path(part["picture"]).stem for part in got["parts"]] == ["a", "b", "d"]
    assert [part["outcome"] for part in got["parts"]] == ["OK", "UNSURE", "OK"]
    assert [reason["rule"] for reason in got["parts"][1]["reasons"]] == ["incomplete"]
    (refused,) = got["failed"]
    assert refused["picture"] == str(pictures / "c.png")
    assert "200 x 200 px, at most 20000 px" in refused["error"]
    assert "c.png: " in ran.stderr


def test_judge_without_the_station_it_was_told_to_use_leaves_no_picture_behind(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    settings = write_settings(tmp_path, tmp_path / "run", PUSH)
    out = tmp_path / "out.json"
    two = (str(grey(tmp_path / "a.png")), str(grey(tmp_path / "b.png")))
    ran = okng("judge", "--config", str(settings), "--json", str(out), *two)
    assert ran.returncode == 1
    assert [failed["picture"] for failed in json.loads(out.read_text())["failed"]] == list(two)
    assert "no station answers" in ran.stderr
    assert not [file for file in (tmp_path / "run").rglob("*") if file.is_file()]


def test_judge_writes_nothing_into_a_folder_that_is_in_use(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    picture, other = grey(tmp_path / "a.png"), mine / "trial.toml"
    other.write_text(RECIPE.format(model='"canned-1"').replace("5000", "4000"))
    data = tmp_path / "data"
    data.mkdir()
    with running(data, PUSH) as rig:
        rig.until(lambda: rig.station.lanes["desk"].job)
        before = (data / "recipes" / "trial.toml").read_text()
        ran = okng("judge", "--data", str(data), "--recipe", str(other), str(picture))
        assert ran.returncode == 1
        assert f"in use by process {os.getpid()}" in ran.stderr
        assert (data / "recipes" / "trial.toml").read_text() == before
    stopped = okng("judge", "--data", str(data), "--recipe", str(other), str(picture))
    assert stopped.returncode == 1
    assert f"{data / 'recipes' / 'trial.toml'} is another recipe" in stopped.stderr
    assert (data / "recipes" / "trial.toml").read_text() == before


def test_judge_replaces_the_recipe_that_it_put_there_itself(tmp_path: Path) -> None:
    """The picture's name is no UTF-8, as old cameras write them."""
    picture = Path(os.fsdecode(os.fsencode(tmp_path) + b"/t\xe4il.png"))
    grey(tmp_path / "a.png", side_px=640).rename(picture)
    recipe = tmp_path / "mine.toml"
    hashes = []
    for deadline_ms in (60_000, 70_000):
        recipe.write_text(f'model = "drawn-boards-1"\ndeadline_ms = {deadline_ms}\n')
        out = tmp_path / "out.json"
        ran = okng("judge", "--data", str(tmp_path / "d"), "--recipe", str(recipe), "--json", str(out), str(picture))
        assert ran.returncode == 0, ran.stderr
        hashes.append(json.loads(out.read_text())["parts"][0]["recipe"])
    assert hashes[0] != hashes[1]


FIVE_MISTAKES = """
[station]
data = "{data}"
runtime = "{runtime}"
timezone = "Asia/Shangai"

[lanes.top]
recipe = "demo-bord"
[lanes.top.camera]
kind = "virtual"
rate_hzz = 3

[uplink]
host = "127.0.0.1"
port = {port}

[web]
port = 99999
"""


def test_check_names_all_five_mistakes(tmp_path: Path) -> None:
    settings = tmp_path / "station.toml"
    text = FIVE_MISTAKES.format(data=tmp_path / "data", runtime=tmp_path / "run", port=free_port())
    settings.write_text(text)
    ran = okng("check", "--config", str(settings))
    assert ran.returncode == 78
    for named in (
        "rate_hzz: unknown, did you mean rate_hz?",
        "web.port: is 99999",
        "'Asia/Shangai', not an IANA time zone, did you mean Asia/Shanghai?",
        "recipe demo-bord",
        "nothing listens at 127.0.0.1",
    ):
        assert named in ran.stderr, ran.stderr
    assert "5 problem(s)" in ran.stdout


def test_check_of_a_good_station(tmp_path: Path) -> None:
    settings = tmp_path / "station.toml"
    settings.write_text(
        f'[station]\ndata = "{tmp_path / "data"}"\nruntime = "{tmp_path / "run"}"\n'
        '[evidence]\nreserve_mb = 1\n[lanes.top]\nrecipe = "demo-board"\n[lanes.top.camera]\nkind = "virtual"\n'
    )
    ran = okng("check", "--config", str(settings))
    assert ran.returncode == 0, ran.stderr
    assert "profile " in ran.stdout
    assert "drawn-boards-1" in ran.stdout
    assert "0 problem(s)" in ran.stdout
    assert list(tmp_path.iterdir()) == [settings], "it may run as root: its files would be in the station's way"


def test_check_looks_at_what_the_station_will_judge_by(tmp_path: Path) -> None:
    """The recipe that the lane was told, at the camera's size, and a warning where nothing is looked at."""
    lane = '[lanes.top]\nrecipe = "trial"\ncamera = { kind = "virtual", width_px = 640, height_px = 320 }\n'
    settings = write_settings(tmp_path, tmp_path / "run", lane, "[evidence]\nreserve_mb = 1\n")
    manifest = tmp_path / "models" / "canned-1" / "manifest.json"
    body = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**body, "input": {"width_px": 64, "height_px": 64, "dynamic": True}}))
    ran = okng("check", "--config", str(settings))
    assert ran.returncode == 0, ran.stderr
    assert "on CPU at 64 x 32 px" in ran.stdout
    assert "warning: lanes.top.recipe: engine.kind is canned: its answers are written down" in ran.stdout
    LaneMemory(tmp_path).recipe("top", "another")
    told = okng("check", "--config", str(settings))
    assert told.returncode == 1
    assert "lanes.top, told to use recipe another: recipe another" in told.stderr


@pytest.mark.parametrize("verb", ["station", "uplink", "check"])
def test_a_configuration_that_is_no_toml_is_78(verb: str, tmp_path: Path) -> None:
    settings = tmp_path / "station.toml"
    settings.write_text("[station\n")
    ran = okng(verb, "--config", str(settings))
    assert ran.returncode == 78
    assert "station.toml" in ran.stderr
