"""What persons do with models: each act once, for the page's forms and for REST."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from agent.control import ask
from agent.web.desk import Desk
from agent.web.models.asking import PATIENCE_S, QUICK_S, told
from agent.web.models.errands import Act, Errand, Errands
from agent.web.models.uploads import Uploads
from agent.web.who import Person

LONG: Mapping[Act, str] = {
    "activate": "model_activate",
    "rollback": "model_rollback",
    "shadow": "model_shadow",
    "canary": "model_canary",
}
"""Act -> the station's verb, of those that may take minutes."""


class ModelActs:
    """Raises StationRefused and ControlFailed with the station's words, Busy while another one runs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.errands = Errands(desk.acts)
        self.uploads = Uploads(desk.config)

    def begin(self, act: Act, who: Person, said: Mapping[str, object]) -> Errand:
        """Tell the station, beside the page."""
        work = partial(ask, self._desk.config.station.runtime, LONG[act], PATIENCE_S, **said)
        subject = str(said.get("id") or said.get("recipe") or "-")
        if subject == "off":
            subject = f"off {said.get('recipe', '')}".strip()
        asked = {name: ("on" if value is True else str(value)) for name, value in said.items() if value not in (False,)}
        return self.errands.begin(act, subject, who, work, asked)

    async def seen(self, who: Person, recipe: str) -> dict[str, Any]:
        """A person has dealt with the parts of what was taken back."""
        answer = await told(self._desk, "model_seen", recipe=recipe)
        self._desk.acts.note(who, "models.seen", recipe, None, {"model": answer.get("model", "")})
        return answer

    async def backtest(self, who: Person, said: Mapping[str, object]) -> dict[str, Any]:
        """Begin one, or end the one that runs (id "off")."""
        answer = await told(self._desk, "backtest", QUICK_S, **said)
        self._desk.acts.note(who, "models.backtest", str(said["id"]), None, dict(said))
        return answer

    async def record(self, who: Person, lane: str, minutes: int) -> dict[str, Any]:
        """Keep every picture of a lane for so long; 0 ends it."""
        answer = await told(self._desk, "record", lane=lane, minutes=minutes)
        act = "models.record" if minutes else "models.record_end"
        self._desk.acts.note(who, act, lane, None, {"minutes": minutes})
        return answer
