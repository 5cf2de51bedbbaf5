"""`okng fleet`: the centre, which collects what stations say and shows all of them."""

import argparse
from pathlib import Path

from agent.commands.table import Verbs

CONFIGURATION = Path("/etc/okng/fleet.toml")


def add(verbs: Verbs) -> None:
    """Add the verb and its parts to the command line."""
    text = "the centre: collects what the stations say, and shows all of them"
    fleet = verbs.add_parser("fleet", help=text, description=text)
    _config_option(fleet, CONFIGURATION)
    fleet.set_defaults(run=_run)
    parts = fleet.add_subparsers(dest="part", metavar="PART", help="one process alone; default: all")
    text = "the process that takes messages from the broker and stores them; several may run side by side"
    collect = parts.add_parser("collect", help=text, description=text)
    _config_option(collect, argparse.SUPPRESS)
    collect.set_defaults(run=_collect)
    text = "the process that shows the pages; it reads the store"
    web = parts.add_parser("web", help=text, description=text)
    _config_option(web, argparse.SUPPRESS)
    web.set_defaults(run=_web)

    text = "say everything that is wrong with the configuration"
    check = parts.add_parser("check", help=text, description=text)
    _config_option(check, argparse.SUPPRESS)
    check.set_defaults(run=_check)


def _config_option(parser: argparse.ArgumentParser, default: Path | str) -> None:
    parser.add_argument("--config", type=Path, default=default, metavar="FILE", help=f"default: {CONFIGURATION}")


def _run(options: argparse.Namespace) -> int:
    from fleet.app import run_fleet

    return run_fleet(options.config)


def _collect(options: argparse.Namespace) -> int:
    from fleet.collector.app import run
    from fleet.settings import load

    return run(load(options.config).config)


def _check(options: argparse.Namespace) -> int:
    from fleet.settings import load

    load(options.config)
    print(f"{options.config}: nothing is wrong")
    return 0


def _web(options: argparse.Namespace) -> int:
    from fleet.settings import load
    from fleet.web.app import run

    return run(load(options.config).config)
