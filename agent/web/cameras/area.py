"""The area's routes, for `agent.web.areas`."""

from fastapi import APIRouter

from agent.web.cameras.api import CameraApi
from agent.web.cameras.pages import CameraPages
from agent.web.desk import Desk


def area(desk: Desk) -> tuple[APIRouter, ...]:
    return CameraPages(desk).router, CameraApi(desk).router
