"""Models: which station runs what, and roll-outs: begun, watched, stopped, gone on with, cancelled."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from agent.errors import Problem
from agent.web.forms import read_form
from agent.web.query import MAX_ID, QueryRefused
from agent.web.sheet import back
from agent.web.who import person
from fleet.rollout.rules import UNDER_WAY, failed, failures
from fleet.rollout.values import Rollout
from fleet.store.rollouts import RolloutRefused, Rollouts
from fleet.web import words
from fleet.web.asked import plan_of
from fleet.web.desk import Desk
from fleet.web.files import ModelFiles
from fleet.web.how import STATES
from fleet.web.listed import Search, sections
from fleet.web.overview import CLOCK, RENEW_S, Glances

ADDRESS = "/models"
MOST_FORM_BYTES, MOST_FIELDS = 512 * 1024, 5000
"""A field a chosen station."""
TONES = {"installed": "good", "activated": "good", "refused": "bad", "silent": "bad", "waiting": "none"}
"""The others are busy; cancelled is none."""
RolloutId = Annotated[int, Path(ge=1, le=MAX_ID)]


class RolloutPages:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, glances: Glances, rollouts: Rollouts, files: ModelFiles) -> None:
        self._desk = desk
        self._glances = glances
        self._rollouts = rollouts
        self._files = files
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        one = f"{ADDRESS}/rollouts/{{rollout}}"
        add(ADDRESS, self.page)
        add(one, self.one)
        add("/live/rollouts/{rollout}", self.live)
        add(f"{ADDRESS}/rollouts", self.begin, methods=["POST"])
        add(f"{one}/stop", self.stop, methods=["POST"])
        add(f"{one}/go-on", self.go_on, methods=["POST"])
        add(f"{one}/cancel", self.cancel, methods=["POST"])

    def page(self, request: Request) -> Response:
        return self._page(request)

    def _page(self, request: Request, status: int = 200, problems: tuple[Problem, ...] = ()) -> Response:
        fleet = self._glances.look()
        config = self._desk.config.rollout
        return self._desk.sheets.page(
            request,
            "fleet/models.html",
            status,
            here="models",
            problems=problems,
            sections=sections(fleet.every, Search()),
            states=STATES,
            box_path=words.box_path,
            files=tuple(file for file in self._rollouts.files() if self._files.there(file)),
            rollouts=self._rollouts.every(),
            counts=counts_of,
            on=bool(config.address),
            most_mb=config.cap_mb,
        )

    def one(self, request: Request, rollout: RolloutId) -> Response:
        """One roll-out. Raises HTTPException: 404."""
        return self._one(request, "fleet/rollout.html", rollout)

    def live(self, request: Request, rollout: RolloutId) -> Response:
        """The part of its page that changes."""
        answer = self._one(request, "fleet/rollout_now.html", rollout)
        answer.headers[CLOCK] = self._desk.sheets.speech(request).clock(time.time_ns() // 1000)
        return answer

    def _one(
        self, request: Request, template: str, number: int, status: int = 200, problems: tuple[Problem, ...] = ()
    ) -> Response:
        known = self._rollouts.one(number)
        if known is None:
            raise HTTPException(404, f"there is no roll-out {number}")
        now_us, speech = time.time_ns() // 1000, self._desk.sheets.speech(request)
        online = {one.glance.box.address for one in self._glances.look().every if one.glance.presence.online}
        return self._desk.sheets.page(
            request,
            template,
            status,
            here="models",
            problems=problems,
            rollout=known,
            counts=counts_of(known),
            online=online,
            tone=lambda target: "none" if target.progress == "cancelled" else TONES.get(target.progress, "busy"),
            failed=lambda target: failed(known, target),
            age=lambda at_us: words.age(speech, at_us // 1000, now_us),
            renew_s=RENEW_S,
        )

    async def begin(self, request: Request) -> Response:
        """file, first, most_failures, activate, recipe, and to:PLACE for each place that is chosen."""
        form = await read_form(request, MOST_FORM_BYTES, MOST_FIELDS)
        who = person(request)
        try:
            if not self._desk.config.rollout.address:
                raise RolloutRefused("rollout.address is not set: stations do not know where to load from")
            plan = plan_of(form, (await asyncio.to_thread(self._glances.look)).every)
            made = await asyncio.to_thread(self._rollouts.begin, plan, who.name, time.time_ns() // 1000)
        except QueryRefused as refused:
            return await asyncio.to_thread(self._page, request, 422, refused.problems)
        except RolloutRefused as refused:
            return await asyncio.to_thread(self._page, request, 409, (Problem("", str(refused)),))
        said = {"file": plan.file_id, "stations": len(plan.stations), "first": plan.first, "activate": plan.activate}
        await asyncio.to_thread(self._desk.acts.note, who, "rollout.begin", str(made), None, said)
        return back(f"{ADDRESS}/rollouts/{made}")

    def stop(self, request: Request, rollout: RolloutId) -> Response:
        return self._act(request, "stop", rollout, self._rollouts.stop)

    def go_on(self, request: Request, rollout: RolloutId) -> Response:
        return self._act(request, "go_on", rollout, self._rollouts.go_on)

    def cancel(self, request: Request, rollout: RolloutId) -> Response:
        return self._act(
            request, "cancel", rollout, lambda number: self._rollouts.cancel(number, time.time_ns() // 1000)
        )

    def _act(self, request: Request, name: str, number: int, act: Callable[[int], Any]) -> Response:
        try:
            act(number)
        except RolloutRefused as refused:
            return self._one(request, "fleet/rollout.html", number, 409, (Problem("", str(refused)),))
        self._desk.acts.note(person(request), f"rollout.{name}", str(number))
        return back(f"{ADDRESS}/rollouts/{number}")


def counts_of(rollout: Rollout) -> Mapping[str, int]:
    """How many stations have it, are at it, wait, have failed."""
    progress = [target.progress for target in rollout.targets]
    return {
        "all": len(progress),
        "have": sum(each in ("installed", "activated") for each in progress),
        "busy": sum(each in UNDER_WAY for each in progress),
        "waiting": progress.count("waiting"),
        "failed": failures(rollout),
    }
