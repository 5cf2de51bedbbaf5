"""A shadow's process that dies, hangs or takes too much: started anew, not for ever, and no part waits for it."""

import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.beside.apart import Apart
from agent.station.beside.keep import Candidate, Keeper
from agent.station.beside.purse import Purse
from agent.station.beside.shadow import Patience, Shadow
from agent.station.beside.wire import Part, Task, line_of
from agent.station.job import Kept
from agent.station.models.bundle import read_bundle
from agent.store.values import SecondOpinion
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Origin, Outcome, Quality, Record, Verdict
from tests.station.rig import canned_bundle, wait_for

CLOCK = SystemClock()
GOOD = Quality(100.0, 120.0, 0.0, 0.0, 0)
PATIENCE_S = 300.0
RECIPE = Recipe.model_validate({"name": "trial", "model": "canned-1"})


def task_in(folder: Path, memory_mb: int = 4000) -> Task:
    """A candidate that finds an "open" on every part."""
    bundle = read_bundle(canned_bundle(folder / "models" / "canned-1"))
    answers = (("open", 0.9, 8.0, 8.0, 24.0, 24.0),)
    return Task(
        bundle=bundle.folder,
        digest=bundle.digest,
        data=folder,
        engine=EngineConfig(kind="canned", devices=("CPU",), threads=1, streams=1, canned=answers),
        device="CPU",
        recipe=RECIPE.model_dump(mode="json"),
        height_px=64,
        width_px=64,
        slots=1,
        memory_mb=memory_mb,
    )


@dataclass(slots=True)
class Trial:
    """A shadow and the parts that it was shown; the active model passes every one of them."""

    shadow: Shadow
    rows: list[SecondOpinion]
    shown: list[int]
    pictures: list["weakref.ref[NDArray[np.uint8]]"] = field(default_factory=list)

    def part(self) -> Callable[[bool], None]:
        """Lay one more part beside; what is returned makes its row durable, with its picture or without."""
        number = len(self.pictures) + 1
        pixels = np.full((64, 64, 3), 120, np.uint8)
        self.pictures.append(weakref.ref(pixels))
        frame = Frame("top", number, pixels, CLOCK.now())
        weighed = self.shadow.weigh(frame, Inspection((), GOOD, 64, 64), Verdict(Outcome.OK))
        assert weighed.verdict.outcome is Outcome.OK
        return _commit(number, weighed.kept)

    def until(self, condition: Callable[[], object]) -> None:
        """Show part after part until it holds."""
        wait_for(condition, PATIENCE_S, lambda: self.part()(True))

    @property
    def alive(self) -> int:
        """Pictures that somebody still holds."""
        return sum(picture() is not None for picture in self.pictures)

    @property
    def accounted(self) -> bool:
        """Every part was judged or counted as dropped."""
        figures = self.shadow.tally.figures()
        return figures.compared + figures.dropped == len(self.pictures)


def _commit(number: int, kept: Kept | None) -> Callable[[bool], None]:
    def durable(with_picture: bool) -> None:
        if kept is not None:
            frame = Frame("top", number, np.full((64, 64, 3), 120, np.uint8), CLOCK.now())
            record = Record(
                origin=Origin("top", "virtual", "", "trial", "r", "m-1", "h", "CPU", "0"),
                run="run",
                sequence=number,
                missed=0,
                captured=frame.at,
                decided_utc_us=frame.at.utc_us,
                inspection=Inspection((), GOOD, 64, 64),
                verdict=Verdict(Outcome.OK),
            )
            kept(number, record, frame if with_picture else None)

    return durable


@contextmanager
def trial(task: Task, patience: Patience) -> Iterator[Trial]:
    """A shadow, begun; ended at the end."""
    rows: list[SecondOpinion] = []
    shown: list[int] = []

    def show(record_id: int, _record: Record, _frame: Frame) -> bool:
        shown.append(record_id)
        return True

    purse = Purse(1e9, lambda: 0, CLOCK)
    purse.look()
    keeper = Keeper(Candidate("canned-1", task.digest, "shadow"), rows.append, show, CLOCK, purse)
    shadow = Shadow(task, RECIPE, keeper, patience)
    try:
        assert shadow.ready.wait(PATIENCE_S)
        yield Trial(shadow, rows, shown)
    finally:
        shadow.end("the trial is over")
        shadow.join(10.0)
        assert shadow.crash == ""


