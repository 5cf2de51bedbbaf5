"""What persons do is written down: who, what, to what, how it was before and after."""

from collections.abc import Mapping
from typing import Protocol

from agent.web.who import Person

State = Mapping[str, object] | None
"""How a thing was, as flat names and values that JSON can hold; None for what was not there. Never a secret."""


class Acts(Protocol):
    """Keeps acts. Called after an act succeeded, or when it was refused; blocks no longer than a small commit.

    `act` is AREA.VERB, in the catalogue as `act.AREA.VERB`; `subject` names what was acted on.
    """

    def note(self, who: Person, act: str, subject: str, before: State = None, after: State = None) -> None:
        """Done. Raises StoreFailed where it cannot be written; the gate has found out before whether it can."""
        ...

    def refused(self, who: Person, act: str, subject: str, why: str) -> None:
        """Asked for and not done."""
        ...
