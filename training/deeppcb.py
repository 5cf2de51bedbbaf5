"""Makes the two DeepPCB detectors, plain and reference-guided, from ../shared alone.

    python -m training.deeppcb --kind guided|plain --out DIR [--shared DIR] [--hours H]
                               [--start PT | --go-on PT --seed N]

Never sees the test split: the pairs come from trainval.txt, and of these two whole board groups
are held out (`HELD_OUT`), on which thresholds are calibrated and the model is validated.
DeepPCB's licence: its LICENSE is MIT, its README says "You can only use this dataset for
research purpose"; a model made here is under both and under Ultralytics' AGPL-3.0.
"""

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from agent.errors import OkngError
from agent.station.cameras.virtual.boards import draw_board
from agent.station.cameras.virtual.defects import LABELS
from agent.station.cameras.virtual.layout import Layout, draw_layout
from training.bridges import bridged
from training.bundled_model import drawn_start
from training.fit import STILL, Fit, fit
from training.pairs import Defect, Pair, Variety, varied, write, write_data_yaml
from training.processes import processes

HELD_OUT = ("group77000", "group50600")
"""Board groups of trainval.txt that are trained on never: validation, and the calibration of thresholds."""
KINDS = ("guided", "plain")
AGAINST_ITSELF = 0.04
"""Share of real pairs of which the training picture is the reference against itself."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one of the detectors is made."""

    guided: bool
    real: int
    """Training pictures made from real pairs, each pair in turn."""
    drawn_layouts: int
    drawn_each: int
    """Drawn boards a layout: layouts that no real board shows, for boards never seen."""
    drawn_seed: int
    variety: Variety
    bridged: float = 0.0
    """Share of the pictures that get one more short, a wide one (`training.bridges`)."""
    epochs: int = 2
    rate: float = 0.001
    batch: int = 8
    seed: int = 1


EXTRA: dict[str, object] = {**STILL, "cls": 1.0, "flipud": 0.5, "fliplr": 0.5}
"""The class counts twice as much as usual: the authors' score asks for a loose box and the right class."""
RISE_STEPS = 50
MANY_SHARE = 0.8
"""The raw head is the one that is used."""

RECIPES = {
    "guided": Recipe(True, 8000, 600, 4, 400_000, Variety(zoomed=0.25, etched=0.3), bridged=0.25),
    "plain": Recipe(False, 8000, 900, 4, 420_000, Variety(zoomed=0.4, zoom=0.25, gain=0.3, etched=0.2), bridged=0.25),
}
"""Of the measured models, that went on for a second run with `--go-on` and `--seed 2`: docs/training.md."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of DeepPCB's lists."""

    group: str
    part: Path
    reference: Path
    truth: Path

    def read(self) -> Pair:
        """The pair's pictures and its defects."""
        grey = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (self.part, self.reference)]
        if grey[0] is None or grey[1] is None:
            raise OkngError(f"{self.part} or {self.reference}: no picture that can be read")
        rows = [[int(word) for word in row.split()] for row in self.truth.read_text().splitlines() if row.strip()]
        defects = tuple(Defect(row[4] - 1, (row[0], row[1], row[2], row[3])) for row in rows)
        return Pair(self.part.stem, grey[0].astype(np.uint8), grey[1].astype(np.uint8), defects)


def listed(folder: Path) -> tuple[Listed, ...]:
    """The pairs of trainval.txt. Raises OkngError where it is not there."""
    names, found = folder / "trainval.txt", []
    if not names.is_file():
        raise OkngError(f"{names}: no such file; --shared names the folder with data/deeppcb in it")
    for row in names.read_text().splitlines():
        picture, truth = row.split()
        stem = picture.removesuffix(".jpg")
        found.append(
            Listed(row.split("/")[0], folder / f"{stem}_test.jpg", folder / f"{stem}_temp.jpg", folder / truth)
        )
    return tuple(found)


@lru_cache(maxsize=4)
def _layout(seed: int) -> Layout:
    return draw_layout(seed)


def drawn_pair(seed: int, number: int) -> Pair:
    """A drawn board beside its layout."""
    layout = _layout(seed)
    rng = np.random.default_rng((seed, number, 3))
    board = draw_board(layout, rng, bad=bool(rng.random() < 0.8))
    more = draw_board(layout, rng, bad=True) if board.truth else board
    richer = more if len(more.truth) > len(board.truth) else board
    defects = tuple(Defect(LABELS.index(t.label), t.box) for t in richer.truth)
    return Pair(f"drawn{seed}_{number}", richer.pixels, layout.pixels, defects)


def _make_real(job: tuple[Recipe, Path, int, Listed]) -> None:
    recipe, folder, number, row = job
    cv2.setNumThreads(1)
    rng = np.random.default_rng((recipe.seed, number))
    pair = row.read()
    if rng.random() < AGAINST_ITSELF:
        pair = Pair(pair.name, pair.reference, pair.reference, ())
    elif rng.random() < recipe.bridged:
        pair = bridged(pair, LABELS.index("short"), rng)
    write(folder, "train", f"{pair.name}_{number}", varied(pair, recipe.variety, rng), recipe.guided)


