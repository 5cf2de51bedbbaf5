"""What was judged: the history, one part, and both over REST."""

from fastapi import APIRouter

from agent.shifts import Calendar
from agent.web.desk import Desk
from agent.web.history.api import HistoryApi
from agent.web.history.pages import HistoryPages
from agent.web.history.ranges import Ranges


def area(desk: Desk) -> tuple[APIRouter, ...]:
    """The area's routes."""
    ranges = Ranges(Calendar(desk.config.shifts, desk.zone), desk.zone)
    return HistoryApi(desk, ranges).router, HistoryPages(desk, ranges).router
