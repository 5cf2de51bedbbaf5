"""A backtest that a station was asked for: a process of its own, at the lowest priority.

`python -m agent.station.backtest.process`, the task as JSON on stdin; what it has done so far as JSON lines on stdout;
the figures and the page into the files that the task names, each whole or not at all. TERM ends it between two
parts, with an answer.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from agent.atomic import write_atomically
from agent.config import Config
from agent.errors import OkngError
from agent.priority import LOWEST

EVERY_S = 0.5


class Task(BaseModel):
    """What is to be replayed, by whom, and where the answer goes."""

    model_config = ConfigDict(frozen=True)

    config: Config
    model: str
    """An installed model's id."""
    since_utc_us: int
    until_utc_us: int
    lane: str = ""
    recipe: str = ""
    limit: int = 0
    """At most so many parts, 0: all."""
    lossy: bool = False
    figures: Path
    page: Path


class Said(BaseModel):
    """One line of its stdout: how far it is, or why there is no answer."""

    model_config = ConfigDict(frozen=True)

    done: int = 0
    total: int = 0
    why: str = ""


def stand_back() -> None:
    """Give way to everybody, and end with the station (its thread that started this; prctl(2))."""
    from agent.station.backtest.apart import stand_back as lower

    lower(LOWEST)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def replay(task: Task, told: Callable[[int, int], None], ended: Callable[[], bool]) -> None:
    """Replay, and write the answer. Raises OkngError, OSError."""
    from agent.station.backtest.judging import Judging
    from agent.station.backtest.page import page
    from agent.station.backtest.run import backtest
    from agent.station.backtest.values import Wishes
    from agent.station.backtest.words import as_json
    from agent.station.engines.table import ENGINES
    from agent.station.models.library import Library
    from agent.station.models.signing import trust_of
    from agent.store.read import Reader
    from agent.store.values import PartQuery

    config = task.config
    data, engine = config.station.data, config.engine.model_copy(update={"threads": 1, "cache_mb": 0})
    bundle = Library(data, trust_of(config.models)).read(task.model)
    query = PartQuery(
        lane=task.lane,
        recipe=task.recipe,
        since_utc_us=task.since_utc_us,
        until_utc_us=task.until_utc_us,
        purpose="production",
    )
    wishes = Wishes(query, limit=task.limit, lossy=task.lossy)
    with tempfile.TemporaryDirectory(prefix="okng-backtest-") as scratch:
        made = ENGINES[engine.kind](engine, Path(scratch) / "cache")
        judging = Judging(config.model_copy(update={"engine": engine}), bundle, made, None)
        done = backtest(Reader(data / "results.db"), data / "evidence", judging, wishes, told, ended)
    station = f"{config.station.site}/{config.station.line}/{config.station.name}"
    write_atomically(task.page, page(done, station).encode())
    write_atomically(task.figures, as_json(done, station))


def main() -> int:
    """Whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    stand_back()
    last_s = 0.0

    def say(said: Said) -> None:
        with suppress(BrokenPipeError):
            out.write(said.model_dump_json() + "\n")
            out.flush()

    def told(done: int, total: int) -> None:
        nonlocal last_s
        if done in (1, total) or time.monotonic() - last_s >= EVERY_S:
            last_s = time.monotonic()
            say(Said(done=done, total=total))

    try:
        replay(Task.model_validate(json.loads(sys.stdin.buffer.read())), told, ended.is_set)
    except (OkngError, OSError) as error:
        say(Said(why=str(error)[:800]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
