"""`okng evaluate`: a model bundle on labelled pictures, through the station's own engine, look and rules."""

import argparse
from pathlib import Path

from agent.commands.table import Verbs
from agent.errors import OkngError


def add(verbs: Verbs) -> None:
    """Add the verb to the command line; its parser names what carries it out (`set_defaults(run=...)`)."""
    text = "measure a model bundle on labelled pictures, by the station's own way of seeing"
    verb = verbs.add_parser("evaluate", help=text, description=text)
    verb.add_argument("bundle", type=Path, help="the bundle: its folder, or NAME-VERSION.okng")
    verb.add_argument("dataset", type=Path, help="the labelled pictures: a folder that `okng dataset` can read")
    verb.add_argument("--split", default="test", help="which pictures of it (default: %(default)s)")
    verb.add_argument("--kind", default="auto", help="what the data set is (default: whatever it looks like)")
    verb.add_argument("--recipe", type=Path, metavar="FILE", help="judge by this recipe; default: the bundle alone")
    verb.add_argument("--precision", default="", choices=("int8", "f16", "f32"), help="default: the bundle's own graph")
    verb.add_argument("--device", default="CPU", help="default: %(default)s")
    verb.add_argument("--threads", type=int, default=0, metavar="N", help="of the CPU; default: the device's choice")
    verb.add_argument("--limit", type=int, default=0, metavar="N", help="so many pictures, evenly; default: all")
    verb.add_argument("--seed", type=int, default=1, help="of what is left to chance (default: %(default)s)")
    verb.add_argument("--one-defect", action="store_true", help="parts with one defect: the reference, one pasted in")
    verb.add_argument("--perturb", action="store_true", help="also shifted, turned, scaled, in another light")
    verb.add_argument("--wrong-reference", action="store_true", help="guided: by references that are not the part's")
    verb.add_argument("--against-difference", action="store_true", help="beside the traditional method")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    verb.add_argument("--page", type=Path, metavar="FILE", help="write a page (HTML) with figures and pictures here")
    verb.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    try:
        from training.evaluate.command import Wishes, run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("agent", "pipelines"):
            raise
        raise OkngError("okng evaluate needs the extra measure: pip install 'okng[measure]'") from error
    wishes = Wishes(
        bundle=options.bundle,
        dataset=options.dataset,
        kind=options.kind,
        recipe=options.recipe,
        json=options.json,
        page=options.page,
        split=options.split,
        precision=options.precision,
        device=options.device,
        threads=options.threads,
        limit=options.limit,
        seed=options.seed,
        one_defect=options.one_defect,
        perturb=options.perturb,
        wrong_reference=options.wrong_reference,
        against_difference=options.against_difference,
    )
    return run(wishes)
