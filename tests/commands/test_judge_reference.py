"""`okng judge` by a reference picture: a user's first verdicts, without any model."""

import json
import subprocess
import sys
from pathlib import Path

import cv2

from agent.station.cameras.virtual.layout import draw_layout

RECIPE = 'pipeline = "difference"\n[reference]\npicture = "golden.png"\n'


def judge(tmp_path: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "agent.cli", "judge", "--recipe", str(tmp_path / "mine" / "board.toml")]
    more = ["--data", str(tmp_path / "data"), "--json", str(tmp_path / "out.json"), str(folder)]
    return subprocess.run([*command, *more], capture_output=True, text=True, timeout=100, check=False)


def test_a_golden_picture_is_enough(tmp_path: Path) -> None:
    golden = draw_layout(3, 320, 320).pixels
    bad = golden.copy()
    bad[100:120, 140:160] = 255 - bad[100:120, 140:160]
    for folder in ("mine", "parts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mine" / "board.toml").write_text(RECIPE)
    cv2.imwrite(str(tmp_path / "mine" / "golden.png"), golden)
    cv2.imwrite(str(tmp_path / "parts" / "a.png"), golden)
    cv2.imwrite(str(tmp_path / "parts" / "b.png"), bad)
    ran = judge(tmp_path, tmp_path / "parts")
    assert (tmp_path / "out.json").exists(), ran.stderr
    got = json.loads((tmp_path / "out.json").read_text())
    assert [part["outcome"] for part in got["parts"]] == ["OK", "NG"]
    (box,) = got["parts"][1]["detections"]
    assert box["label"] == "difference"
    cv2.imwrite(str(tmp_path / "mine" / "golden.png"), bad)
    ran = judge(tmp_path, tmp_path / "parts")
    assert ran.returncode != 0
    assert "another picture" in ran.stderr
