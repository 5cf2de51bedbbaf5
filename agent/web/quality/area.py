"""Quality: control charts, causes, yields, places, drift; the same over REST."""

from fastapi import APIRouter

from agent.shifts import Calendar
from agent.web.desk import Desk
from agent.web.quality.api import QualityApi
from agent.web.quality.ask import Spans
from agent.web.quality.routes import QualityPages


def area(desk: Desk) -> tuple[APIRouter, ...]:
    """The area's routes."""
    spans = Spans(tuple(desk.config.lanes), Calendar(desk.config.shifts, desk.zone), desk.zone)
    return QualityApi(desk, spans).router, QualityPages(desk, spans).router
