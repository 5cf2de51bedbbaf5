"""`okng dataset` as it is called."""

import json
from pathlib import Path

import pytest
from made_sets import coco, picture, put, save, yolo

from agent.cli import main
from training.datasets.read import read_dataset


def test_a_clean_set_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert main(["dataset", str(coco(tmp_path / "set")), "--json", str(report)]) == 0
    assert "0 error(s), 0 warning(s)" in capsys.readouterr().out
    data = json.loads(report.read_text())
    assert data["ok"]
    assert data["kind"] == "coco"
    assert data["splits"]["train"]["boxes"] == 3


def test_errors_are_1_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = yolo(tmp_path / "set")
    save(root / "images/test/copy.png", picture("a"))
    put(root / "labels/test/copy.txt", (root / "labels/train/a.txt").read_text())
    out = tmp_path / "out"
    assert main(["dataset", str(root), "--out", str(out)]) == 1
    assert (
        "error: images/test/copy.png: in split test, the same pixels as images/train/a.png" in capsys.readouterr().out
    )
    assert not out.exists()
    assert main(["dataset", str(root), "--out", str(out), "--allow-leak"]) == 0
    assert len(read_dataset(out).pictures) == 7


def test_what_cannot_be_read_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["dataset", str(tmp_path / "empty")]) == 1
    assert "looked for\n  review: okng-review.json" in capsys.readouterr().err


def test_a_set_without_splits_is_divided_and_twins_stay_together(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for number in range(20):
        save(root / f"images/{number}.png", picture(str(number // 2)))  # each twice
        put(root / f"labels/{number}.txt", "0 0.5 0.5 0.2 0.2\n")
    put(root / "classes.txt", "dent\n")
    out = tmp_path / "out"
    assert (
        main(["dataset", str(root), "--out", str(out), "--as", "coco", "--shares", "0.6,0.2,0.2", "--seed", "3"]) == 0
    )
    dataset = read_dataset(out)
    assert {split: len(dataset.of(split)) for split in dataset.splits} == {"train": 12, "val": 4, "test": 4}
    assert main(["dataset", str(out)]) == 0  # no leak
