"""Judged parts in a data folder, and a small real model that they are replayed through: what it says is known."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from agent.config import Config, EngineConfig
from agent.recipes import Recipes
from agent.station.backtest.judging import Judging
from agent.station.backtest.run import backtest
from agent.station.backtest.values import Backtest, Wishes
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle
from agent.store.values import PartQuery, Sampling
from pipelines.values import Origin, Outcome, Pixels
from tests.engines.tiny import picture
from tests.review.stationed import Data, data_folder
from tests.store.made import origin

SIZE = (96, 128)
RECIPE = 'model = "old-1"\n[quality]\nmin_brightness = 0.0\n'
ALL = Wishes(PartQuery())
TENTH = Sampling(0.1, 0.1)
AUDIT = Sampling(0.1, 0.1, 0.1)
AUDITED_NG = Sampling(1.0, 0.1, 0.1)


def shot(n: int, bad: bool) -> Pixels:
    """A picture like no other, on which the candidate finds a red square, or nothing."""
    pixels = picture(SIZE, ("red", n % 4, n % 3)) if bad else picture(SIZE)
    pixels[0, 0] = n % 200, n // 200, 7
    return pixels


@contextmanager
def replayable(folder: Path) -> Iterator[Data]:
    """A data folder, without parts yet, whose recipe "board" any model of the candidate's labels can judge by."""
    made = data_folder(folder)
    (made.folder / "recipes").mkdir()
    (made.folder / "recipes" / "board.toml").write_text(RECIPE)
    yield made
    made.close()


def command(data: Data, runtime: Path, *said: str, more: str = "") -> list[str]:
    """`okng backtest` on this data folder, at the priority of the test; `more`: of its `station.toml`."""
    settings = runtime.parent / "station.toml"
    head = f'[station]\ndata = "{data.folder}"\nruntime = "{runtime}"\n{more}'
    settings.write_text(f'{head}[lanes.top]\nrecipe = "board"\ncamera = {{ kind = "push" }}\n')
    return [sys.executable, "-m", "agent.cli", "backtest", *said, "--nice", "0", "--config", str(settings)]


def config_of(data: Data) -> Config:
    return data.config.model_copy(update={"engine": EngineConfig(devices=("CPU",), threads=1, cache_mb=0)})


def replayed(data: Data, candidate: Bundle, wishes: Wishes = ALL, ended: int = 10_000) -> Backtest:
    config = config_of(data)
    engine = ENGINES["openvino"](config.engine, data.folder / "cache")
    asked = iter(range(ended + 1))
    judging = Judging(config, candidate, engine, None)
    return backtest(data.reader, data.evidence, judging, wishes, lambda *_: None, lambda: next(asked) >= ended)


def judged_by(data: Data, recipe: str = RECIPE) -> Origin:
    """What parts are of that were judged by this recipe, whose revision the station has kept."""
    file = data.folder / "recipes" / "board.toml"
    now = file.read_text()
    file.write_text(recipe)
    recipes = Recipes(data.folder)
    revision = recipes.read("board").model_copy(update={"model_hash": "a" * 64})
    recipes.keep(revision)
    file.write_text(now)
    return replace(origin("top"), recipe="board", recipe_hash=revision.revision)


def line(
    data: Data,
    parts: dict[tuple[Outcome, bool], int],
    sampling: Sampling | None = None,
    recipe: str = RECIPE,
) -> list[int]:
    """So many parts of (what was decided, whether the candidate finds something), judged by this recipe."""
    by = judged_by(data, recipe)
    return [
        data.part(was, sampling, pixels=shot(data.count + 1, bad), origin=by)
        for (was, bad), count in parts.items()
        for _ in range(count)
    ]