@pytest.mark.timeout(600)
def test_it_gives_way_and_a_busy_one_holds_no_pictures(tmp_path: Path) -> None:
    """Lowest priority in every thread; while it hangs, parts are dropped and counted, and their pictures let go."""
    with trial(task_in(tmp_path), Patience(PATIENCE_S)) as beside:
        shadow, pid = beside.shadow, beside.shadow.pid
        for thread in os.listdir(f"/proc/{pid}/task"):
            assert os.getpriority(os.PRIO_PROCESS, int(thread)) == 19
            assert os.sched_getscheduler(int(thread)) == os.SCHED_IDLE
        assert os.getsid(pid) == pid
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
        os.kill(pid, signal.SIGSTOP)
        waiting = [beside.part() for _ in range(50)]
        wait_for(lambda: shadow.tally.figures().dropped >= 48)
        # None is durable yet, as on a failing disk: two pictures at the most are held, the newest and the one in work.
        assert beside.alive <= 2
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: beside.accounted, PATIENCE_S)
        for number, durable in enumerate(waiting, 1):
            durable(number != 50)
        figures = shadow.tally.figures()
        assert len(beside.rows) == figures.compared == figures.differ == figures.rejects_more > 0
        assert 50 in {row.part for row in beside.rows}
        assert beside.shown == sorted({row.part for row in beside.rows} - {50}), "no picture where it was let go"
        assert beside.alive == 0


@pytest.mark.timeout(600)
def test_one_that_dies_is_started_anew_after_a_pause_but_not_for_ever(tmp_path: Path) -> None:
    with trial(task_in(tmp_path), Patience(PATIENCE_S, pause_s=0.01, starts=1)) as beside:
        shadow = beside.shadow
        beside.until(lambda: shadow.tally.figures().compared >= 2)
        assert shadow.news() == ""
        first = shadow.pid
        os.kill(first, signal.SIGKILL)
        beside.until(lambda: shadow.tally.figures().restarts == 1)
        assert "its process ended (signal 9)" in shadow.news()
        assert shadow.news() == "", "each time once"
        before = shadow.tally.figures().compared
        beside.until(lambda: shadow.tally.figures().compared >= before + 2)
        assert (shadow.trouble, shadow.away) == ("", "")
        assert shadow.pid not in (0, first)
        wait_for(lambda: beside.accounted, PATIENCE_S)
        assert shadow.tally.figures().dropped > 0, "what passed meanwhile"
        os.kill(shadow.pid, signal.SIGKILL)
        beside.until(lambda: shadow.trouble)
        assert "its process has failed 2 times within 60 min" in shadow.trouble


@pytest.mark.timeout(600)
def test_one_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    with trial(task_in(tmp_path, memory_mb=60), Patience(PATIENCE_S, starts=0)) as beside:
        beside.until(lambda: beside.shadow.trouble)
        assert "MB are allowed" in beside.shadow.trouble
        assert beside.shadow.pid == 0


@pytest.mark.timeout(600)
def test_one_that_hangs_in_the_middle_of_a_picture_is_found_out(tmp_path: Path) -> None:
    """The picture is larger than the pipe: whoever writes it does not wait for ever."""
    apart = Apart(task_in(tmp_path), threading.Event())
    try:
        assert apart.ready(PATIENCE_S).device == "CPU"
        os.kill(apart.pid, signal.SIGSTOP)
        pixels = np.zeros((2000, 1000, 3), np.uint8)
        with pytest.raises(EngineFailed, match="it has not answered for 1 s"):
            apart.judge(_part(pixels), pixels, 1.0)
    finally:
        apart.close()
    assert not Path(f"/proc/{apart.pid}").exists()


ORPHAN = """
import os, signal, sys, threading
from pathlib import Path
from agent.station.beside.apart import Apart
from agent.station.beside.wire import Task
apart = Apart(Task.model_validate_json(sys.stdin.read()), threading.Event())
apart.ready(300)
os.kill(apart.pid, signal.SIGSTOP)
print(apart.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.timeout(600)
def test_none_outlives_its_station_even_one_that_hangs(tmp_path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-c", ORPHAN),
        input=line_of(task_in(tmp_path)),
        stdout=subprocess.PIPE,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == -signal.SIGKILL
    status = Path(f"/proc/{int(done.stdout)}/status")

    def gone() -> bool:
        try:
            return "State:\tZ" in status.read_text()
        except OSError:
            return True

    wait_for(gone, PATIENCE_S)


def test_numbers_that_are_none_arrive_as_what_they_are() -> None:
    said = _part(np.zeros((4, 4, 3), np.uint8)).model_copy(update={"sharpness": float("nan"), "age_ms": float("inf")})
    heard = Part.model_validate_json(line_of(said))
    assert np.isnan(heard.quality.sharpness)
    assert heard.quality.age_ms == float("inf")


def _part(pixels: NDArray[np.uint8]) -> Part:
    height, width = pixels.shape[:2]
    return Part(
        camera="top",
        sequence=1,
        height_px=height,
        width_px=width,
        sharpness=GOOD.sharpness,
        brightness=GOOD.brightness,
        saturated=GOOD.saturated,
        age_ms=GOOD.age_ms,
        identical=GOOD.identical,
    )
