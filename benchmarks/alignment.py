"""How well parts are aligned to their reference, on real pairs of DeepPCB (research use only, see its README).

    python -m benchmarks.alignment [--pairs 200] [--split trainval] [--json FILE]

In one run: parts moved by up to 20 px, 3 degrees and 3 %, their light by up to 30 % (residual error against
the truth, refused, time); good parts against another board's reference, and against their own shifted by a
whole pitch of its pattern (how many are let through: none may be).
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.align import Aligned, Aligner
from pipelines.light import Grey
from pipelines.pitch import pitches
from pipelines.recipe import Reference
from pipelines.similarity import Move, turned
from pipelines.values import Pose
from pipelines.view import Misfit

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "deeppcb"
SHIFT_PX, TURN_DEG, SCALE, LIGHT, OFFSET = 20.0, 3.0, 0.03, 0.3, 20.0
BOUNDS = Reference.model_validate({"picture": "reference.png"})


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A part of DeepPCB and its template."""

    name: str
    part: Grey
    reference: Grey


@dataclass(frozen=True, slots=True)
class Trial:
    """One moved part, aligned."""

    fit: float
    """0 where it was refused."""
    off_px: float
    """How far a point of the part lies off after the alignment, root mean square over the picture."""
    across_px: float
    """The same over the reference's edges and across them: what a difference picture shows of it."""
    cpu_ms: float
    why: str = ""


def read_pairs(split: str, count: int, seed: int) -> list[Pair]:
    """Randomly picked pairs of a split. Raises OSError where the data is not there."""
    rows = (DATA / f"{split}.txt").read_text().split("\n")
    names = [row.split()[0].removesuffix(".jpg") for row in rows if row.strip()]
    picked = np.random.default_rng(seed).permutation(len(names))[:count]
    return [Pair(names[i], _read(f"{names[i]}_test.jpg"), _read(f"{names[i]}_temp.jpg")) for i in picked]


