"""FP32 graphs to INT8 by nncf's post-training quantisation, with as much kept in floating point as it takes.

Box distances of a raw head do not bear INT8 (11 points of mAP50-95 were lost on real boards): the box
branch and the decoding always stay in floating point. Where that is not enough, more layers are kept,
group by group, each tried against the floating point model on pictures that it was not calibrated on.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from training.compact import compact, save_small
from training.export import Exported, write_metadata
from training.measure import Score

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Keep:
    """What stays in floating point."""

    name: str
    says: str
    groups: tuple[str, ...]
    """Of GROUPS, beside the box branch and the decoding."""


KEEPS = (
    Keep("boxes", "the head's box branch and decoding in floating point", ()),
    Keep("scores", "also the last convolutions of its score branch", ("last scores",)),
    Keep("head", "the whole head and the first convolution", ("scores", "first")),
    Keep("neck", "also the blocks that the head looks at", ("scores", "first", "neck")),
)
"""From the smallest file to the largest; the first that loses no more than allowed is taken."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """How much INT8 may lose against FP32, as shares (0.003 is 0.3 points)."""

    map50: float = 0.003
    map50_95: float = 0.01

    def exceeded(self, got: Score, exact: Score) -> float:
        """By how much the worse of the two limits is exceeded; 0 and below: it fits."""
        lost50, lost50_95 = exact.map50 - got.map50, exact.map50_95 - got.map50_95
        return round(max(lost50 - self.map50, lost50_95 - self.map50_95), 9)


@dataclass(frozen=True, slots=True)
class Quantised:
    """An INT8 graph and how it was made."""

    graph: Path
    """The IR's .xml, its weights beside it."""
    keep: Keep
    unquantised_operations: int
    pictures: int

    def settings(self) -> dict[str, Any]:
        """For the manifest's figures."""
        return {
            "method": "post-training, preset MIXED, kept tensors stored as FP16",
            "calibration_pictures": self.pictures,
            "unquantised": self.keep.says,
            "unquantised_operations": self.unquantised_operations,
        }


def unquantised(model: Any, groups: Sequence[str] = ()) -> list[str]:
    """Operations of an exported graph kept in floating point: the box branch, the decoding, and the groups.

    Shared activations carry the name of the last layer that used them, whichever layer they follow:
    they are left to nncf. Raises OkngError where the graph has no head as Ultralytics exports it.
    """
    names = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() != "Constant"]
    scored = [name for name in names if ".cv3." in name and "Convolution" in name]
    if not scored:
        raise OkngError("the graph has no score branch (cv3): not a raw head that Ultralytics exported")
    head = scored[-1].split(".cv3.")[0]
    number = int(head.rpartition(".")[2])
    starts = [f"{head}/", f"{head}.cv2.", f"{head}.dfl"]
    if "scores" in groups:
        starts.append(f"{head}.cv3.")
    elif "last scores" in groups:
        starts += [f"{head}.cv3.{level}.2/" for level in range(8)]
    root = head.rpartition(".")[0]
    if "first" in groups:
        starts.append(f"{root}.0.")
    if "neck" in groups:
        starts += [f"{root}.{number - 1}.", *(f"{root}.{i}." for i in _feeding(names, root, number))]
    return [name for name in names if name.startswith(tuple(starts)) and ".act/" not in name]


def _feeding(names: Sequence[str], root: str, head: int) -> list[int]:
    """Numbers of the last three blocks with convolutions inside: those that the head looks at."""
    known = {int(name.removeprefix(f"{root}.").split(".")[0].split("/")[0]) for name in names if name.startswith(root)}
    blocks = {i for i in known if any(name.startswith(f"{root}.{i}.m.") for name in names)}
    return sorted(i for i in blocks if i < head)[-3:]


def quantise(source: Path, target: Path, pictures: Iterable[Any], keep: Keep = KEEPS[0]) -> Quantised:
    """INT8 of the graph `source` (.xml) as `target` (.xml).

    `pictures`: network inputs, (1, 3, height, width), of the training split alone.
    """
    import nncf
    import openvino as ov  # type: ignore[import-untyped]

    nncf.set_log_level(logging.ERROR)
    model = ov.Core().read_model(source)
    ignored, given = unquantised(model, keep.groups), list(pictures)
    if not given:
        raise OkngError("quantisation needs at least one calibration picture")
    made = nncf.quantize(
        model,
        nncf.Dataset(given),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(given),
        ignored_scope=nncf.IgnoredScope(names=ignored),
    )
    compact(made)
    save_small(made, target)
    return Quantised(target, keep, len(ignored), len(given))


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of the search, and what it lost against the floating point graph."""

    quantised: Quantised
    score: Score
    lost50: float
    lost50_95: float
    fits: bool
    seconds: float

    def __str__(self) -> str:
        lost = f"mAP50 {100 * self.lost50:.2f} and mAP50-95 {100 * self.lost50_95:.2f} points lost"
        return f"INT8, {self.quantised.keep.says}: {lost}{'' if self.fits else ': too much'}"

    def as_json(self) -> dict[str, Any]:
        return {
            "keep": self.quantised.keep.name,
            "settings": self.quantised.settings(),
            "score": self.score.as_json(),
            "lost_map50": round(self.lost50, 5),
            "lost_map50_95": round(self.lost50_95, 5),
            "fits": self.fits,
            "seconds": self.seconds,
        }


def search(
    exported: Exported,
    to: Path,
    side_px: int,
    pictures: Sequence[Any],
    exact: Score,
    measure: Callable[[Path], Score],
    allowed: Allowed = Allowed(),
    say: Say = print,
    keeps: Sequence[Keep] = KEEPS,
) -> list[Tried]:
    """Tries what to keep in floating point until INT8 loses no more than allowed against `exact`.

    `measure` gives a graph's score on pictures held out of the training. In the order of trial; where the
    last one does not fit, none does.
    """
    tried: list[Tried] = []
    for keep in keeps:
        began = time.monotonic()
        made = quantise(exported.f32, to / keep.name / "model.xml", pictures, keep)
        seconds = round(time.monotonic() - began, 1)
        write_metadata(made.graph.parent, exported.labels, side_px)
        got = measure(made.graph)
        fits = allowed.exceeded(got, exact) <= 0
        tried.append(Tried(made, got, exact.map50 - got.map50, exact.map50_95 - got.map50_95, fits, seconds))
        say(str(tried[-1]))
        if fits:
            break
    return tried
