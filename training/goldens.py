"""Chooses a bundle's golden pictures: clear cases, on which the INT8 and the exact graph say the same.

Held-out pictures, parts with one defect and references are looked at by both graphs. A picture with any score
nearer to its threshold than devices may differ is none; of the others those are taken that show most labels,
and one on which there is nothing. Where no clear picture shows a defect (every part has several, and one of them
is always near its threshold), the doubtful places of a part are covered with grey: a golden picture asks for the
same answer on every device, not for a whole part.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import cv2

from agent.errors import OkngError
from agent.station.models.bundle import Bundle
from agent.station.models.golden import MOST_SCORE_APART
from pipelines.values import Detection, Pixels
from training.datasets.values import Dataset, Picture
from training.evaluate.eye import Eye, Shown, open_eye, plain_recipe
from training.evaluate.shown import as_they_are, golden, one_defect
from training.measure import known

COUNT = 4
LOOKED_AT = 120
"""Candidates at most."""
CLEAR = MOST_SCORE_APART + 0.03
"""Least distance of every score from its threshold."""
ALIKE = 0.06
"""Most that the two graphs' scores of one defect may differ."""

COVERED_PX = 12
"""Covered round a doubtful place."""
GREY = 114
"""Of the cover: the letterbox border's, which every detector has seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Clear:
    """A picture that may be a golden one."""

    pixels: Pixels
    reference: Pixels | None
    labels: frozenset[str]


def choose(
    int8: Bundle, exact: Bundle, thresholds: Mapping[str, float], dataset: Dataset, split: str, to: Path
) -> list[Path | tuple[Path, Path]]:
    """Writes the golden pictures (PNG) below `to`, with their references where the model is guided.

    Raises OkngError where no picture is clear enough.
    """
    floor = min(thresholds.values()) / 2
    one = open_eye(int8, plain_recipe(int8), precision="f32").at(floor)
    other = open_eye(exact, plain_recipe(exact), precision="f32").at(floor)
    guided = int8.facts.pipeline == "guided"
    clear: list[Clear] = []
    for shown in chain(_candidates(dataset, split), _covered(clear, one, other, thresholds, dataset, split)):
        if (labels := _clear_labels(one, other, shown, thresholds)) is not None:
            clear.append(Clear(shown.pixels, shown.reference if guided else None, labels))
        if len({label for c in clear for label in c.labels}) == len(thresholds) and len(clear) >= 4 * COUNT:
            break
    if not clear:
        raise OkngError(
            f"none of {LOOKED_AT} held-out pictures is clear enough for a golden one: every one has a score within "
            f"{CLEAR:g} of its threshold ({', '.join(f'{k} {v:g}' for k, v in thresholds.items())})"
        )
    return [_write(c, to, number) for number, c in enumerate(_most_labels(clear), start=1)]


def _candidates(dataset: Dataset, split: str) -> Iterator[Shown]:
    """Bad parts, good parts and one-defect parts in turns, so that a few of each come early."""
    there = known(dataset, split, LOOKED_AT // 2)
    bad = [p for p in there if p.boxes]
    empty = [p for p in there if not p.boxes]
    rows: list[Iterator[Shown]] = [as_they_are(dataset, bad), _good(dataset, empty, bad)]
    if any(p.reference is not None for p in bad):
        rows.append(one_defect(dataset, split, LOOKED_AT // 6))
    looked_at = 0
    while rows and looked_at < LOOKED_AT:
        for row in tuple(rows):
            shown = next(row, None)
            if shown is None:
                rows.remove(row)
                continue
            looked_at += 1
            yield shown


def _covered(
    clear: Sequence[Clear], one: Eye, other: Eye, thresholds: Mapping[str, float], dataset: Dataset, split: str
) -> Iterator[Shown]:
    """The bad parts with what is doubtful on them covered; none once a clear picture shows a defect."""
    for shown in as_they_are(dataset, [p for p in known(dataset, split, LOOKED_AT // 2) if p.boxes]):
        if any(c.labels for c in clear):
            return
        pixels = shown.pixels.copy()
        for d in (d for eye in (one, other) for d in eye.see(shown).found):
            if abs(d.score - thresholds[d.label]) < CLEAR + ALIKE:
                x1, y1 = max(0, int(d.x1) - COVERED_PX), max(0, int(d.y1) - COVERED_PX)
                pixels[y1 : int(d.y2) + COVERED_PX, x1 : int(d.x2) + COVERED_PX] = GREY
        yield replace(shown, pixels=pixels)


def _good(dataset: Dataset, empty: Sequence[Picture], bad: Sequence[Picture]) -> Iterator[Shown]:
    return chain(as_they_are(dataset, empty), golden(dataset, bad))


def _clear_labels(one: Eye, other: Eye, shown: Shown, thresholds: Mapping[str, float]) -> frozenset[str] | None:
    """The labels that count on the picture; None where it is no clear case."""
    seen = [eye.see(shown) for eye in (one, other)]
    if any("error" in s.why or "misaligned" in s.why for s in seen):
        return None
    counting: list[list[Detection]] = []
    for s in seen:
        if any(abs(d.score - thresholds[d.label]) < CLEAR for d in s.found):
            return None
        counting.append(sorted((d for d in s.found if d.score >= thresholds[d.label]), key=lambda d: (d.label, d.x1)))
    first, second = counting
    if [d.label for d in first] != [d.label for d in second]:
        return None
    if any(abs(a.score - b.score) > ALIKE for a, b in zip(first, second, strict=True)):
        return None
    return frozenset(d.label for d in first)


def _most_labels(clear: Sequence[Clear]) -> list[Clear]:
    """At most `COUNT`: one good part where there is one, then whichever adds most labels."""
    taken = [c for c in clear if not c.labels][:1]
    left = [c for c in clear if c.labels]
    shown: set[str] = set()
    while left and len(taken) < COUNT:
        best = max(left, key=lambda c: len(c.labels - shown))
        left.remove(best)
        taken.append(best)
        shown |= best.labels
    return taken


def _write(clear: Clear, to: Path, number: int) -> Path | tuple[Path, Path]:
    files = [to / f"golden-{number}.png"]
    _save(files[0], clear.pixels)
    if clear.reference is None:
        return files[0]
    files.append(to / f"golden-{number}-reference.png")
    _save(files[1], clear.reference)
    return files[0], files[1]


def _save(file: Path, pixels: Pixels) -> None:
    written, data = cv2.imencode(".png", pixels)
    if not written:
        raise OkngError(f"{file}: OpenCV could not encode the picture")
    file.write_bytes(data.tobytes())
