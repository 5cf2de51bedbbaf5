"""`okng backtest BUNDLE --since ISO`: what a candidate model would have said about the parts that were judged."""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from agent.commands import moments
from agent.commands.table import Verbs
from agent.errors import EXIT_INTERRUPTED, OkngError
from pipelines.values import Purpose

if TYPE_CHECKING:
    from agent.config import Config
    from agent.station.backtest.values import Backtest, Wishes
    from agent.station.models.bundle import Bundle

LOWEST = 19
"""Of nice(2): a station beside it must not notice."""
_PURPOSES = tuple(str(purpose) for purpose in Purpose)
_MORE = ("limit", "json", "page", "device", "threads")


def add(verbs: Verbs) -> None:
    """Add the verb to the command line."""
    text = "replay stored evidence through a candidate model: how many more it would have rejected or passed"
    verb = verbs.add_parser("backtest", help=text, description=text)
    verb.add_argument("bundle", metavar="BUNDLE", help="an installed model's id, a bundle's folder, or an .okng")
    moments.add_options(verb, needs_since=True)
    verb.add_argument("--by", type=Path, metavar="RECIPE.toml", help="judge by this recipe; default: each part's own")
    verb.add_argument("--purpose", default="production", choices=_PURPOSES, help="which parts; default: %(default)s")
    verb.add_argument("--limit", type=_count, default=0, metavar="N", help="at most N parts, drawn by chance")
    verb.add_argument("--lossy", action="store_true", help="judge JPEGs too, apart from the others")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    verb.add_argument("--page", type=Path, metavar="FILE.html", help="write a page with the pictures here")
    verb.add_argument("--device", default="", metavar="NAME", help="run it there; default: the station's device order")
    verb.add_argument("--threads", type=_count, default=1, metavar="N", help="CPU threads (default: %(default)s)")
    verb.add_argument(
        "--nice",
        type=int,
        default=LOWEST,
        choices=range(LOWEST + 1),
        metavar="N",
        help="default: %(default)s, the lowest",
    )
    verb.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    verb.set_defaults(run=_run)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 0 is allowed")
    return number


def _run(options: argparse.Namespace) -> int:
    from agent.station.backtest.apart import apart, handling, stand_back

    if not options.inside:
        return apart(["backtest", *_again(options), "--inside"])
    ended = _Ended()
    with handling(ended.catch):
        stand_back(options.nice)
        try:
            return _inside(options, ended)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED


def _again(options: argparse.Namespace) -> list[str]:
    """The options as they are written on a command line."""
    said = [options.bundle]
    for name in ("since", "until", "recipe", "lane", "config", "by", "purpose", *_MORE):
        if value := getattr(options, name):
            said.append(f"--{name}={value}")
    return [*said, f"--nice={options.nice}", *(["--lossy"] if options.lossy else [])]


def _inside(options: argparse.Namespace, ended: Callable[[], bool]) -> int:
    from agent.atomic import refuse_unwritable
    from agent.settings import load
    from agent.station.backtest.page import page
    from agent.station.backtest.values import Wishes
    from agent.station.backtest.words import as_json, lines

    refuse_unwritable(options.json, options.page)
    config = load(options.config).config
    asked = moments.query_of(options, config)
    query = replace(asked, purpose=options.purpose, until_utc_us=asked.until_utc_us or _now_us())
    wishes = Wishes(query, limit=options.limit, lossy=options.lossy)
    with tempfile.TemporaryDirectory(prefix="okng-backtest-") as scratch:
        try:
            done = _replay(options, config, wishes, Path(scratch), ended)
        except OSError as error:
            raise OkngError(f"backtest: {error.filename or config.station.data}: {error.strerror or error}") from error
    name = f"{config.station.site}/{config.station.line}/{config.station.name}"
    if options.json is not None:
        _write(options.json, as_json(done, name))
    if options.page is not None:
        _write(options.page, page(done, name).encode())
    print("\n".join(lines(done)))
    return EXIT_INTERRUPTED if done.interrupted else 0


def _now_us() -> int:
    from agent.clock import SystemClock

    return SystemClock().now().utc_us


def _replay(
    options: argparse.Namespace, config: "Config", wishes: "Wishes", scratch: Path, ended: Callable[[], bool]
) -> "Backtest":
    from agent.commands.bar import Bar
    from agent.recipes import read_recipe
    from agent.station.backtest.judging import Judging
    from agent.station.backtest.run import backtest
    from agent.station.engines.table import ENGINES
    from agent.store.read import Reader

    bundle = _bundle(options.bundle, config, scratch)
    wanted: dict[str, object] = {"threads": options.threads, "cache_mb": 0}
    if options.device:
        wanted["devices"] = (options.device,)
    config = config.model_copy(update={"engine": config.engine.model_copy(update=wanted)})
    engine = ENGINES[config.engine.kind](config.engine, scratch / "cache")
    recipe = None if options.by is None else read_recipe(options.by)
    judging = Judging(config, bundle, engine, recipe)
    data = config.station.data
    with Bar("parts") as bar:
        return backtest(Reader(data / "results.db"), data / "evidence", judging, wishes, bar.show, ended)


def _bundle(named: str, config: "Config", scratch: Path) -> "Bundle":
    """The candidate. An .okng is unpacked only if it is signed by a trusted key; a folder is this user's own word."""
    from agent.station.models.archive import unpack
    from agent.station.models.library import Library
    from agent.station.models.signing import trust_of

    if Path(named).is_file():
        return unpack(Path(named), scratch, trust_of(config.models)).bundle
    folder = f"./{named}" if Path(named).is_dir() and "/" not in named else named
    return Library(config.station.data, trust=None).read(folder)


class _Ended:
    """The first Ctrl-C (or SIGTERM) ends the replay between two parts, with an answer; a second one at once."""

    def __init__(self) -> None:
        self._caught = False

    def __call__(self) -> bool:
        return self._caught

    def catch(self, _number: int, _frame: FrameType | None) -> None:
        if self._caught:
            raise KeyboardInterrupt
        self._caught = True


def _write(file: Path, content: bytes) -> None:
    from agent.atomic import write_atomically

    try:
        write_atomically(file, content)
    except OSError as error:
        raise OkngError(f"{file}: {error.strerror}") from error
