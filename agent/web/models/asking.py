"""How the models' pages ask the station: its verbs off the event loop, refusals as answers with its own words."""

import asyncio
from functools import partial
from typing import Any

from agent.control import ask
from agent.web.desk import Desk

QUICK_S = 8.0
PATIENCE_S = 1800.0
"""A first compilation on every device of the order may take minutes."""
MOST_PAGES = 50
_BLANK: dict[str, Any] = {
    "problem": "",
    "digest": "",
    "labels": [],
    "threshold": 0.0,
    "thresholds": {},
    "input": "",
    "promise": "",
    "data": "",
    "licence": "",
    "figures": {},
    "gates": [],
}
"""What the station leaves out of a model that it could not read, or that an older one does not say."""


async def told(desk: Desk, verb: str, timeout_s: float = QUICK_S, **said: object) -> dict[str, Any]:
    """One verb's answer. Raises StationRefused, ControlFailed."""
    return await asyncio.to_thread(partial(ask, desk.config.station.runtime, verb, timeout_s, **said))


async def shelf(desk: Desk) -> dict[str, Any]:
    """All pages of the verb `models` as one. Raises ControlFailed."""
    said = page = await told(desk, "models")
    for _ in range(MOST_PAGES):
        if not page["more"]:
            break
        page = await told(desk, "models", after=page["more"])
        said["models"] = [*said["models"], *page["models"]]
    said["models"] = [{**_BLANK, **model} for model in said["models"]]
    return said
