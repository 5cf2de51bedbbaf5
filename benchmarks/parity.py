"""Our boxes against Ultralytics' own `predict`, on the same exported models and real pictures.

    pip install '.[training]'
    python -m benchmarks.parity [--pictures 100] [--conf 0.25] [--iou 0.45] [--precision f32] [--json FILE]

For each picture and each of its sizes (as it is, and two that need letterboxing): the same number of
boxes a label, each pair with IoU > 0.98 and scores within 0.01. Both sides run OpenVINO on the CPU
at the same precision, float32. (Ultralytics sets none, so a CPU with bf16 would run a float32 model
in that; its noise moves scores by up to 0.1 with any change of the graph, and would be all that is
seen. --precision auto shows it; then nothing of Ultralytics' is touched.) The NMS-free head is
compared without our suppression, which Ultralytics does not have there; what suppression would take
away is counted beside it.

Reads ../shared/data/deeppcb and ../shared/models/deeppcb; ends with 1 when any box differs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle
from benchmarks.given import DATA, MODELS, given_bundle
from pipelines.boxes import iou
from pipelines.look import Look, Session, plan
from pipelines.recipe import Recipe
from pipelines.values import Detection, Frame, Pixels

EXPORTS = ("raw-int8", "raw-fp32", "nmsfree-int8")
SIZES: tuple[tuple[int, int] | None, ...] = (None, (500, 380), (1280, 720))
"""(width, height) px that a picture is resized to before both sides see it; None: as it is."""
LEAST_IOU = 0.98
MOST_SCORE_APART = 0.01
NO_SUPPRESSION = 0.999


@dataclass(slots=True)
class Tally:
    """One model at one size."""

    model: str
    size: str
    pictures: int = 0
    boxes: int = 0
    differing: int = 0
    """Pictures on which anything differs."""
    least_iou: float = 1.0
    most_score_apart: float = 0.0
    doubles: int = 0
    """NMS-free head: boxes that our suppression takes away and Ultralytics leaves."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    pictures = _pictures(options.pictures)
    tallies = [tally for export in EXPORTS for tally in _compare(export, pictures, options)]
    for t in tallies:
        print(
            f"{t.model:13} {t.size:9} {t.pictures} pictures, {t.boxes} boxes: {t.differing} pictures differ; "
            f"least IoU {t.least_iou:.4f}, scores at most {t.most_score_apart:.5f} apart, "
            f"{t.doubles} doubles that only we suppress"
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(t) for t in tallies], indent=1))
    return int(any(t.differing for t in tallies))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--iou", type=float, default=0.45)
    parser.add_argument("--precision", choices=("f32", "auto"), default="f32")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def _pictures(count: int) -> list[Path]:
    """Evenly out of the training split, defective boards."""
    rows = (DATA / "trainval.txt").read_text().split("\n")
    names = [row.split()[0] for row in rows if row]
    chosen = [names[i * len(names) // count] for i in range(count)]
    return [DATA / name.replace(".jpg", "_test.jpg") for name in chosen]


def _compare(export: str, pictures: list[Path], options: argparse.Namespace) -> Iterator[Tally]:
    from ultralytics import YOLO

    conf, overlap = options.conf, options.iou
    # Ultralytics tells an OpenVINO export by its folder's name.
    with tempfile.TemporaryDirectory() as scratch:
        named = Path(scratch) / f"{export}_openvino_model"
        named.symlink_to(MODELS / export, target_is_directory=True)
        theirs = YOLO(named, task="detect")
        if options.precision == "f32":
            _in_float32(theirs, named)
        bundle = given_bundle(export, Path(scratch))
        engine = ENGINES["openvino"](EngineConfig(cache_mb=0, precision=options.precision), Path(scratch))
        manifest = bundle.manifest.input
        session = engine.load(bundle, ["CPU"], (manifest.height_px, manifest.width_px)).model.session()
        raw = bundle.manifest.head == "raw"
        for size in SIZES:
            tally = Tally(export, "as it is" if size is None else f"{size[0]}x{size[1]}")
            for file in pictures:
                picture = _read(file, size)
                asked = theirs.predict(picture, conf=conf, iou=overlap, max_det=300, imgsz=640, verbose=False)[0]
                expected = _detections(asked.boxes, bundle.manifest.labels)
                look = _look(bundle, session, picture, conf, overlap if raw else NO_SUPPRESSION)
                found = look(Frame("parity", 1, picture, SystemClock().now())).detections
                _count(tally, file, found, expected)
                if not raw:
                    stricter = _look(bundle, session, picture, conf, overlap)
                    left = stricter(Frame("parity", 1, picture, SystemClock().now())).detections
                    tally.doubles += len(found) - len(left)
            yield tally


def _in_float32(theirs: Any, export: Path) -> None:
    """Let Ultralytics' backend run the same graph in float32; it has no setting for that."""
    theirs.predict(np.zeros((640, 640, 3), np.uint8), verbose=False)
    backend = theirs.predictor.model.backend
    graph = backend.ov.Core().read_model(next(export.glob("*.xml")))
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    backend.ov_compiled_model = backend.ov.Core().compile_model(graph, "CPU", options)


def _read(file: Path, size: tuple[int, int] | None) -> Pixels:
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(file)
    return np.asarray(picture if size is None else cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _look(bundle: Bundle, session: Session, picture: Pixels, conf: float, overlap: float) -> Look:
    recipe = Recipe.model_validate(
        {"name": "parity", "model": bundle.id, "threshold": conf, "keep_score": conf, "nms_iou": overlap}
    )
    height, width = picture.shape[:2]
    there = plan(bundle.facts, recipe, height, width)
    return Look(bundle.facts, recipe, there, session, now_ns=time.monotonic_ns, live=False)


def _detections(boxes: Any, labels: tuple[str, ...]) -> list[Detection]:
    rows = boxes.data.cpu().numpy().tolist()
    return [Detection(labels[int(c)], score, x1, y1, x2, y2) for x1, y1, x2, y2, score, c in rows]


def _count(tally: Tally, file: Path, found: Sequence[Detection], expected: Sequence[Detection]) -> None:
    tally.pictures += 1
    tally.boxes += len(expected)
    left, differs = list(found), len(found) != len(expected)
    for want in expected:
        alike = [d for d in left if d.label == want.label]
        overlaps = iou(_array([want]), _array(alike))[0] if alike else np.zeros(1)
        best = int(overlaps.argmax())
        if overlaps[best] <= LEAST_IOU:
            differs = True
            continue
        left.remove(alike[best])
        apart = abs(alike[best].score - want.score)
        tally.least_iou = min(tally.least_iou, float(overlaps[best]))
        tally.most_score_apart = max(tally.most_score_apart, apart)
        differs |= apart > MOST_SCORE_APART
    if differs:
        tally.differing += 1
        print(f"{tally.model} {tally.size} {file.name}: {len(found)} boxes, Ultralytics has {len(expected)}")
        print(f"  ours:   {[(d.label, round(d.score, 3)) for d in found]}")
        print(f"  theirs: {[(d.label, round(d.score, 3)) for d in expected]}")


def _array(detections: Sequence[Detection]) -> np.ndarray:
    return np.array([(d.x1, d.y1, d.x2, d.y2) for d in detections], np.float32)


if __name__ == "__main__":
    sys.exit(main())
