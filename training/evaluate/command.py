"""`okng evaluate`: reads what was named, measures, prints, writes the figures and the page."""

import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.atomic import refuse_unwritable, write_atomically
from agent.errors import OkngError
from agent.recipes import read_recipe
from agent.station.models.archive import unpack
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.signing import Trust
from training.datasets.read import read_dataset
from training.evaluate.figures import Asked, Evaluation
from training.evaluate.run import evaluate
from training.evaluate.text import lines


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line; see `Asked`."""

    bundle: Path
    dataset: Path
    kind: str
    recipe: Path | None
    json: Path | None
    page: Path | None
    split: str
    precision: str
    device: str
    threads: int
    limit: int
    seed: int
    one_defect: bool
    perturb: bool
    wrong_reference: bool
    against_difference: bool


def run(wishes: Wishes) -> int:
    """Measure and print. 0: measured, whatever the figures are. Raises OkngError."""
    if wishes.limit < 0 or wishes.threads < 0:
        raise OkngError(f"limit {wishes.limit}, threads {wishes.threads}: both must be 0 or more")
    refuse_unwritable(wishes.json, wishes.page)
    with ExitStack() as stack:
        bundle = _bundle(wishes.bundle, stack)
        done = evaluate(bundle, read_dataset(wishes.dataset, wishes.kind), _asked(wishes), _say)
        for line in lines(done.figures):
            print(line)
        if wishes.json is not None:
            write_atomically(wishes.json, (json.dumps(as_json(done.figures), indent=1) + "\n").encode(), 0o644)
        if wishes.page is not None:
            from training.evaluate.page import page

            write_atomically(wishes.page, page(done).encode(), 0o644)
    return 0


def as_json(figures: Evaluation) -> dict[str, Any]:
    """All figures, ready for a JSON file."""
    return asdict(figures)


def _asked(wishes: Wishes) -> Asked:
    return Asked(
        split=wishes.split,
        precision=wishes.precision,
        device=wishes.device,
        threads=wishes.threads,
        limit=wishes.limit,
        one_defect=wishes.one_defect,
        perturb=wishes.perturb,
        wrong_reference=wishes.wrong_reference,
        against_difference=wishes.against_difference,
        seed=wishes.seed,
        recipe=None if wishes.recipe is None else read_recipe(wishes.recipe),
    )


def _bundle(named: Path, stack: ExitStack) -> Bundle:
    """A bundle's folder, or one that is unpacked for this (whoever signed it: it judges no part)."""
    if named.is_dir():
        return read_bundle(named)
    if not named.is_file():
        raise OkngError(f"{named}: there is no such bundle: wanted its folder, or NAME-VERSION.okng")
    into = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okng-evaluate-")))
    return unpack(named, into, Trust({}, accept_unsigned=True)).bundle


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr)
