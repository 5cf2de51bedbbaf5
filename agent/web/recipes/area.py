"""The area's routes, for `agent.web.areas`."""

from fastapi import APIRouter

from agent.web.desk import Desk
from agent.web.recipes.api import RecipeApi
from agent.web.recipes.desk import RecipeDesk
from agent.web.recipes.pages import RecipePages


def area(desk: Desk) -> tuple[APIRouter, ...]:
    recipes = RecipeDesk(desk)
    return RecipePages(desk, recipes).router, RecipeApi(desk, recipes).router
