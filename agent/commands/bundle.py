"""`okng bundle`: model bundles."""

import argparse
from pathlib import Path

from agent.commands.table import Verbs


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    bundle = verbs.add_parser("bundle", help="make a model bundle from an Ultralytics OpenVINO export")
    bundle.add_argument("export", type=Path, help="the export's folder")
    bundle.add_argument("out", type=Path, help="the bundle's folder; must not exist")
    bundle.add_argument("--name", required=True)
    bundle.add_argument("--version", required=True)
    bundle.add_argument("--threshold", type=float, required=True, help="score from which a detection counts")
    bundle.add_argument("--data", required=True, help="what it was trained on, and that data's licence")
    bundle.add_argument("--licence", default="AGPL-3.0-only", help="default: %(default)s")
    bundle.add_argument("--figures", type=Path, metavar="JSON", help="what was measured, as a JSON object")
    bundle.add_argument("--golden", type=Path, action="append", default=[], metavar="PICTURE", help="may be repeated")
    bundle.set_defaults(run=_bundle)


def _bundle(options: argparse.Namespace) -> int:
    import json

    from agent.station.models.make import make_bundle

    figures = json.loads(options.figures.read_text()) if options.figures else {}
    bundle = make_bundle(
        options.export,
        options.out,
        name=options.name,
        version=options.version,
        threshold=options.threshold,
        data=options.data,
        licence=options.licence,
        figures=figures,
        golden=tuple(options.golden),
    )
    print(f"{bundle.folder}: {bundle.id}, sha256 {bundle.digest}")
    return 0
