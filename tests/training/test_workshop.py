"""One whole turn: train, quantise, bundle, sign, import into a running station, activate, judge."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.control import ask
from agent.errors import BundleRefused, ControlFailed, OkngError
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.signing import new_key, text_of
from training.order import Order
from training.workshop import Result, run

ROOT = Path(__file__).resolve().parents[2]
DEEPPCB = ROOT.parent / "shared/data/deeppcb"
START = ROOT.parent / "shared/models/deeppcb/yolo26n-deeppcb.pt"
needs_data = pytest.mark.skipif(not (DEEPPCB.is_dir() and START.is_file()), reason=f"{DEEPPCB} or {START} is not there")
SIDE_PX = 320


def subset(folder: Path) -> Path:
    """Some pairs of DeepPCB in its own layout: 12 of two groups to train on, 4 more of a third, 4 to test."""
    rows = {"trainval.txt": [], "test.txt": []}  # type: dict[str, list[str]]
    for name, group, count in (
        ("trainval.txt", "group20085", 6), ("trainval.txt", "group13000", 6), ("trainval.txt", "group92000", 4),
        ("test.txt", "group12000", 4),
    ):  # fmt: skip
        there = [row for row in (DEEPPCB / name).read_text().splitlines() if row.startswith(f"{group}/")]
        rows[name] += there[:count]
    for row in (row for listed in rows.values() for row in listed):
        picture, label = row.split()
        stem = picture.removesuffix(".jpg")
        for file in (f"{stem}_test.jpg", f"{stem}_temp.jpg", label):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(DEEPPCB / file, folder / file)
    for name, listed in rows.items():
        (folder / name).write_text("\n".join(listed))
    return folder


def order(folder: Path, dataset: Path, start: str, **more: object) -> Order:
    told: dict[str, object] = {"epochs": 1, "hours": None, "batch": 4, "device": "cpu", "calibration": 6, "measured": 8}
    return Order(dataset=dataset, out=folder / "out", name="turn", version="1", start=start, **(told | more))  # type: ignore[arg-type]


def real(folder: Path, **more: object) -> Order:
    """DeepPCB's pairs, from weights that know them."""
    told = {"side_px": SIDE_PX, "hold_out": ("92000",)}
    return order(folder, subset(folder / "data"), str(START), **(told | more))


@contextmanager
def station(data: Path, runtime: Path, public: str) -> Iterator[Path]:
    """A station process that trusts one key, with a lane for pushed pictures; gives its configuration."""
    (data / "recipes").mkdir(parents=True)
    (data / "recipes/desk.toml").write_text('model = "drawn-boards-1"\ndeadline_ms = 60000\n')
    settings = data / "station.toml"
    settings.write_text(
        f'[station]\ndata = "{data}"\nruntime = "{runtime}"\n[web]\nenabled = false\n'
        f'[models]\ntrusted_keys = {{ workshop = "{public}" }}\n'
        '[lanes.desk]\nrecipe = "desk"\ncamera = { kind = "push" }\n'
    )
    process = subprocess.Popen((sys.executable, "-m", "agent.cli", "station", "--config", str(settings)), cwd=ROOT)
    try:
        end = time.monotonic() + 120
        while not ready(runtime):
            assert process.poll() is None, "the station ended"
            assert time.monotonic() < end, "the station is not ready"
            time.sleep(0.2)
        yield settings
    finally:
        process.terminate()
        process.wait(60)


def ready(runtime: Path) -> bool:
    try:
        status = ask(runtime, "status", timeout_s=2.0)["status"]
    except ControlFailed:
        return False
    return isinstance(status, dict) and bool(status["lanes"][0]["engine"] == "ready")


def okng(*said: str) -> str:
    done = subprocess.run(
        (sys.executable, "-m", "agent.cli", *said), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@needs_data
def test_from_pictures_to_a_verdict(tmp_path: Path) -> None:
    """FIELD 14 and 25: what was trained is what judges, with its thresholds, provably the same."""
    public = text_of(new_key(tmp_path / "key.pem", None).public)
    lines: list[str] = []
    made = run(real(tmp_path, key=tmp_path / "key.pem"), lines.append)
    check_bundle(made)
    check_table(made)
    with TemporaryDirectory(prefix="okng-") as name, station(tmp_path / "station", Path(name), public) as settings:
        okng("model", "import", str(made.file), "--config", str(settings))
        okng("model", "activate", made.bundle.id, "--config", str(settings), "--expect-change")
        picture = next((tmp_path / "data").glob("group12000/*/*_test.jpg"))
        okng("judge", str(picture), "--config", str(settings), "--json", str(tmp_path / "verdicts.json"))
        told = (tmp_path / "verdicts.json").read_text()
        assert made.bundle.id in told, told
        assert '"NG"' in told, told
    again: list[str] = []
    assert run(real(tmp_path, key=tmp_path / "key.pem", resume=True), again.append).bundle == made.bundle
    assert not [line for line in again if line.endswith("...")], "nothing is made twice"


def test_weights_that_see_nothing_become_no_bundle(tmp_path: Path, drawn: Path) -> None:
    """Every step up to the bundle is made; its golden pictures would prove nothing on any device."""
    lines: list[str] = []
    with pytest.raises(BundleRefused, match="none expects anything to be found"):
        run(order(tmp_path, drawn, "none", side_px=160), lines.append)
    assert "bundle ..." in lines
    assert [file.name for file in (tmp_path / "out").iterdir() if not file.name.endswith(".pt")] == ["work"]


def check_bundle(made: Result) -> None:
    bundle: Bundle = read_bundle(made.bundle.folder)
    assert set(bundle.manifest.variants) == {"int8", "f16", "onnx"}
    assert bundle.manifest.golden
    figures = bundle.manifest.figures
    assert figures["workshop"]["network"] == "yolo26n"
    assert "promise" in figures["thresholds"], "with so few parts none can be made, and that is said"
    assert bundle.manifest.promise is None
    int8 = sum((bundle.folder / name).stat().st_size for name in ("model.xml", "model.bin"))
    whole = next(row["bytes"] for row in figures["steps"] if row["step"] == "f32")
    assert int8 < 0.31 * whole
    assert not list(bundle.folder.glob("*.pt")), "no pickle in a bundle"


def check_table(made: Result) -> None:
    text = made.table.read_text()
    assert "| f32 " in text
    assert "| int8, " in text
    assert "## Evaluation" in text


def test_a_run_that_is_there_is_not_written_over(tmp_path: Path, drawn: Path) -> None:
    (tmp_path / "out/turn-1").mkdir(parents=True)
    with pytest.raises(OkngError, match="choose another version"):
        run(order(tmp_path, drawn, "none"))


def test_an_unfinished_run_is_gone_on_with_only_when_asked(tmp_path: Path, drawn: Path) -> None:
    steps = tmp_path / "out" / "work" / "turn-1" / "steps"
    steps.mkdir(parents=True)
    (steps / "check.json").write_text(json.dumps({"key": {}, "result": {}, "seconds": 1}))
    with pytest.raises(OkngError, match="--resume"):
        run(order(tmp_path, drawn, "none"))
