"""A real station with a push lane that asks for challenge parts, and its page, for the tests of the shift."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.station.challenged import Desk, desk_of, lane
from tests.station.rig import Rig, running
from tests.web.served import serving


@dataclass(frozen=True, slots=True)
class Shown:
    """The station, what says verbs to it, and where its page is."""

    rig: Rig
    desk: Desk
    url: str


@contextmanager
def shown(folder: Path, challenge: str = "block") -> Iterator[Shown]:
    """For as long as the block lasts. The station's main loop turns in a thread."""
    data = folder / "data"
    data.mkdir()
    with running(data, lane(challenge)) as rig:
        desk, done = desk_of(rig), threading.Event()

        def turn() -> None:
            while not done.wait(0.1):
                rig.turn()

        turning = threading.Thread(target=turn)
        turning.start()
        try:
            with serving(folder, lanes=("desk",), data=data, runtime=rig.runtime) as served:
                yield Shown(rig, desk, served.url)
        finally:
            done.set()
            turning.join()
