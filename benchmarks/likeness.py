"""How far copies of a picture are from it, and how far two parts of one product: where the limit lies.

    python -m benchmarks.likeness [--boards 60]

Reads ../shared/data/deeppcb (its LICENSE says MIT, its README "You can only use this dataset for research
purpose"). The figures stand in docs/datasets.md.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from agent.station.cameras.decode import read_picture
from pipelines.values import Pixels
from training.datasets.likeness import MOST_BITS, MOST_DIFFERENCE, apart
from training.datasets.read import read_dataset
from training.parts import paste

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "deeppcb"


def _jpeg(pixels: Pixels, quality: int) -> Pixels:
    done = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(done, cv2.IMREAD_COLOR), np.uint8)


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=way), np.uint8)


def _noisy(pixels: Pixels) -> Pixels:
    noise = np.random.default_rng(0).normal(0, 20, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _lit(pixels: Pixels, gain: float, offset: float) -> Pixels:
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=gain, beta=offset), np.uint8)


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


CHANGES: Mapping[str, Callable[[Pixels], Pixels]] = {
    "JPEG 90": lambda p: _jpeg(p, 90),
    "JPEG 50": lambda p: _jpeg(p, 50),
    "JPEG 20": lambda p: _jpeg(p, 20),
    "scaled to 1.7": lambda p: _scaled(p, 1.7),
    "scaled to 0.5": lambda p: _scaled(p, 0.5),
    "scaled to 0.3": lambda p: _scaled(p, 0.3),
    "gain 0.6, offset 40": lambda p: _lit(p, 0.6, 40),
    "gamma 0.6": lambda p: (255 * (p / 255.0) ** 0.6).astype(np.uint8),
    "noise, sigma 20": _noisy,
    "blurred, sigma 2 px": lambda p: _blurred(p, 2),
    "upside down, JPEG 60": lambda p: _jpeg(np.ascontiguousarray(np.rot90(p, 2)), 60),
    "blurred, sigma 4 px": lambda p: _blurred(p, 4),
    "moved by 1 px": lambda p: np.roll(p, 1, 1),
    "moved by 2 px": lambda p: np.roll(p, 2, 1),
    "3 px cropped": lambda p: p[3:-3, 3:-3],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=60)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: nothing can be measured")
    pictures = read_dataset(DATA).pictures
    chosen = np.random.default_rng(0).choice(len(pictures), options.boards, replace=False)
    found: dict[str, list[tuple[int, float]]] = {}
    for i in chosen.tolist():
        one = pictures[i]
        if one.reference is None:
            continue
        part, good = read_picture(one.file).pixels, read_picture(one.reference).pixels
        others = {name: (part, change(part)) for name, change in CHANGES.items()}
        others["template and part"] = (good, part)
        smallest = paste(good, part, min(one.boxes, key=lambda b: b.width * b.height))
        if smallest is not None:
            others["template and smallest defect"] = (good, smallest)
        for name, (a, b) in others.items():
            found.setdefault(name, []).append(apart(a, b))
    print(f"{'':30}   bits, difference: smallest  median  largest   found (limits {MOST_BITS}, {MOST_DIFFERENCE})")
    for name, rows in found.items():
        bits, far = (np.array(column) for column in zip(*rows, strict=True))
        hit = ((bits <= MOST_BITS) & (far <= MOST_DIFFERENCE)).mean()
        print(f"{name:30} {bits.max():6} {far.min():21.3f} {np.median(far):7.3f} {far.max():8.3f} {100 * hit:6.0f} %")


if __name__ == "__main__":
    main()
