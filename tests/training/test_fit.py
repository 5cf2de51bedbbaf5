"""One training run: real Ultralytics, real torch, on a few small drawn pictures."""

import json
from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="needs the training extra")

from agent.errors import OkngError
from agent.station.cameras.virtual.dataset import write_dataset
from training.fit import STILL, Fit, Fitted, fit, has_bf16_cpu, rate_factor

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # torch's and Ultralytics' own
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 drawn pictures to train on and 2 more, 160 px."""
    folder = tmp_path_factory.mktemp("drawn")
    write_dataset(folder, layouts=4, boards=2, seed=900_000, good_share=0.2, val_layouts=1, crop_px=160)
    return folder / "data.yaml"


def small(data: Path, out: Path, **more: object) -> Fit:
    told: dict[str, object] = {"side_px": 160, "batch": 4, "device": "cpu", "extra": {**STILL, "flipud": 0.5}}
    return Fit(data, "yolo26n.yaml", out, **(told | more))  # type: ignore[arg-type]


class Cut(Exception):
    """Stands for a power cut."""


def test_one_epoch_leaves_weights_and_plots(data: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    done = fit(small(data, tmp_path / "run"), lines.append)
    assert isinstance(done, Fitted)
    assert done.weights.stat().st_size > 1_000_000
    assert done.epochs == 1
    assert done.seconds > 0
    assert done.plots, "Ultralytics' plots are kept"
    assert "epochs=1" in done.command
    assert any("batch 1 " in line and "cls_loss" in line for line in lines)
    again: list[str] = []
    assert fit(small(data, tmp_path / "run"), again.append) == done, "a run that is done is not run again"
    assert again == []


def test_a_run_cut_off_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    told = small(data, tmp_path / "run", epochs=6)

    def cut(line: str) -> None:
        if "batch 10 " in line:
            raise Cut

    with pytest.raises(Cut):
        fit(told, cut)
    before = json.loads((tmp_path / "run/clock.json").read_text())
    assert before["epochs"] == 4
    assert before["batches"] == 8
    lines: list[str] = []
    done = fit(told, lines.append)
    assert lines[0].startswith("going on after")
    assert "epoch 5 " in lines[1]
    assert done.epochs == 6
    assert done.seconds > before["seconds"]
    assert json.loads((tmp_path / "run/clock.json").read_text())["batches"] == 12


def test_another_fit_in_the_same_folder_starts_anew(data: Path, tmp_path: Path) -> None:
    fit(small(data, tmp_path / "run"), lambda _: None)
    lines: list[str] = []
    fit(small(data, tmp_path / "run", seed=1), lines.append)
    assert lines, "it trained"
    assert not lines[0].startswith("going on")


def test_the_budget_ends_a_run(data: Path, tmp_path: Path) -> None:
    done = fit(small(data, tmp_path / "run", epochs=500, hours=5 / 3600, many_share=0.8), lambda _: None)
    assert done.epochs < 500
    assert done.weights.is_file()


def test_a_folder_with_something_else_in_it_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/one.txt").write_text("dear")
    with pytest.raises(OkngError, match="something else"):
        fit(small(data, tmp_path / "letters"), lambda _: None)
    assert (tmp_path / "letters/one.txt").read_text() == "dear"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OkngError, match=r"data\.yaml: no such file"):
        fit(small(tmp_path / "data.yaml", tmp_path / "run"), lambda _: None)
    with pytest.raises(OkngError, match="device 'gpu'"):
        small(tmp_path / "data.yaml", tmp_path / "run", device="gpu")
    with pytest.raises(OkngError, match="hours 0"):
        small(tmp_path / "data.yaml", tmp_path / "run", hours=0.0)


def test_the_rate_rises_and_falls() -> None:
    factors = [rate_factor(step, step / 200, 25) for step in range(201)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[:20] == sorted(factors[:20])
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert factors[200] == pytest.approx(0.01)


def test_bf16_is_read_off_the_cpu(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("flags\t\t: fpu avx512_vnni avx512_bf16 sse\n")
    assert has_bf16_cpu(file)
    file.write_text("flags\t\t: fpu avx512_vnni sse\n")
    assert not has_bf16_cpu(file)
    assert not has_bf16_cpu(tmp_path / "none")
