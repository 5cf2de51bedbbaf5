"""What a lane does: it judges the line's parts, is paused, or is being set up. The station is told, and it is noted."""

import time
from typing import Literal, get_args

from agent.control import ask
from agent.status import LaneStatus
from agent.web.desk import Desk
from agent.web.link import FRESH_S, ask_status
from agent.web.who import Person

Mode = Literal["run", "pause", "set_up"]
MODES: tuple[Mode, ...] = get_args(Mode)
MOST_WHY = 180
SEEN_S, LOOK_S = 3.0, 0.1
_VERBS: dict[Mode, str] = {"run": "resume", "pause": "pause", "set_up": "set_up"}


def mode_of(lane: LaneStatus) -> Mode:
    if not lane.paused:
        return "run"
    return "set_up" if lane.setting_up else "pause"


def tell(desk: Desk, lane: LaneStatus, mode: Mode, why: str, who: Person) -> None:
    """Have a lane do something else. Raises ControlFailed, StationRefused."""
    said = f"{why[:MOST_WHY]} ({who.name})" if who.name else why[:MOST_WHY]
    ask(desk.config.station.runtime, _VERBS[mode], lane=lane.name, why=said)
    _seen(desk, lane.name, mode)
    desk.acts.note(who, f"cameras.{mode}", f"lane {lane.name}", {"mode": mode_of(lane)}, {"mode": mode, "why": why})


def _seen(desk: Desk, lane: str, mode: Mode) -> None:
    """Wait until the station's state shows it, and the page's look at that state does."""
    end = time.monotonic() + SEEN_S
    while time.monotonic() < end:
        status = ask_status(desk.config.station.runtime).status
        if status is not None and any(each.name == lane and mode_of(each) == mode for each in status.lanes):
            time.sleep(FRESH_S)
            return
        time.sleep(LOOK_S)