def _read(name: str) -> Grey:
    grey = cv2.imread(str(DATA / name), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise OSError(f"{DATA / name} cannot be read")
    return np.asarray(grey, np.uint8)


def moved(part: Grey, move: Move, gain: float, offset: float) -> Grey:
    """A part as a camera sees it that lies off and is lit otherwise. What comes into view is the rim, drawn out."""
    size = (part.shape[1], part.shape[0])
    seen = cv2.warpAffine(part, move.matrix(*part.shape), size, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.rint(seen * gain + offset), 0, 255).astype(np.uint8)


def trial(aligner: Aligner, part: Grey, rng: np.random.Generator, still: Pose) -> Trial:
    """Move a part by chance and align it; `still` is its pose when it is not moved."""
    scale, turn = 1 + rng.uniform(-SCALE, SCALE), rng.uniform(-TURN_DEG, TURN_DEG)
    move = turned(scale, turn, *rng.uniform(-SHIFT_PX, SHIFT_PX, 2))
    picture = moved(part, move, 1 + rng.uniform(-LIGHT, LIGHT), rng.uniform(-OFFSET, OFFSET))
    begun = time.process_time()
    found = aligner(picture)
    cpu_ms = (time.process_time() - begun) * 1e3
    if isinstance(found, Misfit):
        return Trial(0.0, math.nan, math.nan, cpu_ms, found.why)
    return Trial(found.fit, *_off_px(found.pose, move, still, aligner.reference), cpu_ms)


def _off_px(pose: Pose, move: Move, still: Pose, reference: Grey) -> tuple[float, float]:
    """How far points land from where the unmoved part's land: anywhere, and across the edges; px."""
    x, y = np.meshgrid(np.linspace(0, reference.shape[1] - 1, 20), np.linspace(0, reference.shape[0] - 1, 20))
    apart = _apart(pose, move, still, reference.shape, x.ravel(), y.ravel())
    soft = cv2.GaussianBlur(reference, (0, 0), 1.5).astype(np.float32)
    slope = np.stack([cv2.Sobel(soft, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0)])
    strength = np.hypot(*slope)
    rows, columns = np.nonzero(strength > 100)
    if not rows.size:
        return float(np.sqrt((apart**2).sum(axis=0).mean())), 0.0
    normal = slope[:, rows, columns] / strength[rows, columns]
    across = (_apart(pose, move, still, reference.shape, columns, rows) * normal).sum(axis=0)
    return float(np.sqrt((apart**2).sum(axis=0).mean())), float(np.sqrt((across**2).mean()))


def _apart(
    pose: Pose, move: Move, still: Pose, shape: tuple[int, ...], x: NDArray[Any], y: NDArray[Any]
) -> NDArray[np.float64]:
    points = np.stack((x, y, np.ones(x.size)))
    there = np.vstack((move.matrix(shape[0], shape[1]) @ points, np.ones(x.size)))
    return np.asarray(_matrix(pose) @ there - _matrix(still) @ points, np.float64)


def _matrix(pose: Pose) -> NDArray[np.float64]:
    return np.array([[pose.a, -pose.b, pose.x_px], [pose.b, pose.a, pose.y_px]])


def off_by_pitches(reference: Grey, beyond_px: float) -> Iterator[tuple[Grey, tuple[int, int]]]:
    """The reference shifted by the strongest pitch of its pattern as often as gets beyond; nothing without one."""
    half = cv2.resize(reference, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for x, y in pitches(np.asarray(half, np.uint8), BOUNDS.max_shift_px / 2)[:1]:
        times = int(beyond_px // (2 * max(abs(x), abs(y)))) + 1
        shift = (2 * x * times, 2 * y * times)
        yield np.roll(reference, shift[::-1], (0, 1)), shift


def measure(pairs: Sequence[Pair], seed: int) -> dict[str, object]:
    """All figures."""
    rng = np.random.default_rng(seed)
    begun = time.process_time()
    aligners = [Aligner(pair.reference, BOUNDS) for pair in pairs]
    made_ms = (time.process_time() - begun) * 1e3 / len(pairs)
    figures: dict[str, object] = {"pairs": len(pairs), "aligner made, ms": round(made_ms, 1)}
    still = [_timed(aligner, pair.part) for aligner, pair in zip(aligners, pairs, strict=True)]
    figures["parts as they are"] = _summary([one for one, _ in still])
    bad = [
        trial(a, p.part, rng, s.pose)
        for a, p, (_, s) in zip(aligners, pairs, still, strict=True)
        if isinstance(s, Aligned)
    ]
    figures["bad parts, moved"] = _summary(bad)
    nowhere = [Pose(width_px=p.reference.shape[1], height_px=p.reference.shape[0]) for p in pairs]
    good = [trial(a, p.reference, rng, s) for a, p, s in zip(aligners, pairs, nowhere, strict=True)]
    figures["good parts, moved"] = _summary(good)
    figures["another board's reference"] = _let_through(
        (aligners[i - 1](picture), f"{_kind(picture, pair)} {pair.name}")
        for i, pair in enumerate(pairs)
        for picture in _both(pair)
    )
    for name, beyond_px in (("a pitch off", 0.0), ("whole pitches off, out of reach", BOUNDS.max_shift_px)):
        figures[f"own reference, {name}"] = _let_through(
            (Aligner(shifted, BOUNDS)(picture), f"{_kind(picture, pair)} {pair.name} {by}")
            for pair in pairs
            for shifted, by in off_by_pitches(pair.reference, beyond_px)
            for picture in _both(pair)
        )
    figures["parts upside down"] = _let_through(
        (aligner(np.ascontiguousarray(picture[::-1, ::-1])), f"{_kind(picture, pair)} {pair.name}")
        for aligner, pair in zip(aligners, pairs, strict=True)
        for picture in _both(pair)
    )
    return figures


def _both(pair: Pair) -> tuple[Grey, Grey]:
    return pair.reference, pair.part


def _kind(picture: Grey, pair: Pair) -> str:
    return "good" if picture is pair.reference else "bad"


def _timed(aligner: Aligner, part: Grey) -> tuple[Trial, Aligned | Misfit]:
    begun = time.process_time()
    found = aligner(part)
    cpu_ms = (time.process_time() - begun) * 1e3
    if isinstance(found, Misfit):
        return Trial(0.0, math.nan, math.nan, cpu_ms, found.why), found
    return Trial(found.fit, math.nan, math.nan, cpu_ms, "still" if found.pose.still else ""), found


def _summary(trials: Sequence[Trial]) -> dict[str, object]:
    refused = [one.why for one in trials if one.fit == 0.0]
    said: dict[str, object] = {"n": len(trials), "refused": len(refused), "why": sorted(set(refused))[:5]}
    said["not resampled"] = sum(one.why == "still" for one in trials)
    for name, values in (
        ("fit", [t.fit for t in trials if t.fit]),
        ("off_px", [t.off_px for t in trials if np.isfinite(t.off_px)]),
        ("across_px", [t.across_px for t in trials if np.isfinite(t.across_px)]),
        ("cpu_ms", [t.cpu_ms for t in trials]),
    ):
        if values:
            shares = dict(zip(("min", "p1", "p50", "p99", "max"), (0, 0.01, 0.5, 0.99, 1), strict=True))
            said[name] = {key: round(float(np.quantile(values, share)), 3) for key, share in shares.items()}
    return said


def _let_through(found: Iterator[tuple[Aligned | Misfit, str]]) -> dict[str, object]:
    tried = list(found)
    through = [f"{name}: fit {one.fit:.2f}" for one, name in tried if isinstance(one, Aligned)]
    good = sum(name.startswith("good") for name in through)
    return {"tried": len(tried), "let through": len(through), "good parts among them": good, "which": through[:10]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--split", choices=("trainval", "test"), default="trainval")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=None, help="write the figures there as well")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    figures = measure(read_pairs(options.split, options.pairs, options.seed), options.seed)
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json is not None:
        options.json.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
