"""The area's routes, for `agent.web.areas`."""

from fastapi import APIRouter

from agent.web.desk import Desk
from agent.web.models.acts import ModelActs
from agent.web.models.api import ModelApi
from agent.web.models.forms import ModelForms
from agent.web.models.pages import ModelPages
from agent.web.models.record import RecordPages


def area(desk: Desk) -> tuple[APIRouter, ...]:
    acts = ModelActs(desk)
    pages = ModelPages(desk, acts)
    return (
        pages.router,
        ModelForms(desk, acts, pages).router,
        RecordPages(desk, acts).router,
        ModelApi(desk, acts).router,
    )
