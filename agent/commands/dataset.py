"""`okng dataset`: checks a folder of labelled pictures, and writes it anew as YOLO or COCO."""

import argparse
from pathlib import Path

from agent.commands.table import Verbs
from agent.errors import OkngError


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    text = "check a folder of labelled pictures (YOLO, COCO, Pascal VOC, masks, ok/ng folders, a review export)"
    dataset = verbs.add_parser("dataset", help=text, description=f"{text}; exit code 1 where it has errors")
    dataset.add_argument("folder", type=Path, help="its folder, its data.yaml or its JSON file")
    dataset.add_argument("--kind", default="auto", help="default: whatever is found; an unknown one lists all")
    dataset.add_argument("--json", type=Path, metavar="FILE", help="write the whole report here")
    dataset.add_argument("--allow-leak", action="store_true", help="the same picture in two splits is no error")
    dataset.add_argument("--out", type=Path, metavar="DIR", help="write the data set anew; must not exist")
    dataset.add_argument("--as", dest="form", choices=("yolo", "coco"), default="yolo", help="default: %(default)s")
    dataset.add_argument(
        "--shares",
        default="0.8,0.1,0.1",
        metavar="TRAIN,VAL,TEST",
        help="with --out, for pictures whose author made no split (default: %(default)s); groups are kept together",
    )
    dataset.add_argument("--seed", type=int, default=0, help="of the splits (default: %(default)s)")
    dataset.add_argument("--least-px", type=int, default=4, metavar="N", help="masks: smaller pieces are specks")
    dataset.set_defaults(run=_dataset)


def _dataset(options: argparse.Namespace) -> int:
    try:
        from training.datasets.command import Wishes, run
    except ModuleNotFoundError as error:
        if error.name not in ("training", "training.datasets", "training.datasets.command", "yaml"):
            raise
        raise OkngError("okng dataset needs the extra measure: pip install 'okng[measure]'") from error
    return run(
        Wishes(
            folder=options.folder,
            kind=options.kind,
            json=options.json,
            allow_leak=options.allow_leak,
            out=options.out,
            form=options.form,
            shares=options.shares,
            seed=options.seed,
            least_px=options.least_px,
        )
    )
