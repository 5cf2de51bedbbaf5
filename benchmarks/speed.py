"""How much faster: INT8 through okng, against the same model in float32 by OpenVINO and by eager PyTorch.

    python -m benchmarks.speed --bundle BUNDLE [--exact BUNDLE] [--weights FILE.pt] [--pictures 100] [--threads N]

One run, one process, the same pictures: each goes through every engine in turn, so that whatever else
the machine does slows all of them alike. `--bundle` is the INT8 one; `--exact` has the float32 graph
(default: the bundle's own most exact variant), run in float32, and once at the device's own choice, which
may be bf16; `--weights` are the trained weights, run by PyTorch without a graph, batch-norm folded into
the convolutions as Ultralytics does it. PyTorch gets the very input buffer that okng made, and its part's
time is okng's with PyTorch's inference instead. Without torch (extra `training`) its column is left out.

A part's time is from the decoded picture to the verdict; medians over all pictures but the first ten.
Reads ../shared/data/deeppcb by default (training split); say the load when you quote the figures.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.station.meters import percentile
from agent.station.models.bundle import read_bundle
from pipelines.values import Pixels
from training.datasets.read import read_dataset
from training.evaluate import shown
from training.evaluate.cost import machine
from training.evaluate.eye import Eye, open_eye, plain_recipe

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "deeppcb"
WARM = 10
Infer = Callable[[Pixels], object]
"""One input buffer, (height, width, 3) uint8 BGR, through a model."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One engine's times."""

    engine: str
    infer_p50_ms: float
    infer_p99_ms: float
    part_p50_ms: float
    part_p99_ms: float
    infer_times: float
    """Median of this engine's inference over okng INT8's, picture by picture."""
    part_times: float


def torch_infer(weights: Path, threads: int) -> Infer:
    """The trained weights by eager PyTorch in float32. Raises ImportError where the extra is missing."""
    import torch

    from training.raw import load

    torch.set_num_threads(threads)
    model = load(weights).fuse(verbose=False).eval()

    def infer(buffer: Pixels) -> object:
        rgb = np.ascontiguousarray(buffer[:, :, ::-1].transpose(2, 0, 1))
        with torch.inference_mode():
            return model(torch.from_numpy(rgb)[None].float() / 255)

    return infer


def measure(eyes: dict[str, Eye], infer: Infer | None, options: argparse.Namespace) -> dict[str, NDArray[np.float64]]:
    """engine -> (pictures, 2): ms of inference, ms of the part."""
    data = read_dataset(options.dataset)
    first = next(iter(eyes.values()))
    assert first.session is not None
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in eyes}
    for picture in shown.as_they_are(data, shown.chosen(data, options.split, options.pictures + WARM)):
        for name, eye in eyes.items():
            eye.judge(picture.pixels, picture.reference)  # a reference is met once, a picture comes into the cache
            stages = eye.judge(picture.pixels, picture.reference)[0].stages
            rows[name].append((stages.infer_ms, stages.total_ms))
        if infer is not None:
            ours = rows[next(iter(eyes))][-1]
            infer(first.session.inputs[0])
            begun = time.perf_counter()
            infer(first.session.inputs[0])
            taken = (time.perf_counter() - begun) * 1000
            rows.setdefault("PyTorch eager FP32", []).append((taken, ours[1] - ours[0] + taken))
    return {name: np.array(times[WARM:], np.float64) for name, times in rows.items()}


def speeds(times: dict[str, NDArray[np.float64]]) -> list[Speed]:
    """Of each engine; ratios to the first one's."""
    ours = next(iter(times.values()))
    return [
        Speed(
            name,
            *(round(percentile(sorted(own[:, column]), q), 3) for column in (0, 1) for q in (0.5, 0.99)),
            infer_times=round(float(np.median(own[:, 0] / ours[:, 0])), 2),
            part_times=round(float(np.median(own[:, 1] / ours[:, 1])), 2),
        )
        for name, own in times.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--exact", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--dataset", type=Path, default=DATA)
    parser.add_argument("--split", default="train")
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bundle = read_bundle(options.bundle)
    exact = read_bundle(options.exact) if options.exact else bundle
    recipe, precision = plain_recipe(bundle).model_copy(update={"keep_score": 0.25}), "" if options.exact else "f16"
    eyes = {
        "okng INT8": open_eye(bundle, recipe, threads=options.threads),
        "OpenVINO FP32": open_eye(exact, recipe, precision="f32" if not options.exact else "", exact=True,
                                  threads=options.threads),
        "OpenVINO FP32 graph, device's choice": open_eye(exact, recipe, precision=precision, threads=options.threads),
    }  # fmt: skip
    infer = None
    if options.weights:
        try:
            infer = torch_infer(options.weights, options.threads)
        except ImportError as error:
            print(f"PyTorch's column is left out: {error} (extra training)", file=sys.stderr)
    rows = speeds(measure(eyes, infer, options))
    here = machine()
    print(f"{here.cpu}, {options.threads} of {here.cores} cores, load {here.load}, {options.pictures} pictures")
    for row in rows:
        print(f"{row.engine:38} infer {row.infer_p50_ms:8.2f} / {row.infer_p99_ms:8.2f} ms, {row.infer_times:6.2f} x"
              f"   part {row.part_p50_ms:8.2f} / {row.part_p99_ms:8.2f} ms, {row.part_times:6.2f} x")  # fmt: skip
    if options.json:
        told = {"machine": asdict(here), "threads": options.threads, "engines": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
