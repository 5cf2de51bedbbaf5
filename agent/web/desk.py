"""What the routes of one server share: built once in `app`, never changed."""

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from agent.config import Config, PushConfig
from agent.store.read import Reader
from agent.web.acts import Acts
from agent.web.board import Board
from agent.web.hub import Hub
from agent.web.link import Link
from agent.web.people.certificate import Papers
from agent.web.people.people import People
from agent.web.refusals import Refusals
from agent.web.sheet import Sheets

DEFAULT_MAX_PX = 64_000_000


@dataclass(frozen=True, slots=True)
class Desk:
    """The configuration, the station's socket, the database, the viewers."""

    config: Config
    configuration: Path
    """The file that it was read from."""
    problem: str
    """Why the configuration was refused; empty when it was not."""
    zone: tzinfo
    link: Link
    results: Reader
    hub: Hub
    board: Board
    sheets: Sheets
    acts: Acts
    people: People
    refusals: Refusals
    papers: Papers | None = None
    """The certificate; None where the page is shown by plain HTTP."""

    def max_px(self, lane: str) -> int:
        """Largest picture that may be pushed to a lane, px; an unknown lane is the station's to refuse."""
        config = self.config.lanes.get(lane)
        pushes = [c.camera.max_px for c in self.config.lanes.values() if isinstance(c.camera, PushConfig)]
        if config is not None and isinstance(config.camera, PushConfig):
            return config.camera.max_px
        return max(pushes, default=DEFAULT_MAX_PX)
