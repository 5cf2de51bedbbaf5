"""Moments on the command line: `--since 2026-11-24`, `--until 2026-11-24T13:30`, with or without a zone."""

import argparse
import difflib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.errors import OkngError
from agent.paths import CONFIGURATION
from agent.store.values import PartQuery

if TYPE_CHECKING:
    from agent.config import Config


def add_options(parser: argparse.ArgumentParser, needs_since: bool = False) -> None:
    """The options that say which stored parts are meant, and whose."""
    iso = "ISO date or time; without a zone it is the plant's"
    parser.add_argument(
        "--since", required=needs_since, default="", metavar="ISO", help=f"captured from here on; {iso}"
    )
    parser.add_argument("--until", default="", metavar="ISO", help="captured before this; default: now")
    parser.add_argument("--recipe", default="", metavar="NAME", help="only parts judged by this recipe")
    parser.add_argument("--lane", default="", metavar="NAME", help="only parts of this lane")
    parser.add_argument(
        "--config", type=Path, default=CONFIGURATION, metavar="FILE", help="the station's; default: %(default)s"
    )


def query_of(options: argparse.Namespace, config: "Config") -> PartQuery:
    """The query that the options of `add_options` mean. Raises OkngError, for an unknown lane or recipe too."""
    timezone = config.station.timezone
    _refuse_unknown(options.lane, options.recipe, config)
    return PartQuery(
        lane=options.lane,
        recipe=options.recipe,
        since_utc_us=moment(options.since, "--since", timezone) if options.since else None,
        until_utc_us=moment(options.until, "--until", timezone) if options.until else None,
    )


def _refuse_unknown(lane: str, recipe: str, config: "Config") -> None:
    """A name that is none would find no part, and look like a line without defects.

    Known are those that are configured, and those that anything was ever judged by.
    """
    from agent.recipes import Recipes
    from agent.store.read import Reader

    if not lane and not recipe:
        return
    data = config.station.data
    lanes, recipes = Reader(data / "results.db").judged_for()
    _must_be_among("--lane", lane, lanes | config.lanes.keys())
    _must_be_among("--recipe", recipe, recipes | set(Recipes(data).names()))


def _must_be_among(option: str, name: str, known: Iterable[str]) -> None:
    if name and name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise OkngError(f"{option} {name}: unknown{hint}; known: {', '.join(sorted(known)) or 'none'}")


def moment(text: str, option: str, timezone: str) -> int:
    """Microseconds UTC of an ISO date or time; one without a zone is meant in `timezone`. Raises OkngError."""
    try:
        when = datetime.fromisoformat(text)
        zone = ZoneInfo(timezone)
        at = when if when.tzinfo is not None else when.replace(tzinfo=zone)
        return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    except ZoneInfoNotFoundError as error:
        raise OkngError(
            f"time zone {timezone!r}: there is none of that name here; name the zone in {option}"
        ) from error
    except (ValueError, OverflowError) as error:
        raise OkngError(
            f"{option} {text!r}: allowed is 2026-11-24, 2026-11-24T13:30 or 2026-11-24T13:30+01:00"
        ) from error
