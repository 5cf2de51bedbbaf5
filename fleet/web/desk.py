"""What the routes of the fleet's page share: built once in `app`, never changed."""

from dataclasses import dataclass
from datetime import tzinfo

from agent.web.acts import Acts
from agent.web.people.certificate import Papers
from agent.web.people.people import People
from agent.web.sheet import Sheets
from fleet.config import FleetConfig
from fleet.store.read import Reader


@dataclass(frozen=True, slots=True)
class Desk:
    """The configuration, the centre's store, the viewers."""

    config: FleetConfig
    zone: tzinfo
    store: Reader
    sheets: Sheets
    acts: Acts
    people: People
    papers: Papers | None = None
    """The certificate; None where the page is shown by plain HTTP."""
