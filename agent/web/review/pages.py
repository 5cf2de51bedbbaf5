"""The pages of the review: the two piles, one part before a person."""

import secrets
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from agent.errors import Problem
from agent.store.ledger import judged_with
from agent.store.queue import Wanted
from agent.store.values import StoredPart
from agent.web import drawing
from agent.web.board import reasons_of
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.pictures import evidence_file, kept_headers
from agent.web.query import QueryRefused
from agent.web.rest import PartId
from agent.web.review.asked import FILTER, PILES, Pile, Work, read_page, read_work
from agent.web.review.bench import MANY, Bench, Look, WordRefused
from agent.web.review.claims import Seat
from agent.web.review.facing import facing
from agent.web.review.forms import word_of_form
from agent.web.sheet import back
from agent.web.who import person

SEAT = "okng_seat"
CARDS = 48
DONE = ("done", "said")
"""What an address carries from the part just judged to the next one: its id, and the verdict."""


class ReviewPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._desk = desk
        self._bench = bench
        self._sheets = desk.sheets
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/review", self.queue)
        add("/review/audit", self.audit)
        add("/review/next", self.go_on)
        add("/review/{id}", self.part)
        add("/review/{id}", self.give, methods=["POST"])
        add("/review/{id}/claim", self.claim, methods=["POST"])
        add("/review/{id}/thumbnail", self.thumbnail)

    def queue(self, request: Request) -> Response:
        """What the machine found bad, could not judge, or passed by little."""
        return self._pile(request, "queue")

    def audit(self, request: Request) -> Response:
        """What was drawn before it was judged. Nothing here may hang on what the machine said."""
        return self._pile(request, "audit")

    def _pile(self, request: Request, pile: Pile) -> Response:
        asked = {name: value for name, value in request.query_params.items() if value}
        problems: tuple[Problem, ...] = ()
        try:
            work = read_work(asked, self._desk.zone, pile, ("page", *DONE))
            page = read_page(asked, self._desk.zone, "page").before_id or 1
        except QueryRefused as error:
            work, problems, page = Work(pile, Wanted(), "newest", {}), error.problems, 1
        found = self._bench.waiting(work, min(page * CARDS + 1, MANY)) if not problems else ()
        cards = found[(page - 1) * CARDS : page * CARDS]
        lengths = self._bench.lengths(work)
        speech = self._sheets.speech(request)
        return self._sheets.page(
            request,
            "review/pile.html",
            422 if problems else 200,
            here="review",
            pile=pile,
            work=work,
            cards=cards,
            first=cards[0].id if cards else None,
            lengths=dict(zip(PILES, lengths, strict=True)),
            many=MANY,
            problems=problems,
            chosen={name: asked.get(name, "") for name in (*FILTER, "order")},
            lane_names=tuple(self._desk.config.lanes),
            recipes=tuple(dict.fromkeys(recipe for recipe, _ in self._desk.results.ask(judged_with))),
            reasons=lambda part: reasons_of(speech, part.record.verdict.reasons),
            audit_share=self._desk.config.evidence.audit_share,
            newer=work.address(f"/review{'/audit' if pile == 'audit' else ''}", page=page - 1) if page > 1 else "",
            older=work.address(f"/review{'/audit' if pile == 'audit' else ''}", page=page + 1)
            if len(found) > page * CARDS
            else "",
            done=_done(asked),
        )

    def go_on(self, request: Request) -> Response:
        """To the part behind this one (`after`), or to the first: what is skipped stays where it is."""
        asked = dict(request.query_params)
        work = read_work(asked, self._desk.zone, None, ("after", *DONE))
        after = read_page(asked, self._desk.zone, "after").before_id
        part = self._desk.results.part(after) if after else None
        return self._to_next(request, work, part, {})

    def part(self, request: Request, id: PartId) -> Response:
        """One part, to be judged."""
        work = read_work(dict(request.query_params), self._desk.zone, None, DONE)
        look = self._bench.look(id, person(request))
        if look is None:
            return self._sheets.error(request, 404)
        seat, fresh = self._seat(request)
        answer = self._shown(request, look, work, other=self._bench.claims.take(id, seat))
        if fresh:
            answer.set_cookie(SEAT, seat.id, httponly=True, samesite="lax")
        return answer

    def _shown(
        self, request: Request, look: Look, work: Work, other: Seat | None, status: int = 200, wrong: str = ""
    ) -> Response:
        speech = self._sheets.speech(request)
        asked = dict(request.query_params)
        ahead = self._bench.waiting(work, 2, look.part)
        return self._sheets.page(
            request,
            "review/part.html",
            status,
            here="review",
            work=work,
            skip=work.address("/review/next", after=look.part.id),
            send=work.address(f"/review/{look.part.id}"),
            token=secrets.token_hex(12),
            other=other.name if other else None,
            ahead=ahead[0].id if ahead else None,
            done=_done(asked),
            wrong=wrong,
            **facing(speech, look, person(request)),
        )

    async def give(self, request: Request, id: PartId) -> Response:
        """A verdict; then the next part at once."""
        form = await read_form(request)
        return await run_in_threadpool(self._given, request, id, form)

    def _given(self, request: Request, number: int, form: Mapping[str, str]) -> Response:
        work = read_work(dict(request.query_params), self._desk.zone, None, DONE)
        who = person(request)
        look = self._bench.look(number, who)
        if look is None:
            return self._sheets.error(request, 404)
        try:
            word, token = word_of_form(form)
            review = self._bench.give(look, word, who, token)
        except WordRefused as error:
            return self._shown(request, look, work, None, error.status, str(error))
        return self._to_next(request, work, look.part, {"done": str(number), "said": review.verdict})

    def _to_next(
        self, request: Request, work: Work, after: StoredPart | None, done: dict[str, str]
    ) -> RedirectResponse:
        seat, _ = self._seat(request)
        self._bench.claims.leave(seat)
        following = self._bench.next(work, self._bench.claims.others(seat), after)
        home = "/review/audit" if work.pile == "audit" else "/review"
        return back(work.address(f"/review/{following}" if following else home, **done))

    def claim(self, request: Request, id: PartId) -> Response:
        """The page is still open; who else has the part open."""
        seat, _ = self._seat(request)
        other = self._bench.claims.take(id, seat)
        return JSONResponse({"other": None if other is None else other.name})

    def thumbnail(self, id: PartId) -> Response:
        """A small picture of the whole part: nothing is marked on it."""
        part = self._desk.results.part(id)
        file = evidence_file(self._desk.config.station.data, part.evidence) if part else None
        if file is None or part is None or part.evidence is None:
            return Response(status_code=404)
        try:
            small = drawing.thumbnail(file.read_bytes(), None)
        except OSError:
            small = None
        if small is None:
            return Response(status_code=404)
        return Response(small, media_type="image/jpeg", headers=kept_headers(f"w-{part.evidence.sha256}"))

    def _seat(self, request: Request) -> tuple[Seat, bool]:
        """Where this person sits, and whether that has to be remembered yet."""
        known = request.cookies.get(SEAT, "")
        fresh = not (known.isascii() and known.isalnum() and len(known) == 16)
        return Seat(secrets.token_hex(8) if fresh else known, person(request).name), fresh


def _done(asked: dict[str, str]) -> tuple[int, str] | None:
    """The part just judged and what was said of it, for a word about it and the way back."""
    number, said = asked.get("done", ""), asked.get("said", "")
    if number.isascii() and number.isdigit() and len(number) < 19 and said in ("ok", "ng"):
        return int(number), said
    return None
