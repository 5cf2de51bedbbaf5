"""The verbs `backtest` and `backtests`: a model is tried on stored parts, and how far that is."""

from collections.abc import Collection, Mapping
from typing import Any

from agent.errors import ControlFailed
from agent.station.backtest.asked import Backtests
from agent.station.models.bundle import checked_id
from agent.station.server import Verb
from agent.store.values import PartQuery

MOST = 2**53
MOST_LIMIT = 1_000_000


class BacktestVerbs:
    """Called from the control socket's threads."""

    def __init__(self, backtests: Backtests, lanes: Collection[str]) -> None:
        self._backtests = backtests
        self._lanes = lanes

    def table(self) -> Mapping[str, Verb]:
        return {"backtest": self.backtest, "backtests": self.now}

    def backtest(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """id: a model, or "off"; since_utc_us, until_utc_us (0: now), lane and recipe ("": all), limit, lossy."""
        model = str(said["id"])
        if model == "off":
            return {"ended": self._backtests.end()}
        since, until = _number(said, "since_utc_us", MOST), _number(said, "until_utc_us", MOST)
        lane, recipe = str(said.get("lane", "")), str(said.get("recipe", ""))
        if until and until <= since:
            raise ControlFailed("until: after since is allowed")
        if lane and lane not in self._lanes:
            raise ControlFailed(f"unknown lane {lane[:80]!r}; known: {', '.join(self._lanes)}")
        query = PartQuery(lane=lane, recipe=recipe[:80], since_utc_us=since, until_utc_us=until or None)
        limit = _number(said, "limit", MOST_LIMIT)
        return self._backtests.begin(checked_id(model), query, limit, said.get("lossy", False) is True).said()

    def now(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        """Answers backtest: the one that runs, else the last one of this run, else null."""
        now = self._backtests.now
        return {"backtest": None if now is None else now.said()}


def _number(said: Mapping[str, Any], name: str, most: int) -> int:
    value = said.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} {str(value)[:40]}: a whole number from 0 to {most} is allowed")
    return value
