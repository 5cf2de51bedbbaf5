"""The commands as a user types them: demo, judge, check, version; the real processes and the bundled model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from agent import paths
from agent.config import VirtualConfig
from agent.demo.broker import find_mosquitto, free_port
from agent.station.cameras.virtual_line import board_of, is_bad

OKNG = (sys.executable, "-m", "agent.cli")


def okng(*arguments: str, within_s: float = 100.0) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*OKNG, *arguments], capture_output=True, text=True, timeout=within_s, check=False)


def test_version() -> None:
    assert okng("version").stdout.startswith("okng 0.")


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


def test_demo_stops_cleanly_at_ctrl_c(tmp_path: Path) -> None:
    """Nothing that it started is left, its page's port is free again."""
    port, data = free_port(), tmp_path / "data"
    command = [*OKNG, "demo", "--port", str(port), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        end = time.monotonic() + 60
        while not (data / "results.db").exists():
            assert time.monotonic() < end
            assert demo.poll() is None
            time.sleep(0.1)
        time.sleep(2.0)
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=40)
    assert demo.returncode == 0, said
    assert f"http://127.0.0.1:{port}" in said
    assert _mentioning(str(data)) == []
    again = okng("demo", "--parts", "1", "--port", str(port))
    assert again.returncode == 0, again.stderr


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
    out = tmp_path / "out.json"
    ran = okng("judge", "--data", str(tmp_path / "data"), "--json", str(out), str(folder))
    assert ran.returncode == 0, ran.stderr
    got = json.loads(out.read_text())
    by_name = {Path(part["picture"]).stem: part["outcome"] for part in got["parts"]}
    assert len(by_name) == 9
    assert by_name["3-broken"] == "UNSURE"
    assert {o for name, o in by_name.items() if "bad" in name} == {"NG"}
    assert {o for name, o in by_name.items() if "good" in name} == {"OK"}
    assert (tmp_path / "data" / "results.db").exists()


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


@pytest.mark.parametrize("verb", ["station", "uplink", "check"])
def test_a_configuration_that_is_no_toml_is_78(verb: str, tmp_path: Path) -> None:
    settings = tmp_path / "station.toml"
    settings.write_text("[station\n")
    ran = okng(verb, "--config", str(settings))
    assert ran.returncode == 78
    assert "station.toml" in ran.stderr
