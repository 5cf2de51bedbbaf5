"""Alarms of all stations: those that stand, and those that have ended."""

import time
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.store.values import Alarm, Scope
from fleet.web import words
from fleet.web.desk import Desk

FIELDS = ("site", "line", "station")
MOST_NAME = 63
MOST_ENDED = 200


class AlarmPages:
    """The route; `router` has it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/alarms", self.alarms)

    def alarms(self, request: Request) -> Response:
        now_us, speech = time.time_ns() // 1000, self._desk.sheets.speech(request)
        chosen = {name: request.query_params.get(name, "").strip()[:MOST_NAME] for name in FIELDS}
        every = self._desk.store.alarms(Scope(chosen["site"], chosen["line"], chosen["station"]))
        ended = sorted((one for one in every if one.ended_ms), key=lambda one: -one.ended_ms)
        return self._desk.sheets.page(
            request,
            "fleet/alarms.html",
            here="alarms",
            chosen=chosen,
            standing=standing_first(every),
            ended=ended[:MOST_ENDED],
            left=len(ended) - MOST_ENDED,
            alarm=lambda one: words.alarm(speech, one),
            age=lambda at_ms: words.age(speech, at_ms, now_us),
            lasted=lambda one: speech.duration((one.ended_ms - one.since_ms) / 1e3),
            box_path=words.box_path,
        )


def standing_first(every: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """Those that stand: those that nobody knows of before the others, then the newest first."""
    standing = [one for one in every if not one.ended_ms]
    return tuple(sorted(standing, key=lambda one: (bool(one.known_ms), -one.since_ms)))
