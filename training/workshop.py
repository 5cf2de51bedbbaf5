"""`okng train`: from a folder of pictures to a signed bundle, in steps that are made once (`training.work`).

check, pictures, fit, [prune], export, int8, [qat], times, thresholds, evaluation, golden; then the bundle.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from agent.station.models.bundle import Bundle
from training.datasets.blocks import in_blocks
from training.datasets.check import check
from training.datasets.likeness import twins
from training.datasets.options import Options
from training.datasets.read import read_dataset
from training.datasets.split import divide, hold_out, split
from training.datasets.values import Dataset, DatasetRefused
from training.finish import Finished, finish, sentence
from training.halves import Halves, bad_parts, halves
from training.learn import learn
from training.losses import PromiseRefused
from training.order import Order
from training.shop import VAL, Shop, splits_digest
from training.shrink import shrink
from training.starts import as_the_model, judged_by
from training.table import as_markdown, as_text
from training.work import Say, Work

SHARES = {"train": 0.9, VAL: 0.1}


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves."""

    bundle: Bundle
    file: Path
    """NAME-VERSION.okng."""
    table: Path
    """Markdown."""
    weights: Path
    """.pt, for a later training; not in the bundle."""


def run(order: Order, say: Say = print) -> Result:
    """Makes the bundle. Raises OkngError with what is wrong; an interrupted run goes on with `order.resume`."""
    order.check()
    order.out.mkdir(parents=True, exist_ok=True)
    work = Work(order.out / "work" / f"{order.name}-{order.version}", say, resume=order.resume)
    dataset, splits = _dataset(order, work, say)
    held_out = _held_out(dataset, order)
    shop = Shop(order, work, dataset, held_out, splits, say)
    exported, int8, weights = shrink(shop, learn(shop))
    done = finish(shop, exported, int8, weights)
    table = order.out / f"{done.bundle.id}.md"
    table.write_text(_page(shop, done), encoding="utf-8")
    say(f"\n{as_text(shop.rows)}\n")
    for line in (*done.evaluation, done.thresholds.says, "", done.bundle.folder, done.file, table, done.weights):
        say(str(line))
    return Result(done.bundle, done.file, table, done.weights)


def _dataset(order: Order, work: Work, say: Say) -> tuple[Dataset, str]:
    """Read, divided and checked, with `splits_digest` of it. Raises OkngError for errors in it."""
    dataset = read_dataset(order.dataset, order.kind, Options())
    if order.from_review and dataset.kind != "review":
        raise OkngError(f"--from-review: {order.dataset} is a {dataset.kind} data set, no review export of okng")
    if order.from_review:
        dataset = as_the_model(dataset, judged_by(order, dataset).manifest.labels)
    dataset = divided(_with_reference(dataset, order.reference), order)
    file = work.folder / "dataset.json"

    def make(_: Path) -> dict[str, Any]:
        report = check(dataset, order.allow_leak)
        say(str(report))
        file.write_text(json.dumps(report.as_json(), indent=1, default=str) + "\n", encoding="utf-8")
        return {"errors": report.errors, "warnings": report.warnings}

    splits = splits_digest(dataset)
    key = {"dataset": str(dataset.root), "splits": splits, "allow_leak": order.allow_leak}
    errors = work.step("check", key, make).result["errors"]
    if errors:
        what = f"{order.dataset}: {errors} error(s), see above and {file}"
        raise OkngError(f"{what}; pictures that lie in two splits may be allowed by --allow-leak")
    return dataset, splits


def _held_out(dataset: Dataset, order: Order) -> Halves:
    """The held-out pictures in two. Raises OkngError, before hours of training, for what could not be made of them."""
    held_out = halves(dataset, VAL, order.limit, order.confidence, order.seed)
    if not bad_parts(dataset.of(VAL)):
        raise OkngError("no held-out picture has a defect: thresholds cannot be chosen; hold out other groups")
    if order.promise and held_out.calibrating is None:
        raise PromiseRefused(held_out.says)
    return held_out


def _with_reference(dataset: Dataset, reference: Path | None) -> Dataset:
    """Every picture that has no golden picture gets this one."""
    if reference is None:
        return dataset
    file = reference.resolve()
    pictures = tuple(p if p.reference is not None else replace(p, reference=file) for p in dataset.pictures)
    return replace(dataset, pictures=pictures)


def divided(dataset: Dataset, order: Order) -> Dataset:
    """With a split "val": the groups held out, the author's own, or a tenth of the training split by group.

    Raises DatasetRefused where there are too few groups, with how many are needed."""
    if "" in dataset.splits:
        dataset = _by_day(dataset, order) if dataset.kind == "review" else split(dataset, SHARES, order.seed)
    if order.hold_out:
        return hold_out(dataset, order.hold_out)
    if VAL not in dataset.splits:
        return divide(dataset, "train", SHARES, order.seed)
    return dataset


def _by_day(dataset: Dataset, order: Order) -> Dataset:
    """A review export divided by recipe and day; where there is one such group only by blocks of it, twins together."""
    blocks = in_blocks(dataset)
    if blocks is dataset:
        return split(dataset, SHARES, order.seed)
    together = () if order.allow_leak else twins([picture.file for picture in blocks.pictures])
    with suppress(DatasetRefused):
        return split(blocks, SHARES, order.seed, together)
    return split(blocks, SHARES, order.seed)  # everything is like everything: the check names it, as a leak


def _page(shop: Shop, done: Finished) -> str:
    """The Markdown file beside the bundle."""
    o = shop.order
    held, choosing = len(shop.dataset.of(VAL)), len(shop.held_out.choosing.of(VAL))
    measured = min(o.measured or choosing, choosing)
    others = " The promise is made on others." if shop.held_out.calibrating is not None else ""
    how = (
        f"Measured on {measured} of {held} held-out pictures, through the station's engine and look.{others} ms: "
        "median of one inference on this machine's CPU (OpenVINO), all rows in turns on the same pictures. Parts "
        "right: at the one threshold that suits these very pictures best, an upper bound alike for every row."
    )
    told = "\n".join(f"    {line}" for line in done.evaluation)
    command = shop.facts["fit"]["command"]
    return (
        f"# {done.bundle.id}\n\n{o.data or sentence(shop.dataset)}\n\n{how}\n\n{as_markdown(shop.rows)}\n"
        f"{done.thresholds.says}\n\n## Evaluation\n\n{told}\n\n## Training\n\n    {command}\n"
    )
