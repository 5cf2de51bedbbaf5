"""Which pictures are the same, or nearly: exact by a hash of the pixels, nearly by a hash of what they look like.

Nearly the same is one exposure twice: saved anew, scaled, brighter, softer, turned or mirrored. Two parts of
one product are not, however alike: somewhere they differ by more than a copy does (an edge a pixel off, a
defect, a mark), and that place is looked for. Candidates come from the signs of the 8 x 8 lowest frequencies
of a 32 x 32 thumbnail (after Zauner 2010, "pHash"), in all 8 symmetries; they are compared at 256 x 256.
What was measured: docs/datasets.md.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.station.cameras.decode import read_picture
from pipelines.values import Pixels

MOST_BITS = 8
"""Of 63: candidates differ by at most so many."""
MOST_DIFFERENCE = 0.08
"""Largest local difference of two copies, as a share of the picture's own contrast."""
NEAREST = 8
"""Candidates compared for each picture: in a set of one product all pictures may be candidates."""
_SIDE = 256
_LEAST_CONTRAST = 3.0
"""Standard deviation in grey levels; below it a picture looks like every other flat one."""
Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Print:
    """What is remembered of a picture."""

    sha256: str
    """Over size and pixels, BGR; hex. Empty where the picture cannot be read."""
    looks: tuple[int, ...]
    """63 bits in each of the 8 symmetries, the picture as it is first; empty for a flat picture."""
    width_px: int = 0
    height_px: int = 0
    fault: str = ""
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two pictures that are nearly the same."""

    one: int
    other: int
    """Places in what was compared."""
    difference: float
    """Largest local difference, share of the contrast."""
    turned: bool
    """One is the other turned or mirrored."""


def print_of(file: Path) -> Print:
    """Reads one picture; a fault stands in the print."""
    read = read_picture(file)
    if read.fault is not None:
        return Print("", (), fault=read.note)
    height, width = read.pixels.shape[:2]
    body = hashlib.sha256(f"{width}x{height}\n".encode())
    body.update(np.ascontiguousarray(read.pixels).data)
    return Print(body.hexdigest(), looks(read.pixels), width, height)


def looks(pixels: Pixels) -> tuple[int, ...]:
    """The 8 perceptual hashes of a picture, (height, width, 3) BGR."""
    grey = cv2.resize(_grey(pixels), (32, 32), interpolation=cv2.INTER_AREA)
    if float(grey.std()) < _LEAST_CONTRAST:
        return ()
    low: Grey = np.asarray(cv2.dct(grey)[:8, :8], np.float32)
    return tuple(_bits(one) for one in _symmetries_of_frequencies(low))


def _grey(pixels: Pixels) -> Grey:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.float32)


def _symmetries_of_frequencies(low: Grey) -> Iterator[Grey]:
    """A mirrored picture's odd frequencies along that axis change their sign (DCT-II)."""
    odd = np.where(np.arange(low.shape[0]) % 2, -1, 1)
    for turned in (low, low.T):
        for across in (1, odd):
            for down in (1, odd):
                yield turned * np.broadcast_to(across, 8)[None, :] * np.broadcast_to(down, 8)[:, None]


def _symmetries(grey: Grey) -> Iterator[Grey]:
    """In the order of `_symmetries_of_frequencies`."""
    for turned in (grey, grey.T):
        for across in (1, -1):
            for down in (1, -1):
                yield turned[::down, ::across]


def _bits(low: Grey) -> int:
    return int.from_bytes(np.packbits(low.ravel()[1:] > 0).tobytes(), "big")


def alike(files: Sequence[Path], prints: Sequence[Print], kinds: Sequence[str] | None = None) -> Iterator[Alike]:
    """The pairs that are nearly, but not exactly, the same.

    `kinds`: only pictures of different ones (splits) are compared; none: all with all.
    """
    known = [i for i, one in enumerate(prints) if one.looks]
    if len(known) < 2:
        return
    each = np.array([kinds[i] if kinds is not None else str(i) for i in known])
    names, counts = np.unique(each, return_counts=True)
    largest = names[counts.argmax()] if kinds is not None else ""
    turned = np.array([prints[i].looks for i in known], np.uint64)
    thumbs, done = _Thumbs(files), set[tuple[int, int]]()
    for row in np.flatnonzero(each != largest).tolist():
        bits = np.bitwise_count(turned[row, 0] ^ turned)
        nearest, symmetry = bits.min(axis=1), bits.argmin(axis=1)
        near = np.flatnonzero((nearest <= MOST_BITS) & (each != each[row]))
        for c in near[np.argsort(nearest[near], kind="stable")][:NEAREST].tolist():
            i, j = known[row], known[c]
            if (j, i) in done or prints[i].sha256 == prints[j].sha256:
                continue
            done.add((i, j))
            if (apart := thumbs.difference(i, j, int(symmetry[c]))) <= MOST_DIFFERENCE:
                yield Alike(i, j, apart, bool(symmetry[c]))


def twins(files: Sequence[Path]) -> list[tuple[int, int]]:
    """Places of the files that are the same or nearly the same: what must not be parted."""
    prints = [print_of(file) for file in files]
    first: dict[str, int] = {}
    same = [(first.setdefault(one.sha256, i), i) for i, one in enumerate(prints) if one.sha256]
    return [pair for pair in same if pair[0] != pair[1]] + [(a.one, a.other) for a in alike(files, prints)]


class _Thumbs:
    """Small pictures, the last ones remembered."""

    def __init__(self, files: Sequence[Path], most: int = 256) -> None:
        self._files, self._most = files, most
        self._kept: dict[int, Grey] = {}

    def difference(self, i: int, j: int, symmetry: int) -> float:
        """`difference` of one picture and another that is turned by one of the symmetries."""
        return difference(self._thumb(i), list(_symmetries(self._thumb(j)))[symmetry])

    def _thumb(self, i: int) -> Grey:
        if i not in self._kept:
            if len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[i] = thumb(read_picture(self._files[i]).pixels)
        return self._kept[i]


def apart(one: Pixels, other: Pixels) -> tuple[int, float]:
    """(bits between the hashes, `difference`) of two pictures, in the symmetry whose hash is nearest."""
    a, b = looks(one), looks(other)
    if not a or not b:
        return 63, 1.0
    bits = [(a[0] ^ turned).bit_count() for turned in b]
    nearest = min(range(len(bits)), key=bits.__getitem__)
    return bits[nearest], difference(thumb(one), list(_symmetries(thumb(other)))[nearest])


def thumb(pixels: Pixels) -> Grey:
    """(256, 256), a little softened, so that a copy's own blur or scaling counts for less."""
    small = cv2.resize(_grey(pixels), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5), np.float32)


def difference(one: Grey, other: Grey) -> float:
    """Largest difference anywhere (5 x 5 mean), after matching gain and offset; 1 is the whole contrast.

    Contrast is the span from the 2nd to the 98th percentile.
    """
    a, b = one.ravel() - one.mean(), other.ravel() - other.mean()
    spread = float(b @ b)
    gain = float(a @ b) / spread if spread > 0 else 0.0
    if gain <= 0:
        return 1.0
    low, high = np.percentile(one, (2, 98))
    apart = cv2.blur(np.abs(a - gain * b).reshape(one.shape), (5, 5))
    return min(1.0, float(apart.max()) / max(float(high - low), 1.0))
