"""Makes the model of the demo's bundle from drawn boards alone: draw, train, export, quantise, measure.

    python -m training.bundled_model --out DIR [--start PT] [--work DIR] [--steps draw,crops,...]

Nothing real goes in: the pictures are `agent.station.cameras.virtual`'s, the starting weights a
COCO warm start. Needs the extra `training`; about an hour on two cores with AVX-512 BF16.
Training is `training.fit`'s, on the CPU. The bundled file was made before the convolutions went
channels-last: made again it is another file of the same kind.
`--out` gets model.xml, model.bin and figures.json.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov  # type: ignore[import-untyped]
from numpy.typing import NDArray

from agent.station.cameras.virtual.boards import Board, draw_board
from agent.station.cameras.virtual.dataset import write_dataset
from agent.station.cameras.virtual.defects import LABELS
from agent.station.cameras.virtual.layout import draw_layout
from training.drawn_scores import Found, best_threshold, detections, mean_average_precision, part_counts
from training.export import export
from training.fit import Fit, fit
from training.quantise import quantise as post_training

STEPS = ("draw", "crops", "boards", "again", "export", "quantise", "measure")
SIDE_PX = 640
FP32 = "exported/f32/model.xml"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn data set: layouts count up from `seed`, the validation's come after training's."""

    layouts: int
    boards: int
    seed: int
    good_share: float
    val_layouts: int
    crop_px: int


CROPS = Drawn(layouts=900, boards=6, seed=100_000, good_share=0.25, val_layouts=30, crop_px=320)
AGAIN = Drawn(layouts=600, boards=4, seed=250_000, good_share=0.5, val_layouts=10, crop_px=0)
BOARDS = Drawn(layouts=900, boards=3, seed=200_000, good_share=0.4, val_layouts=30, crop_px=0)

COMMON: dict[str, object] = {
    "cache": "ram", "workers": 0, "cos_lr": True, "save_period": 1, "plots": False,
    "mosaic": 0, "close_mosaic": 0, "scale": 0.05, "translate": 0.05,
    "hsv_h": 0, "hsv_s": 0, "hsv_v": 0.2, "flipud": 0.5, "fliplr": 0.5,
}  # fmt: skip
"""Defects have a fixed size in px, so scale stays; a board has no up and no left, so flips are free."""
TRAIN_CROPS: dict[str, Any] = {
    "side_px": 320, "epochs": 3, "batch": 16, "rate": 0.001, "glides": False,
    "extra": {**COMMON, "lrf": 0.05, "warmup_epochs": 0.3, "val": True},
}  # fmt: skip
"""The weights of its second epoch go on (`CROPS_MADE`): the later stages bring the learning rate down."""
CROPS_MADE = "weights/epoch1.pt"
TRAIN_BOARDS: dict[str, Any] = {"epochs": 1, "batch": 6, "rate": 0.0005, "extra": COMMON}
TRAIN_AGAIN: dict[str, Any] = {"epochs": 1, "batch": 6, "rate": 0.0004, "extra": COMMON}
"""One pass each; the learning rate glides."""

CALIBRATION = (290_000, 75, 4, 0.3)
"""First layout seed, layouts, boards of each, share of good ones; as for the sets below."""
VALIDATION = (320_000, 250, 4, 0.5)
"""The threshold is chosen here."""
TEST = (500_000, 250, 4, 0.5)
DEMO = (1, 3, 120, 0.5)
"""The demo's own layouts, seeds 1 to 3; never trained on, as no seed below 100,000 is."""


def drawn_boards(seed: int, layouts: int, boards: int, good_share: float) -> Iterator[Board]:
    """Boards of fresh layouts, in order; the same arguments give the same boards."""
    for i in range(layouts):
        layout = draw_layout(seed + i)
        rng = np.random.default_rng((seed + i, 2))
        for _ in range(boards):
            yield draw_board(layout, rng, bad=bool(rng.random() >= good_share))


def model_input(board: Board) -> NDArray[np.float32]:
    """(1, 3, height, width), 0..1: what the exported model takes."""
    grey = board.pixels.astype(np.float32) / 255.0
    return np.ascontiguousarray(np.broadcast_to(grey, (1, 3, *grey.shape)))


def train(how: Mapping[str, Any], *, start: Path, data: Path, name: str, work: Path) -> str:
    """Runs one stage; gives its command line with paths relative to the work folder."""
    command = fit(Fit(data / "data.yaml", start, work / "runs" / name, device="cpu", **how)).command
    for long, short in ((f"model={start}", f"model={start.name}"), (f"data={data}", f"data=data/{data.name}")):
        command = command.replace(long, short)
    return command.replace(f"project={work}/", "project=")


def drawn_start(start: Path, work: Path) -> Path:
    """Weights (.pt) trained on drawn boards alone: what the bundled model is, and where others start from.

    A stage that `work` holds already is not run again.
    """
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "data/drawn").exists():
        shutil.rmtree(work / "data", ignore_errors=True)
        _step("draw", start, work, work, {})
        (work / "data/drawn").touch()
    for step in ("crops", "boards", "again"):
        _step(step, start, work, work, {})
    return work / "runs/again/weights/last.pt"


