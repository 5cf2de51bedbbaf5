"""What came in: the proof of sync of each box, and the messages that were set aside."""

import time

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.web.query import MAX_ID, Reading
from fleet.store.values import Aside
from fleet.web import words
from fleet.web.desk import Desk
from fleet.web.how import PROOFS, STATES, Seen
from fleet.web.overview import Glances

PAGE = 50
SHOWN_BYTES = 1024
_FIRST = {"missing": 0, "behind": 1, "waits": 2, "nothing": 3, "complete": 4}


class IntakePages:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, glances: Glances) -> None:
        self._desk = desk
        self._glances = glances
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/setup/sync", self.sync)
        self.router.add_api_route("/setup/aside", self.aside)

    def sync(self, request: Request) -> Response:
        """Each box's proof, those that something is missing of first."""
        fleet, speech = self._glances.look(), self._desk.sheets.speech(request)
        rows = sorted(fleet.every, key=lambda one: (_FIRST[one.proof], one.glance.sync.complete_ms))
        return self._desk.sheets.page(
            request,
            "fleet/sync.html",
            here="setup",
            tab="sync",
            rows=rows,
            counts={proof: sum(one.proof == proof for one in rows) for proof in PROOFS},
            states=STATES,
            proofs=PROOFS,
            proof=lambda one: words.proof(speech, one, fleet.at_us),
            lag=lambda one: lag_s(one, fleet.at_us),
            box_path=words.box_path,
        )

    def aside(self, request: Request) -> Response:
        """The newest messages that were not taken, and how many there ever were by cause and station."""
        now_us, speech = time.time_ns() // 1000, self._desk.sheets.speech(request)
        reading = Reading(request.query_params, self._desk.zone, [])
        before_id = reading.whole("before_id", MAX_ID)
        reading.refuse()
        found = self._desk.store.asides(before_id, PAGE + 1)
        return self._desk.sheets.page(
            request,
            "fleet/aside.html",
            here="setup",
            tab="aside",
            refusals=self._desk.store.refusals(),
            asides=found[:PAGE],
            older=found[PAGE - 1].id if len(found) > PAGE else 0,
            newest=before_id is not None,
            shown=shown,
            age=lambda at_us: words.age(speech, at_us // 1000, now_us),
        )


def lag_s(one: Seen, now_us: int) -> float | None:
    """How long ago the moment is up to which everything is there; None where nothing is."""
    sync = one.glance.sync
    return max(0.0, now_us / 1e6 - sync.complete_ms / 1e3) if sync.complete_ms else None


def shown(message: Aside) -> str:
    """The message's beginning as text that shows whatever is in it: what is no UTF-8 or cannot be printed, escaped."""
    text = message.head[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