def _make_drawn(job: tuple[Recipe, Path, int]) -> None:
    recipe, folder, seed = job
    cv2.setNumThreads(1)
    for number in range(recipe.drawn_each):
        pair = drawn_pair(seed, number)
        rng = np.random.default_rng((seed, number, 4))
        if rng.random() < recipe.bridged:
            pair = bridged(pair, LABELS.index("short"), rng)
        write(folder, "train", pair.name, varied(pair, recipe.variety, rng), recipe.guided)


def make_data(recipe: Recipe, rows: Sequence[Listed], folder: Path) -> Path:
    """Draws the training pictures (and 60 held-out ones for Ultralytics' own validation); gives data.yaml."""
    shutil.rmtree(folder, ignore_errors=True)
    trained = [row for row in rows if row.group not in HELD_OUT]
    held = [row for row in rows if row.group in HELD_OUT]
    for row in held[::5]:
        pair = row.read()
        write(folder, "val", pair.name, pair, recipe.guided)
        write(folder, "val", f"{pair.name}_ok", Pair(pair.name, pair.reference, pair.reference, ()), recipe.guided)
    real = [(recipe, folder, n, trained[n % len(trained)]) for n in range(recipe.real)]
    drawn = [(recipe, folder, recipe.drawn_seed + n) for n in range(recipe.drawn_layouts)]
    with processes() as pool:
        for _ in pool.map(_make_real, real, chunksize=50):
            pass
        for _ in pool.map(_make_drawn, drawn, chunksize=5):
            pass
    return write_data_yaml(folder, LABELS)


def fold_first(start: Path, to: Path) -> Path:
    """Weights of a detector of grey pictures made to look at the first channel alone: the guided one's start.

    It finds then what it found before, and learns to use the reference and the difference.
    """
    import torch

    kept = torch.load(start, map_location="cpu", weights_only=False)
    for name in ("model", "ema"):
        if kept.get(name) is not None:
            first = kept[name].model[0].conv.weight
            with torch.no_grad():
                folded = torch.zeros_like(first)
                folded[:, 0] = first.float().sum(dim=1).to(first.dtype)
                first.copy_(folded)
    torch.save(kept, to)
    return to


@dataclass(frozen=True, slots=True)
class Start:
    """What a run starts from."""

    weights: Path
    of_kind: bool = False
    """An earlier run's of the same detector, to be trained further; else weights for grey boards."""


def make(
    kind: str, shared: Path, out: Path, begin: Start | None = None, hours: float | None = None, seed: int | None = None
) -> Path:
    """One of the detectors, as weights (.pt) in folder `out`; goes on where it was cut off.

    `begin`: None makes weights for grey boards first, from the COCO warm start of `shared` and drawn boards alone
    (`training.bundled_model`, about an hour more). `seed`: other pictures from the same pairs than the recipe's.
    """
    recipe, out = RECIPES[kind], out.resolve()
    recipe = recipe if seed is None else replace(recipe, seed=seed, drawn_seed=recipe.drawn_seed + 1000 * seed)
    out.mkdir(parents=True, exist_ok=True)
    rows = listed((shared / "data/deeppcb").resolve())
    if begin is None:
        begin = Start(drawn_start((shared / "models/coco/yolo26n-warmstart.pt").resolve(), out / "start"))
    data = out / "data/data.yaml"
    if not data.exists():
        make_data(recipe, rows, out / "data")
    start = begin.weights
    if recipe.guided and not begin.of_kind:
        start = fold_first(start, out / "start.pt")
    done = fit(planned(recipe, data, start, out / "run", hours), lambda line: print(line, flush=True))
    shutil.copyfile(done.weights, out / "last.pt")
    told = {
        "recipe": asdict(recipe),
        "held_out": HELD_OUT,
        "pairs": sum(row.group not in HELD_OUT for row in rows),
        "start": "the same detector" if begin.of_kind else "grey boards",
        "start_sha256": hashlib.sha256(start.read_bytes()).hexdigest(),
        "epochs": done.epochs,
        "seconds": done.seconds,
        "command": done.command,
    }
    (out / "made.json").write_text(json.dumps(told, indent=1) + "\n")
    return out / "last.pt"


def planned(recipe: Recipe, data: Path, start: Path, out: Path, hours: float | None) -> Fit:
    """The recipe's training run; `hours` instead of the recipe's epochs, where given."""
    return Fit(
        data, start, out, epochs=100 if hours else recipe.epochs, hours=hours, batch=recipe.batch, rate=recipe.rate,
        seed=recipe.seed, rise_steps=RISE_STEPS, many_share=MANY_SHARE, extra=EXTRA,
    )  # fmt: skip


def main() -> None:
    """Draws the training pictures, trains, and leaves the weights."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--kind", choices=KINDS, required=True)
    ask.add_argument("--out", type=Path, required=True)
    ask.add_argument("--shared", type=Path, default=Path("../shared"))
    starts = ask.add_mutually_exclusive_group()
    starts.add_argument("--start", type=Path, help="weights for grey boards; default: made first, from drawn boards")
    starts.add_argument("--go-on", type=Path, help="an earlier run's last.pt of the same kind, trained further")
    ask.add_argument("--seed", type=int, default=None, help="other pictures of the same pairs than the recipe's")
    ask.add_argument("--hours", type=float, default=None, help="training time; default: the recipe's two epochs")
    told = ask.parse_args()
    begin = Start(told.go_on, of_kind=True) if told.go_on else Start(told.start) if told.start else None
    print(make(told.kind, told.shared, told.out, begin, told.hours, told.seed))


if __name__ == "__main__":
    main()
