"""The area of persons: who may what, and what they did."""

from fastapi import APIRouter

from agent.web.people.acts_page import ActPages
from agent.web.people.api import PeopleApi
from agent.web.people.desk import PeopleDesk
from agent.web.people.door import Door
from agent.web.people.pages import PeoplePages


def area(desk: PeopleDesk) -> tuple[APIRouter, ...]:
    return (Door(desk).router, PeoplePages(desk).router, ActPages(desk).router, PeopleApi(desk).router)
