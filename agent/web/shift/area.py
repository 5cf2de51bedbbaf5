"""The area's routes, for `agent.web.areas`."""

from fastapi import APIRouter

from agent.web.desk import Desk
from agent.web.shift.api import ShiftApi
from agent.web.shift.desk import ShiftDesk
from agent.web.shift.pages import ShiftPages
from agent.web.shift.report_api import ReportApi
from agent.web.shift.report_pages import ReportPages


def area(desk: Desk) -> tuple[APIRouter, ...]:
    shift = ShiftDesk(desk)
    return ShiftPages(shift).router, ReportPages(shift).router, ShiftApi(shift).router, ReportApi(shift).router
