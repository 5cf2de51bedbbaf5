"""Makes the model of the demo's bundle from drawn boards alone: draw, train, export, quantise, measure.

    python -m training.bundled_model --out DIR [--start PT] [--work DIR] [--steps draw,crops,...]

Nothing real goes in: the pictures are `agent.station.cameras.virtual`'s, the starting weights a
COCO warm start. Needs the extra `training`; about an hour on two cores with AVX-512 BF16.
Training is Ultralytics' own command line, run in this process so that bf16 may be used on a CPU
(Ultralytics 8.4 refuses it there, torch does not) and both cores.
`--out` gets model.xml, model.bin and figures.json.
"""

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray

from agent.station.cameras.virtual.boards import Board, draw_board
from agent.station.cameras.virtual.dataset import write_dataset
from agent.station.cameras.virtual.defects import LABELS
from agent.station.cameras.virtual.layout import draw_layout
from training.drawn_scores import Found, best_threshold, detections, mean_average_precision, part_counts

STEPS = ("draw", "crops", "boards", "again", "export", "quantise", "measure")
SIDE_PX = 640


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

COMMON = (
    "amp=bf16 device=cpu workers=0 cache=ram optimizer=AdamW cos_lr=True warmup_bias_lr=0.0 mosaic=0 close_mosaic=0 "
    "scale=0.05 translate=0.05 hsv_h=0 hsv_s=0 hsv_v=0.2 flipud=0.5 fliplr=0.5 seed=0 save_period=1 plots=False"
)
"""Defects have a fixed size in px, so scale stays; a board has no up and no left, so flips are free."""
TRAIN_CROPS = f"imgsz=320 epochs=3 batch=16 nbs=16 lr0=0.001 lrf=0.05 warmup_epochs=0.3 {COMMON}"
"""The weights of its second epoch go on (`CROPS_MADE`): the later stages bring the learning rate down."""
CROPS_MADE = "weights/epoch1.pt"
TRAIN_BOARDS = f"imgsz=640 epochs=1 batch=6 nbs=6 lr0=0.0005 warmup_epochs=0 {COMMON}"
TRAIN_AGAIN = f"imgsz=640 epochs=1 batch=6 nbs=6 lr0=0.0004 warmup_epochs=0 {COMMON}"
"""One pass each; the learning rate rises over 25 steps and falls to nothing by a cosine (`glide`)."""

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


def glide(trainer: Any) -> None:
    """Sets the learning rate for each batch of a one-epoch stage: Ultralytics itself would only do so each epoch."""
    step = trainer.glide_step = getattr(trainer, "glide_step", -1) + 1
    share = step / (len(trainer.train_loader) * trainer.epochs)
    factor = min(1.0, (step + 1) / 25) * max(0.01, 0.5 + 0.5 * float(np.cos(np.pi * share)))
    for group in trainer.optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def train(arguments: str, *, start: Path, data: Path, name: str, work: Path, gliding: bool = False) -> str:
    """Runs one stage; gives its command line with paths relative to the work folder."""
    import torch
    from ultralytics.cfg import entrypoint
    from ultralytics.engine import trainer
    from ultralytics.utils import torch_utils
    from ultralytics.utils.callbacks.base import default_callbacks

    def autocast(enabled: object, device: str = "cpu") -> Any:
        return torch.amp.autocast(device, dtype=torch.bfloat16, enabled=bool(enabled))

    trainer.autocast = autocast
    torch_utils.NUM_THREADS = 2  # Ultralytics would leave one core idle
    if gliding:
        default_callbacks["on_train_batch_start"].append(glide)
    command = f"detect train model={{}} data={{}} {arguments} project={{}} name={name} exist_ok=True"
    entrypoint(command.format(start, data / "data.yaml", work / "runs"))
    return "yolo " + command.format(start.name, f"data/{data.name}/data.yaml", "runs")


def export(weights: Path, to: Path) -> None:
    """Exports the raw head, (1, 4 + labels, 8400), batch 1, FP32, as OpenVINO IR in folder `to`."""
    from ultralytics import YOLO

    made = Path(str(YOLO(weights).export(format="openvino", imgsz=SIDE_PX, batch=1, dynamic=False)))
    shutil.rmtree(to, ignore_errors=True)
    shutil.move(made, to)


def unquantised(model: ov.Model) -> list[str]:
    """Operations kept in floating point: the head's box branch and its decoding.

    Box distances of a raw head do not bear INT8; the score branch (`cv3`) does.
    """
    names = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() != "Constant"]
    head = [name for name in names if ".cv3." in name and "Convolution" in name][-1].split(".cv3.")[0]
    return [name for name in names if name.startswith((f"{head}/", f"{head}.cv2."))]


def quantise(source: Path, target: Path) -> dict[str, Any]:
    """INT8 by nncf's post-training quantisation on drawn boards; gives its settings."""
    import nncf

    model = ov.Core().read_model(next(source.glob("*.xml")))
    ignored = unquantised(model)
    pictures = [model_input(board) for board in drawn_boards(*CALIBRATION)]
    quantised = nncf.quantize(
        model,
        nncf.Dataset(pictures),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        ignored_scope=nncf.IgnoredScope(names=ignored),
    )
    ov.save_model(quantised, target / "model.xml", compress_to_fp16=True)
    return {
        "method": "post-training, preset MIXED, kept tensors stored as FP16",
        "calibration": {"pictures": len(pictures), "first_layout_seed": CALIBRATION[0], "layouts": CALIBRATION[1]},
        "unquantised": "the head's box branch (cv2) and decoding",
        "unquantised_operations": len(ignored),
    }


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
        return train(TRAIN_BOARDS, start=crops_made, data=data / "boards", name="boards", work=work, gliding=True)
    if step == "again":
        boards_made = work / "runs/boards" / last
        return train(TRAIN_AGAIN, start=boards_made, data=data / "again", name="again", work=work, gliding=True)
    if step == "export":
        return export(work / "runs/again" / last, work / "fp32")
    if step == "quantise":
        return quantise(work / "fp32", out)
    fp32 = next((work / "fp32").glob("*.xml"))
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
