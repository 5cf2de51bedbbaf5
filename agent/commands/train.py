"""`okng train`: from a folder of labelled pictures to a signed model bundle, in one command."""

import argparse
import ast
import sys
from pathlib import Path

from agent.commands.table import Verbs
from agent.errors import EXIT_INTERRUPTED, OkngError

NEEDS = "okng train needs the extra training: pip install 'okng[training]'"


def add(verbs: Verbs) -> None:
    """Add the verb to the command line; its parser names what carries it out (`set_defaults(run=...)`)."""
    text = "train a model on labelled pictures, make it small, measure it, and make its bundle"
    verb = verbs.add_parser("train", help=text, description=text)
    verb.add_argument("dataset", type=Path, help="the labelled pictures: a folder that `okng dataset` can read")
    verb.add_argument("--out", type=Path, required=True, help="where the bundle, its table and the work go")
    verb.add_argument("--name", required=True, help="of the bundle")
    verb.add_argument("--version", required=True)
    verb.add_argument("--resume", action="store_true", help="go on where an interrupted run of this version was")
    _add_data(verb.add_argument_group("data"))
    _add_training(verb.add_argument_group("training"))
    _add_small(verb.add_argument_group("smaller and faster"))
    _add_bundle(verb.add_argument_group("thresholds and bundle"))
    verb.set_defaults(run=_train)


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--kind", default="auto", help="what the data set is (default: whatever it looks like)")
    group.add_argument("--pipeline", choices=("detect", "guided"), default="detect", help="guided: with references")
    group.add_argument("--reference", type=Path, metavar="PICTURE", help="golden picture of all parts without one")
    group.add_argument(
        "--hold-out", nargs="+", default=[], metavar="GROUP", help="not trained on: thresholds, measures"
    )
    group.add_argument("--allow-leak", action="store_true", help="pictures that lie in two splits are no error")
    group.add_argument("--from-review", action="store_true", help="a review export: start from the model that judged")
    group.add_argument("--active", type=Path, metavar="BUNDLE", help="that model; default: looked for in OUT")
    group.add_argument("--trust-passes", action="store_true", help="unreviewed passes are trained on as good parts")


def _add_training(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", default="yolo26n", help="yolo26, yolo11, yolov8 with n, s, m; or a .pt file")
    group.add_argument("--start", default="", metavar="PT", help="weights to start from; none; download")
    group.add_argument("--trained", type=Path, metavar="PT", help="do not train: these are the trained weights")
    group.add_argument("--no-fold", action="store_true", help="guided: the start is a guided detector already")
    group.add_argument("--hours", type=float, metavar="H", help="budget of training; default: 1, or as --epochs take")
    group.add_argument("--epochs", type=int, metavar="N", help="default: as many as the hours allow, at most 100")
    group.add_argument("--imgsz", type=int, default=640, metavar="PX", help="side of the input (default: %(default)s)")
    group.add_argument("--batch", type=int, default=8, metavar="N", help="default: %(default)s")
    group.add_argument("--rate", type=float, default=0.001, help="highest learning rate (default: %(default)s)")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N, xpu (default: %(default)s)")
    group.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    group.add_argument("--extra", action="append", default=[], metavar="NAME=VALUE", help="more of Ultralytics' own")


def _add_small(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--teacher", type=Path, metavar="PT", help="distil from this larger detector of the same labels")
    group.add_argument(
        "--prune", type=float, default=0.0, metavar="SHARE", help="take so many channels out, tune again"
    )
    group.add_argument("--tune-hours", type=float, default=0.0, metavar="H", help="after pruning; default: H / 4")
    group.add_argument(
        "--qat", type=float, nargs="?", const=0.25, default=0.0, metavar="H",
        help="quantisation-aware training for so long (default: %(const)s) where plain INT8 loses too much",
    )  # fmt: skip
    group.add_argument("--calibration", type=int, default=300, metavar="N", help="training pictures for INT8's ranges")
    group.add_argument("--measured", type=int, default=300, metavar="N", help="held-out pictures a step; 0: all")


def _add_bundle(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--limit", type=float, metavar="RATE", help="promise: escapes below this (default: 0.01)")
    group.add_argument("--confidence", type=float, default=0.95, help="of the promise (default: %(default)s)")
    group.add_argument("--by-class", action="store_true", help="a threshold for each class instead of one for all")
    group.add_argument("--evaluated", type=int, default=0, metavar="N", help="pictures of the evaluation; 0: all")
    group.add_argument("--key", type=Path, metavar="FILE", help="sign with this private key (okng bundle keygen)")
    group.add_argument("--passphrase-file", type=Path, metavar="FILE", help="its first line unlocks the key")
    group.add_argument("--data", default="", help="what it was trained on, with its licence; default: by the data set")
    group.add_argument("--licence", default="AGPL-3.0-only", help="of the model (default: %(default)s)")


def _train(options: argparse.Namespace) -> int:
    try:
        from training.offline import complete, offline

        offline(download=options.start == "download")
        complete()
        from training.order import Order
        from training.workshop import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("agent", "pipelines"):
            raise
        raise OkngError(f"{NEEDS} (no {error.name})") from error
    given = vars(options)
    order = Order(
        **{name: given[name] for name in _SAME},
        side_px=options.imgsz,
        hours=_hours(options),
        epochs=options.epochs or 100,
        fold=not options.no_fold,
        qat_hours=options.qat,
        hold_out=tuple(options.hold_out),
        limit=0.01 if options.limit is None else options.limit,
        promise=options.limit is not None,
        extra=dict(_pair(text) for text in options.extra),
    )
    try:
        run(order, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("okng: stopped; the same command with --resume goes on where it was", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


_SAME = (
    "dataset", "out", "name", "version", "resume", "kind", "pipeline", "allow_leak", "from_review", "active",
    "trust_passes", "reference", "trained", "model", "start", "batch", "rate", "device", "seed", "teacher", "prune",
    "tune_hours", "calibration", "measured", "confidence", "by_class", "evaluated", "key", "passphrase_file",
    "data", "licence",
)  # fmt: skip
"""Options that an order has by the same name."""


def _hours(options: argparse.Namespace) -> float | None:
    """Without any wish an hour; with a number of epochs as long as these take."""
    if options.hours is not None:
        return float(options.hours)
    return None if options.epochs else 1.0


def _pair(text: str) -> tuple[str, object]:
    """ "mosaic=0.5" as ("mosaic", 0.5)."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise OkngError(f"--extra {text}: wanted NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
