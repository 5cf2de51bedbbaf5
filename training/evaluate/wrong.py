"""Parts held against a reference that is not theirs: nothing may be OK by it.

Another product's reference; the most alike of the same group; the part's own, shifted by one whole
pitch of its tracks, where a method that only looks for likeness may settle; and shifted by whole
pitches beyond what the recipe lets a part lie off, so that the true place is out of reach and every
likely one is false.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.values import Outcome, Pixels
from training.datasets.values import Dataset, Picture
from training.evaluate.eye import Eye, Shown, pixels_of
from training.evaluate.perturb import warped

LEAST_PITCH_PX = 8
MOST_PITCH_PX = 200
LEAST_LIKENESS = 0.05
"""How far a peak of the autocorrelation must stand out; below it a reference is not periodic."""
NEARLY = 0.85
_SMALL_PX = 80


@dataclass(frozen=True, slots=True)
class Pitch:
    """A reference's own period."""

    right_px: int
    down_px: int
    """One of them is 0."""
    likeness: float
    """How far the autocorrelation of its edges stands out there, 0..2."""


@dataclass(frozen=True, slots=True)
class WrongReference:
    """Verdicts under references that are not the part's; the parts are bad ones, so that OK is never right."""

    outcomes: Mapping[str, Mapping[str, int]]
    """What the reference was -> outcome -> parts."""
    left_out: Mapping[str, int]
    """What the reference was -> parts for which there is none (no period, no other group)."""
    ok: int
    """Parts that were OK under any of them."""
    parts: int


def wrong_references(eye: Eye, dataset: Dataset, pictures: Sequence[Picture], seed: int) -> WrongReference:
    """Judge each part with a reference under each of the wrong ones. Raises EngineFailed, OkngError."""
    parts = [p for p in pictures if p.reference is not None]
    shift = eye.recipe.reference.max_shift_px if eye.recipe.reference is not None else 0.0
    others, alike = _others(parts, seed), _most_alike(parts)
    kinds: dict[str, Callable[[int, Pixels], Pixels | None]] = {
        "another group's": lambda i, _: _read(others[i]),
        "the most alike of its group": lambda i, _: _read(alike[i]),
        "its own, one pitch off": lambda _, own: _off(own, 0.0),
        "its own, whole pitches out of reach": lambda _, own: _off(own, shift),
    }
    outcomes = {kind: dict.fromkeys((o.value for o in Outcome), 0) for kind in kinds}
    left_out, ever_ok = dict.fromkeys(kinds, 0), 0
    for i, picture in enumerate(parts):
        pixels, own, verdicts = pixels_of(picture.file), _read(picture.reference), []
        for kind, wrong in kinds.items():
            reference = None if own is None else wrong(i, own)
            if reference is None:
                left_out[kind] += 1
                continue
            outcome = eye.see(Shown(dataset.name(picture.file), pixels, reference=reference)).outcome
            outcomes[kind][outcome.value] += 1
            verdicts.append(outcome)
        ever_ok += Outcome.OK in verdicts
    return WrongReference(outcomes, left_out, ever_ok, len(parts))


def _read(file: Path | None) -> Pixels | None:
    return None if file is None else pixels_of(file)


def _off(own: Pixels, beyond_px: float) -> Pixels | None:
    """Shifted by the fewest whole pitches that are more than `beyond_px`; None without a period."""
    found = pitch(own)
    if found is None:
        return None
    length = found.right_px + found.down_px
    times = int(beyond_px // length) + 1
    return warped(own, np.array([[1, 0, found.right_px * times], [0, 1, found.down_px * times]], np.float64))


def pitch(reference: Pixels) -> Pitch | None:
    """The strongest period of a picture along x or y, by autocorrelation; None: there is none."""
    grey = cv2.cvtColor(reference, cv2.COLOR_BGR2GRAY).astype(np.float32)
    # Signed edges across the shift: a track's second edge is the opposite of its first, the next track's
    # first is alike.
    right = _peak(_alike(np.asarray(cv2.Sobel(grey, cv2.CV_32F, 1, 0), np.float32), axis=1), grey.shape[1])
    down = _peak(_alike(np.asarray(cv2.Sobel(grey, cv2.CV_32F, 0, 1), np.float32), axis=0), grey.shape[0])
    if max(right[1], down[1]) < LEAST_LIKENESS:
        return None
    return Pitch(right[0], 0, right[1]) if right[1] >= down[1] else Pitch(0, down[0], down[1])


def _alike(slope: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    """Autocorrelation along one axis, by lag; 1 at lag 0."""
    side = slope.shape[axis]
    power = (np.abs(np.fft.rfft(slope, 2 * side, axis)) ** 2).sum(1 - axis)
    alike = np.asarray(np.fft.irfft(power), np.float64)[:side]
    return alike / max(float(alike[0]), 1e-9)


def _peak(alike: NDArray[np.float64], side: int) -> tuple[int, float]:
    """(lag, how far it stands out) of the peak that rises most above what lies before it.

    Above what lies before it: along a long track everything is alike, and that is no period. That less of
    a picture overlaps the farther it is shifted is allowed for.
    """
    most = min(MOST_PITCH_PX, side // 2)
    lags = np.arange(most + 2)
    curve = alike[: most + 2] * side / (side - lags)
    rise = curve - np.minimum.accumulate(curve)
    peaks = (rise[1:-1] >= rise[:-2]) & (rise[1:-1] > rise[2:]) & (lags[1:-1] >= LEAST_PITCH_PX)
    at = np.flatnonzero(peaks) + 1
    if not at.size:
        return 0, 0.0
    # Two pitches are a period too: the first that is nearly as strong as the strongest.
    first = int(at[rise[at] >= NEARLY * rise[at].max()][0])
    return first, float(rise[first])


def _others(parts: Sequence[Picture], seed: int) -> list[Path | None]:
    """For each part the reference of a part of another group, by chance."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(parts))
    return [next((parts[j].reference for j in np.roll(order, -i) if _foreign(parts[j], p)), None)
            for i, p in enumerate(parts)]  # fmt: skip


def _foreign(other: Picture, picture: Picture) -> bool:
    return (
        other.group != picture.group
        and (other.height_px, other.width_px) == (picture.height_px, picture.width_px)
        and other.reference != picture.reference
    )


def _most_alike(parts: Sequence[Picture]) -> list[Path | None]:
    """For each part the reference of its own group that is most like its own, but not the same."""
    small = [_thumbnail(p.reference) for p in parts]
    found: list[Path | None] = []
    for i, picture in enumerate(parts):
        mates = [j for j, p in enumerate(parts) if p.group == picture.group and p.reference != picture.reference
                 and (p.height_px, p.width_px) == (picture.height_px, picture.width_px)]  # fmt: skip
        apart = {j: float(np.abs(small[i] - small[j]).mean()) for j in mates}
        mates = [j for j in mates if apart[j] > 0]
        found.append(parts[min(mates, key=apart.__getitem__)].reference if mates else None)
    return found


def _thumbnail(file: Path | None) -> NDArray[np.float32]:
    pixels = _read(file)
    assert pixels is not None
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA), np.float32)
