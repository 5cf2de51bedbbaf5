"""The export: what goes into it, that its pictures are the ones judged, and that it is whole or not there."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import OkngError
from agent.review.export import Exported, ExportRefused, Wishes, export
from agent.review.layout import Manifest, splits
from agent.store.values import PartQuery, ReviewBox, Sampling, SecondOpinion
from pipelines.values import Outcome, Verdict
from tests.engines.tiny import bundle
from tests.review.stationed import Data, data_folder, picture
from tests.store.made import START_US, origin

ROOT = Path(__file__).parents[2]
DRAWN = Sampling(0.1, 0.1)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Data]:
    made = data_folder(tmp_path / "data")
    yield made
    made.close()


def exported(data: Data, out: Path, **wishes: object) -> Exported:
    query = wishes.pop("query", PartQuery())
    return export(Wishes(out, query, **wishes), data.config, START_US, lambda *_: None)  # type: ignore[arg-type]


def some_parts(data: Data) -> dict[str, int]:
    """One part of each kind; their ids."""
    ids = {
        "found": data.part(Outcome.NG),
        "missed": data.part(Outcome.OK, DRAWN),
        "overkill": data.part(Outcome.NG, label="spur"),
        "pass": data.part(Outcome.OK, DRAWN),
        "unreviewed": data.part(Outcome.NG),
        "bad": data.part(Outcome.NG),
        "no picture": data.part(Outcome.OK, kept=False),
        "lossy": data.part(Outcome.UNSURE, Sampling(1.0, 0.1), lossless=False),
    }
    data.review(ids["found"], "ng", ReviewBox("open", 2.0, 3.0, 30.0, 40.0, "nudged"))
    data.review(ids["missed"], "ng", ReviewBox("short", 10.0, 10.0, 20.0, 20.0, "added"))
    data.review(ids["overkill"], "ok", ReviewBox("spur", 1.5, 2.25, 30.0, 40.0, "removed"))
    data.review(ids["bad"], "ng", note="somewhere")
    data.review(ids["no picture"], "ok")
    data.review(ids["lossy"], "ok", stratum="queue")
    return ids


def test_reviewed_parts_and_sampled_passes_with_empty_pictures(data: Data, tmp_path: Path) -> None:
    """FIELD 25: passes and empty pictures are in it too, for a miss has no box."""
    ids = some_parts(data)
    out = tmp_path / "out"
    manifest = exported(data, out).manifest
    parts = {p.id: p for p in manifest.parts}
    assert sorted(parts) == sorted(ids[k] for k in ("found", "missed", "overkill", "pass", "bad", "lossy"))
    assert manifest.labels == ("open", "short", "spur")

    def labels(kind: str) -> str | None:
        file = out / "labels" / f"{parts[ids[kind]].name}.txt"
        return file.read_text() if file.exists() else None

    assert labels("found") == "0 0.250000000 0.447916667 0.437500000 0.770833333\n"
    assert labels("missed") == "1 0.234375000 0.312500000 0.156250000 0.208333333\n"
    assert [labels(kind) for kind in ("overkill", "pass", "lossy")] == ["", "", ""]
    assert labels("bad") is None  # where the defect is, nobody said: no empty picture
    missed, free = parts[ids["missed"]], parts[ids["pass"]]
    assert (missed.outcome, missed.verdict, missed.truth, missed.empty_known) == ("OK", "ng", "person", True)
    assert (free.verdict, free.truth, free.boxes_known, free.empty_known) == (None, "machine", True, False)
    assert (free.evidence_share, parts[ids["lossy"]].lossless) == (0.1, False)
    assert parts[ids["bad"]].boxes_known is False
    listed = (out / "train.txt").read_text().splitlines()
    assert sorted(listed) == sorted(f"./{p.picture}" for p in manifest.parts if p.id != ids["bad"])
    assert all((out / line).is_file() for line in listed)


def test_the_pictures_are_the_very_bytes_and_the_manifest_reads_back(data: Data, tmp_path: Path) -> None:
    some_parts(data)
    out = tmp_path / "out"
    manifest = exported(data, out).manifest
    assert Manifest.model_validate_json((out / "okng-review.json").read_bytes()) == manifest
    for name, digest in manifest.files.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    for part in manifest.parts:
        content = (out / part.picture).read_bytes()
        assert hashlib.sha256(content).hexdigest() == part.sha256
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        assert np.array_equal(pixels, picture(part.id)) is part.lossless
    coco = json.loads((out / "annotations.json").read_text())
    assert {i["id"] for i in coco["images"]} == {p.id for p in manifest.parts if p.boxes_known}
    assert [c["name"] for c in coco["categories"]] == list(manifest.labels)
    assert sorted(p.name for p in out.iterdir()) == sorted(
        ["annotations.json", "data.yaml", "images", "labels", "okng-review.json", "train.txt", "val.txt"]
    )


def test_reviewed_only_and_the_other_conditions(data: Data, tmp_path: Path) -> None:
    ids = some_parts(data)
    only = exported(data, tmp_path / "a", reviewed_only=True).manifest
    assert ids["pass"] not in {p.id for p in only.parts}
    late = data.part(Outcome.OK, DRAWN, day=1)
    since = PartQuery(since_utc_us=START_US + 86_400_000_000)
    assert [p.id for p in exported(data, tmp_path / "b", query=since).manifest.parts] == [late]
    with pytest.raises(OkngError, match=r"no reviewed parts, and no sampled pass,.* review parts on the station first"):
        exported(data, tmp_path / "c", query=PartQuery(recipe="other"))
    with pytest.raises(OkngError, match=r"no reviewed parts, and no sampled pass,.* review parts on the station first"):
        exported(data, tmp_path / "c", query=PartQuery(lane="side"))
    assert not (tmp_path / "c").exists()


def test_a_pass_that_a_second_model_doubts_is_no_empty_picture(data: Data, tmp_path: Path) -> None:
    doubted, clear = data.part(Outcome.OK, Sampling()), data.part(Outcome.OK, DRAWN)
    opinion = SecondOpinion(doubted, "new-2", "f" * 64, "shadow", Verdict(Outcome.NG), (), 1.0, START_US)
    data.store.second_opinion(opinion)
    data.store.flush()
    assert [p.id for p in exported(data, tmp_path / "a").manifest.parts] == [clear]
    data.review(doubted, "ok")
    assert [p.id for p in exported(data, tmp_path / "b").manifest.parts] == [doubted, clear]


def test_labels_come_in_the_order_of_the_model_that_judged_last(data: Data, tmp_path: Path) -> None:
    model = bundle(tmp_path / "made")
    shutil.copytree(model.folder, data.folder / "models" / "tiny-1")
    (data.folder / "recipes").mkdir()
    recipe = 'model = "tiny-1"\nevidence_ok_rate = 0.2\n[require]\nblue = 1\n'
    (data.folder / "recipes" / "board.toml").write_text(recipe)
    part = data.part(Outcome.OK, DRAWN, origin=replace(origin(), model="tiny-1", model_hash=model.digest))
    data.review(part, "ng", ReviewBox("dent", 1.0, 1.0, 9.0, 9.0), ReviewBox("green", 1.0, 1.0, 9.0, 9.0))
    manifest = exported(data, tmp_path / "out").manifest
    assert manifest.labels == ("red", "green", "blue", "dent")
    assert (manifest.required, manifest.sampling.ok_share) == (("blue",), {"board": 0.2})
    assert [row[0] for row in (tmp_path / "out" / "labels" / f"top-{part:09d}.txt").read_text().splitlines()] == [
        "3",
        "1",
    ]


def test_tampered_evidence_is_refused_and_named(data: Data, tmp_path: Path) -> None:
    first, second = data.part(Outcome.OK, DRAWN), data.part(Outcome.OK, DRAWN)
    part = data.reader.part(first)
    assert part is not None
    assert part.evidence is not None
    file = data.evidence / part.evidence.file
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(
        ExportRefused, match=rf"part {first}, top/.*{first}-OK\.png: sha256 is .*cut, edited or swapped"
    ):
        exported(data, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [data.folder]  # nothing half done is left behind
    done = exported(data, tmp_path / "out", leave_out_tampered=True)
    assert ([p.id for p in done.manifest.parts], len(done.tampered)) == ([second], 1)
    file.unlink()
    assert exported(data, tmp_path / "again").gone == 1


def test_a_folder_that_is_there_is_not_touched(data: Data, tmp_path: Path) -> None:
    data.part(Outcome.OK, DRAWN)
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(OkngError, match="is there already"):
        exported(data, out)
    (out / "mine").unlink()
    exported(data, out)
    assert (out / "okng-review.json").is_file()


def test_killed_in_the_middle_there_is_no_export(data: Data, tmp_path: Path) -> None:
    for _ in range(300):
        data.part(Outcome.OK, DRAWN)
    out = tmp_path / "made" / "out"
    command = [sys.executable, "-m", "tests.review.slow_export", data.folder, out]
    with subprocess.Popen(command, cwd=ROOT) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end and not list(out.parent.glob(".out.*/images/*")):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    assert list(out.parent.glob(".out.*.part"))
    assert len(exported(data, out).manifest.parts) == 300


def test_a_group_never_crosses_and_keeps_its_side() -> None:
    groups = {f"board/2026-01-{day:02d}" for day in range(1, 31)}
    sides = splits(groups)
    assert set(sides.values()) == {"train", "val"}
    more = splits(groups | {f"cap/2026-02-{day:02d}" for day in range(1, 28)})
    assert all(more[group] == side for group, side in sides.items())
    assert splits({"board/2026-01-01"}) == {"board/2026-01-01": ""}