def quantise(source: Path, target: Path) -> dict[str, Any]:
    """INT8 as `training.quantise` makes it, calibrated on drawn boards; gives its settings."""
    pictures = [model_input(board) for board in drawn_boards(*CALIBRATION)]
    made = post_training(source, target / "model.xml", pictures)
    seeds = {"first_layout_seed": CALIBRATION[0], "layouts": CALIBRATION[1]}
    return {**made.settings(), "calibration": {"pictures": len(pictures), **seeds}}


def look(model: Path, precision: str | None, boards: list[Board]) -> list[Found]:
    """What a model finds on each board; `precision` forces the device's, None leaves it."""
    config = {"INFERENCE_PRECISION_HINT": precision} if precision else {}
    compiled = ov.Core().compile_model(model, "CPU", config)
    return [detections(compiled(model_input(board))[0][0]) for board in boards]


def measure(models: dict[str, tuple[Path, str | None]]) -> dict[str, Any]:
    """Figures of each model on validation, test and demo boards; thresholds come from validation alone."""
    sets = {"validation": VALIDATION, "test": TEST, "demo": DEMO}
    boards = {name: list(drawn_boards(*which)) for name, which in sets.items()}
    figures: dict[str, Any] = {}
    for name, (path, precision) in models.items():
        found = {part: look(path, precision, boards[part]) for part in sets}
        threshold = best_threshold(boards["validation"], found["validation"])
        figures[name] = {"threshold": threshold}
        for part, (seed, layouts, _, _) in sets.items():
            scores = mean_average_precision(boards[part], found[part])
            counts = {f"{t:.2f}": part_counts(boards[part], found[part], t) for t in (0.25, 0.35, 0.45, 0.55)}
            counts["chosen"] = part_counts(boards[part], found[part], threshold)
            figures[name][part] = {"layout_seeds": [seed, seed + layouts - 1], **scores, "parts": counts}
    return figures


def main() -> None:
    """Runs the chosen steps, each from what the steps before it left in the work folder."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--out", type=Path, required=True)
    ask.add_argument("--work", type=Path, default=Path("build/bundled_model"))
    ask.add_argument("--start", type=Path, default=Path("../shared/models/coco/yolo26n-warmstart.pt"))
    ask.add_argument("--steps", default=",".join(STEPS))
    told = ask.parse_args()
    steps, work, out = told.steps.split(","), told.work.resolve(), told.out.resolve()
    if unknown := set(steps) - set(STEPS):
        ask.error(f"unknown steps {sorted(unknown)}, known are {STEPS}")
    out.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    log_file = work / "log.json"
    log: dict[str, Any] = json.loads(log_file.read_text()) if log_file.exists() else {}
    for step in steps:
        began = time.monotonic()
        log[step] = _step(step, told.start.resolve(), work, out, log)
        log[f"{step}_s"] = round(time.monotonic() - began)
        log_file.write_text(json.dumps(log, indent=1))


def _step(step: str, start: Path, work: Path, out: Path, log: dict[str, Any]) -> Any:
    data, last = work / "data", "weights/last.pt"
    if step == "draw":
        sets = {"crops": CROPS, "boards": BOARDS, "again": AGAIN}
        return {name: asdict(write_dataset(data / name, **asdict(drawn))) for name, drawn in sets.items()}
    if step == "crops":
        return train(TRAIN_CROPS, start=start, data=data / "crops", name="crops", work=work)
    if step == "boards":
        crops_made = work / "runs/crops" / CROPS_MADE
        return train(TRAIN_BOARDS, start=crops_made, data=data / "boards", name="boards", work=work)
    if step == "again":
        boards_made = work / "runs/boards" / last
        return train(TRAIN_AGAIN, start=boards_made, data=data / "again", name="again", work=work)
    if step == "export":
        shutil.rmtree(work / "exported", ignore_errors=True)
        export(work / "runs/again" / last, work / "exported", SIDE_PX)
        return None
    if step == "quantise":
        return quantise(work / FP32, out)
    fp32 = work / FP32
    figures = measure({"fp32": (fp32, "f32"), "int8": (out / "model.xml", None)})
    (out / "figures.json").write_text(json.dumps(_report(out, figures, log), indent=1) + "\n")
    return None


def _report(out: Path, figures: dict[str, Any], log: dict[str, Any]) -> dict[str, Any]:
    packages = ("ultralytics-opencv-headless", "torch", "openvino", "nncf", "numpy", "opencv-python-headless")
    return {
        "labels": LABELS,
        "start": "coco/yolo26n-warmstart.pt",
        "data": {"crops": asdict(CROPS), "boards": asdict(BOARDS), "again": asdict(AGAIN), "written": log.get("draw")},
        "commands": [log.get(name) for name in ("crops", "boards", "again")],
        "train_s": [log.get(f"{name}_s") for name in ("crops", "boards", "again")],
        "nncf": log.get("quantise"),
        "bytes": sum((out / name).stat().st_size for name in ("model.xml", "model.bin")),
        "figures": figures,
        "versions": {name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()
