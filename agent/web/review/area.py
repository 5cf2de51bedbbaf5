"""The area's routes, for `agent.web.areas`."""

from fastapi import APIRouter

from agent.web.desk import Desk
from agent.web.review.api import ReviewApi
from agent.web.review.bench import Bench
from agent.web.review.ledger import LedgerPages
from agent.web.review.pages import ReviewPages


def area(desk: Desk) -> tuple[APIRouter, ...]:
    bench = Bench(desk)
    # The ledger first: its addresses look like a part's.
    return LedgerPages(desk, bench).router, ReviewPages(desk, bench).router, ReviewApi(desk, bench).router
