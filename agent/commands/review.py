"""`okng review export | import`: reviewed parts out as a dataset, verdicts made elsewhere back in."""

import argparse
import getpass
import sys
from dataclasses import replace
from pathlib import Path

from agent.commands import moments
from agent.commands.table import Verbs
from agent.errors import OkngError
from agent.paths import CONFIGURATION

NOBODY = (
    "nobody has reviewed any of these parts: this export holds passes that nobody has looked at, and not one defect "
    "to train on. Review parts on the station first (docs/review.md), those found NG or UNSURE above all, and export "
    "again; or look at the pictures in images/, set `verdict` in okng-review.json, draw boxes into labels/, and bring "
    "that back: okng review import"
)


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    text = "reviewed parts as a dataset to train on, and verdicts made elsewhere back into the store"
    review = verbs.add_parser("review", help=text, description=text)
    what = review.add_subparsers(dest="what", required=True, metavar="export|import")
    _add_export(what)
    _add_import(what)


def _add_export(what: Verbs) -> None:
    text = "reviewed parts and sampled passes, empty pictures included, as a YOLO and COCO dataset"
    export = what.add_parser("export", help=text, description=text)
    export.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    export.add_argument("--reviewed-only", action="store_true", help="without the passes that nobody has reviewed")
    export.add_argument(
        "--leave-out-tampered", action="store_true", help="go on without pictures that are not what was judged"
    )
    moments.add_options(export)
    export.set_defaults(run=_export)


def _add_import(what: Verbs) -> None:
    text = "an edited export's labels and verdicts as reviews; the same twice changes nothing"
    bring = what.add_parser("import", help=text, description=text)
    bring.add_argument("folder", type=Path, metavar="DIR", help="an export whose labels/ or verdicts were edited")
    bring.add_argument("--reviewer", default="", metavar="NAME", help="who says it; default: this user's name")
    bring.add_argument(
        "--looked-at-all", action="store_true", help="every picture was looked at: what was left as it was is right"
    )
    bring.add_argument("--overrule", action="store_true", help="also where somebody reviewed after the export")
    bring.add_argument("--dry-run", action="store_true", help="say what would be stored, and store nothing")
    bring.add_argument("--config", type=Path, default=CONFIGURATION, metavar="FILE", help="default: %(default)s")
    bring.set_defaults(run=_import)


def _export(options: argparse.Namespace) -> int:
    from agent.clock import SystemClock
    from agent.commands.bar import Bar
    from agent.review.export import Wishes, export
    from agent.settings import load

    config = load(options.config).config
    now_us = SystemClock().now().utc_us
    query = moments.query_of(options, config)
    query = replace(query, until_utc_us=query.until_utc_us or now_us)
    wishes = Wishes(options.out, query, options.reviewed_only, options.leave_out_tampered)
    try:
        with Bar("pictures") as bar:
            exported = export(wishes, config, now_us, bar.show)
    except OSError as error:
        raise OkngError(f"{options.out}: {error.strerror or error} ({error.filename})") from error
    parts = exported.manifest.parts
    reviewed = [p for p in parts if p.truth == "person"]
    unknown = sum(not p.boxes_known for p in parts)
    print(
        f"{options.out}: {len(parts)} parts, {len(reviewed)} reviewed, {len(parts) - len(reviewed)} passes unreviewed"
    )
    print(f"  {sum(p.boxes_known and not p.boxes for p in parts)} empty pictures, {unknown} NG without boxes")
    print(f"  {sum(not p.lossless for p in parts)} pictures with JPEG's losses")
    for problem in exported.tampered:
        print(f"  left out: {problem}")
    if exported.gone:
        print(f"  {exported.gone} pictures were removed meanwhile, by retention")
    if not reviewed:
        print(f"warning: {NOBODY}", file=sys.stderr)
    return 0


def _import(options: argparse.Namespace) -> int:
    from agent.commands.bar import Bar
    from agent.review.bring_in import How, find
    from agent.review.hand_in import hand_in
    from agent.settings import load
    from agent.store.read import Reader

    config = load(options.config).config
    reviewer = options.reviewer or getpass.getuser()
    reader = Reader(config.station.data / "results.db")
    found = find(options.folder, reader, How(reviewer, options.looked_at_all, options.overrule))
    if found.reviews and not options.dry_run:
        with Bar("reviews") as bar:
            hand_in(config, found.reviews, bar.show)
    bad = sum(review.verdict == "ng" for review in found.reviews)
    done = "would be stored" if options.dry_run else "stored"
    print(f"{len(found.reviews)} reviews {done} ({bad} ng, {len(found.reviews) - bad} ok)")
    print(f"  {found.unchanged} parts as they were exported, {found.already} reviewed like this before")
    return 0
