"""The pages of the shift: the challenge run of a lane, what was, the sets of challenge parts."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from agent.challenges import MOST_PARTS, ChallengePart, ChallengeRefused, ChallengeSet, checked
from agent.errors import Problem
from agent.recipes import Recipes
from agent.store.challenges import RunQuery
from agent.web.forms import read_form
from agent.web.query import MAX_ID, Reading
from agent.web.rest import PartId
from agent.web.sheet import back
from agent.web.shift.desk import ActRefused, ShiftDesk
from agent.web.shift.sheets import hold_csv
from agent.web.who import person

HISTORY = 20
HELD = 100
SPARE_LINES = 3
FIELDS = ("id", "expected", "defect", "expires", "note")
_LANE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")


class ShiftPages:
    """`router` has the routes."""

    def __init__(self, shift: ShiftDesk) -> None:
        self._shift = shift
        self._sheets = shift.desk.sheets
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/shift", self.start)
        add("/shift/now", self.now)
        for verb in ("start", "next", "end", "override"):
            add(f"/shift/{verb}", self._act(verb), methods=["POST"], name=f"shift_{verb}")
        add("/shift/runs/{id}", self.run)
        add("/shift/runs/{id}/hold.csv", self.hold)
        add("/shift/challenges", self.sets)
        add("/shift/challenges", self.save, methods=["POST"])

    async def start(self, request: Request) -> Response:
        """What is required on a lane and why, the run that is on, and those before."""
        return await self._page(request, "shift/run.html")

    async def now(self, request: Request) -> Response:
        """The part of that page that changes while a run is on."""
        return await self._page(request, "shift/now.html")

    async def _page(self, request: Request, template: str, status: int = 200, refused: str = "") -> Response:
        heard = await self._shift.desk.link.heard()
        asked = dict(request.query_params)
        reading = Reading(asked, self._shift.desk.zone, [])
        before = reading.whole("before_id", MAX_ID)
        names = self._shift.lanes(heard)
        name = asked.get("lane", "") or (names[0] if names else "")
        if reading.problems or (name and name not in names):
            return self._sheets.error(request, 404)

        def draw() -> Response:
            lane = self._shift.lane(heard, name)
            history = self._shift.runs(RunQuery(lane=name, before_id=before, limit=HISTORY + 1))
            return self._sheets.page(
                request,
                template,
                status,
                here="shift",
                tab="run",
                lane=lane,
                names=names,
                shift=self._shift.calendar.at(self._now_us()),
                configured=self._shift.calendar.configured,
                history=history[:HISTORY],
                older=f"/shift?{urlencode({'lane': name, 'before_id': history[HISTORY - 1].id})}"
                if len(history) > HISTORY
                else "",
                paged=before is not None,
                refused=refused,
            )

        return await run_in_threadpool(draw)

    def _now_us(self) -> int:
        return self._shift.now_us()

    def _act(self, verb: str) -> Callable[[Request], object]:
        async def act(request: Request) -> Response:
            form = await read_form(request)
            who, lane = person(request), form.get("lane", "")[:80]
            says: Mapping[str, Callable[[], object]] = {
                "start": lambda: self._shift.begin(who, lane),
                "next": lambda: self._shift.awaits(who, lane, form.get("part", "")[:80]),
                "end": lambda: self._shift.end(who, lane),
                "override": lambda: self._shift.override(who, lane, form.get("reason", "")),
            }
            try:
                await run_in_threadpool(says[verb])
            except ActRefused as error:
                request.scope["query_string"] = urlencode({"lane": lane if _LANE.match(lane) else ""}).encode()
                return await self._page(request, "shift/run.html", error.code, str(error))
            return back(f"/shift?{urlencode({'lane': lane})}")

        return act

    def run(self, request: Request, id: PartId) -> Response:
        """One run: what each part was judged; of a failed one the parts to hold."""
        found = self._shift.run(id)
        if found is None or found.state == "lapsed":
            return self._sheets.error(request, 404)
        reading = Reading(dict(request.query_params), self._shift.desk.zone, [])
        after = reading.whole("after_id", MAX_ID) or 0
        held = self._shift.held(id, after, HELD + 1)
        more = f"/shift/runs/{id}?after_id={held[HELD - 1].id}#hold" if len(held) > HELD else ""
        return self._sheets.page(
            request, "shift/of.html", here="shift", tab="run", run=found, held=held[:HELD], more=more
        )

    def hold(self, request: Request, id: PartId) -> Response:
        """All parts to hold after a failed run."""
        found = self._shift.run(id)
        if found is None or found.state != "failed":
            return self._sheets.error(request, 404)
        return hold_csv(self._shift, found)

    def sets(self, request: Request) -> Response:
        """The challenge parts of a recipe."""
        asked = request.query_params.get("recipe", "")
        return self._set_page(request, asked, saved=request.query_params.get("saved") == "1")

    def _set_page(
        self,
        request: Request,
        recipe: str,
        *,
        rows: tuple[Mapping[str, str], ...] | None = None,
        revision: str = "",
        problems: tuple[Problem, ...] = (),
        status: int = 200,
        saved: bool = False,
    ) -> Response:
        names = tuple(dict.fromkeys((*self._recipes(), *self._shift.sets.recipes())))
        recipe = recipe or next(iter(names), "")
        found = ChallengeSet(recipe="")
        if recipe:
            try:
                found = self._shift.sets.of(recipe)
            except ChallengeRefused as error:
                problems = (*problems, *error.problems)
        shown = rows if rows is not None else tuple(_row(part) for part in found.parts)
        empty: Mapping[str, str] = dict.fromkeys(FIELDS, "") | {"expected": "ng"}
        spare = () if len(shown) >= MOST_PARTS else (empty,) * min(SPARE_LINES, MOST_PARTS - len(shown))
        return self._sheets.page(
            request,
            "shift/sets.html",
            status,
            here="shift",
            tab="parts",
            recipe=recipe,
            recipes=names,
            rows=(*shown, *spare),
            revision=revision or found.revision,
            problems=problems,
            wrong={problem.where: problem.what for problem in problems},
            saved=saved,
            expecteds=sorted({part.expected for part in found.parts}),
            expected=("ng", "not_ok", "ok"),
        )

    def _recipes(self) -> tuple[str, ...]:
        own = dict.fromkeys(lane.recipe for lane in self._shift.desk.config.lanes.values())
        return tuple(dict.fromkeys((*own, *Recipes(self._shift.desk.config.station.data).names())))

    async def save(self, request: Request) -> Response:
        """Replace a recipe's set."""
        form = await read_form(request, most=256 * 1024, fields=MOST_PARTS * (len(FIELDS) + 1))
        recipe, revision = form.get("recipe", "")[:80], form.get("revision", "")[:80]
        rows = tuple(row for n in range(MOST_PARTS) if (row := _line(form, n))["id"])

        def keep() -> Response:
            try:
                found = checked(recipe, rows)
                self._shift.save(person(request), found, revision)
            except ChallengeRefused as error:
                named = {"recipe": recipe if not any(p.where == "recipe" for p in error.problems) else ""}
                return self._set_page(
                    request, named["recipe"], rows=rows, revision=revision, problems=error.problems, status=422
                )
            except ActRefused as error:
                why = (Problem("revision", str(error)),)
                return self._set_page(request, recipe, rows=rows, revision=revision, problems=why, status=error.code)
            return back(f"/shift/challenges?{urlencode({'recipe': recipe, 'saved': 1})}")

        return await run_in_threadpool(keep)


def _row(part: ChallengePart) -> Mapping[str, str]:
    return {name: str(getattr(part, name)) for name in FIELDS}


def _line(form: Mapping[str, str], n: int) -> Mapping[str, str]:
    return {name: form.get(f"{name}.{n}", "").strip() for name in FIELDS}
