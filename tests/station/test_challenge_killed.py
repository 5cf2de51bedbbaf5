"""kill -9 in the middle of a challenge run: nothing is released by half a run, and no mistake is forgotten."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.errors import ControlFailed
from agent.store import challenges as stored
from agent.store.read import Reader
from tests import forked
from tests.forked import Forked
from tests.station.challenged import DARK, GOOD, Desk, lane, passed
from tests.station.rig import wait_for, write_settings


@contextmanager
def station(settings: Path) -> Iterator[Forked]:
    process = forked.station(settings, settings.parent / "station.log")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.ended(20)


def ready(desk: Desk) -> bool:
    try:
        return desk.engine() == "ready" and (desk.state().released or bool(desk.state().why))
    except ControlFailed:
        return False


def test_killed_in_the_middle_of_a_run(tmp_path: Path) -> None:
    """FIELD 17: the run is over and says so; a mistake whose verdict was committed stands."""
    with TemporaryDirectory(prefix="okng-") as name:
        desk, reader = Desk(Path(name)), Reader(tmp_path / "results.db")
        # A restart alone asks for nothing here: what is left of the run decides.
        settings = write_settings(tmp_path, desk.runtime, lane(more='challenge_at = ["recipe"]\n'))
        with station(settings) as process:
            wait_for(lambda: ready(desk), 60)
            desk.save()
            number = desk.begin()
            desk.present("G-2", GOOD)
            desk.present("G-1", DARK)
            process.send_signal(signal.SIGKILL)  # its row is durable, its result perhaps not yet
            process.wait(20)
        with station(settings):
            wait_for(lambda: ready(desk), 60)
            with pytest.raises(ControlFailed, match="not released"):
                desk.present("P-1")
            run = reader.ask(lambda conn: stored.run(conn, number))
            assert run is not None
            assert (run.state, run.note) == ("failed", "the station was restarted")
            assert [(r.part, r.wrong) for r in run.results] == [("G-2", ""), ("G-1", "verdict")]
            passed(desk)
            wait_for(lambda: desk.state().released)
            assert desk.present("P-1")
