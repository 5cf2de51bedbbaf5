"""`okng support FILE`: what somebody who helps from afar has to see, without pictures and without secrets."""

import argparse
from pathlib import Path

from agent.commands.table import Verbs
from agent.paths import CONFIGURATION


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    text = "state, versions, configuration, events and messages as one zip, without pictures and secrets"
    support = verbs.add_parser("support", help=text, description=text)
    support.add_argument("file", type=Path, metavar="FILE", help="the zip to write")
    support.add_argument("--config", type=Path, default=CONFIGURATION, metavar="FILE", help="default: %(default)s")
    support.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.settings import load_or_last_good
    from agent.support.bundle import write_bundle

    size = write_bundle(load_or_last_good(options.config), options.file)
    print(f"{options.file}: {size:,} bytes; look through it before you send it")
    return 0
