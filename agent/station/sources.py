"""Where the lanes' pictures come from: what makes each lane's camera, and what can be told or handed to one."""

from collections.abc import Callable, Mapping

from agent.config import Config
from agent.ports import Camera, Clock
from agent.station.cameras.push import Push
from agent.station.cameras.table import CAMERAS


class Sources:
    """By lane."""

    def __init__(self, config: Config, clock: Clock, given: Mapping[str, Callable[[], Camera]]) -> None:
        """`given`: makers of drivers that do not come from the table."""
        self._config = config
        self._clock = clock
        self._given = given
        self.pushes: dict[str, Push] = {}
        """Of the push lanes: the one camera that all hand pictures to."""
        self.drivers: dict[str, Camera] = {}
        """The newest of each other lane, so that a virtual line can be told to misbehave."""

    def of(self, lane: str) -> Callable[[], Camera]:
        """What makes the lane's camera, anew after each death; a push lane's stays the same."""
        camera, state = self._config.lanes[lane].camera, self._config.station.data / "cameras"
        if lane in self._given:
            return self._given[lane]
        if camera.kind == "push":
            push = self.pushes.setdefault(lane, Push(camera, self._clock))
            return lambda: push

        def make() -> Camera:
            driver = self.drivers[lane] = CAMERAS[camera.kind](camera, self._clock, state)
            return driver

        return make
