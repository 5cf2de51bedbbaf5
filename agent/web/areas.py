"""The parts of the page that have routes of their own: one row each, brought together here only."""

from collections.abc import Callable

from fastapi import APIRouter

from agent.web.cameras.area import area as cameras
from agent.web.desk import Desk
from agent.web.history.area import area as history
from agent.web.models.area import area as models
from agent.web.people.area import area as people
from agent.web.quality.area import area as quality
from agent.web.recipes.area import area as recipes
from agent.web.review.area import area as review
from agent.web.shift.area import area as shift
from agent.web.upkeep.area import area as upkeep

Area = Callable[[Desk], tuple[APIRouter, ...]]

AREAS: tuple[Area, ...] = (
    history,
    review,
    quality,
    upkeep,
    models,
    people,
    shift,
    recipes,
    cameras,
)
