"""The area's routes, for `agent.web.areas`."""

from fastapi import APIRouter

from agent.web.desk import Desk
from agent.web.upkeep.api import UpkeepApi
from agent.web.upkeep.events import EventPages
from agent.web.upkeep.pages import BoxPages


def area(desk: Desk) -> tuple[APIRouter, ...]:
    return EventPages(desk).router, BoxPages(desk).router, UpkeepApi(desk).router
