"""What the routes about persons need of the program that shows them: the station's page, or the fleet's."""

from datetime import tzinfo
from typing import Protocol

from agent.web.acts import Acts
from agent.web.people.people import People
from agent.web.sheet import Sheets


class PeopleDesk(Protocol):
    """Built once, never changed."""

    @property
    def people(self) -> People: ...

    @property
    def acts(self) -> Acts: ...

    @property
    def sheets(self) -> Sheets: ...

    @property
    def zone(self) -> tzinfo:
        """Of the times that a search for acts names."""
        ...
