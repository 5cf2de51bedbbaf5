"""REST of the review: what waits, what persons said, one more word."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from agent.store.ledger import Judgement, Kind, Said, entries, judgements
from agent.web.desk import Desk
from agent.web.forms import read_json
from agent.web.query import MAX_ID, PAGE, Reading
from agent.web.rest import PREFIX, REFUSALS, BeforeId, ErrorAnswer, Limit, Text, refusal
from agent.web.review.answers import (
    EntriesAnswer,
    LedgerAnswer,
    QueueAnswer,
    ReviewAnswer,
    ReviewsAnswer,
    audit_answer,
    entry_answer,
    review_answer,
    waiting_answer,
)
from agent.web.review.asked import read_books, read_page, read_work
from agent.web.review.bench import Bench, WordRefused
from agent.web.review.books import counts, sheet
from agent.web.review.forms import word_of
from agent.web.who import person

AfterId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="only parts behind this one: the next page")]
PartOf = Annotated[int | None, Query(ge=1, le=MAX_ID, description="only reviews of this part")]
_CODES: dict[int | str, dict[str, object]] = {
    **REFUSALS,
    **{code: {"model": ErrorAnswer} for code in (400, 409, 413)},
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["part", "verdict"],
                    "properties": {
                        "part": {"type": "integer", "minimum": 1},
                        "verdict": {"enum": ["ok", "ng"]},
                        "boxes": {
                            "type": "array",
                            "description": "the defects; left out: those that the machine found",
                            "items": {
                                "type": "object",
                                "required": ["label", "x1", "y1", "x2", "y2"],
                                "properties": {
                                    "label": {"type": "string"},
                                    **{edge: {"type": "number"} for edge in ("x1", "y1", "x2", "y2")},
                                },
                            },
                        },
                        "label": {"type": "string", "description": "class of a defect that is not drawn"},
                        "note": {"type": "string"},
                        "token": {"type": "string", "description": "said twice with one token it is stored once"},
                    },
                },
                "example": {
                    "part": 17,
                    "verdict": "ng",
                    "boxes": [{"label": "spur", "x1": 300, "y1": 200, "x2": 340, "y2": 236}],
                    "token": "6f1c",
                },
            }
        },
    }
}


class ReviewApi:
    """`router` has the routes."""

    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._desk = desk
        self._bench = bench
        self.router = APIRouter(prefix=PREFIX, responses=_CODES)
        add = self.router.add_api_route
        add("/reviews", self.reviews, response_model=ReviewsAnswer)
        add("/reviews", self.give, methods=["POST"], response_model=ReviewAnswer, openapi_extra=_BODY)
        add("/review/queue", self.queue, response_model=QueueAnswer)
        add("/review/ledger", self.ledger, response_model=LedgerAnswer)
        add("/review/ledger/{kind}", self.entries, response_model=EntriesAnswer)

    def reviews(
        self,
        request: Request,
        part: PartOf = None,
        reviewer: Text = "",
        stratum: Text = "",
        before_id: BeforeId = None,
        limit: Limit = PAGE,
    ) -> ReviewsAnswer:
        """What persons said, newest first. Nothing here tells what the machine said of an audit that still waits."""
        del reviewer, stratum  # declared for OpenAPI
        reading = Reading(request.query_params, self._desk.zone, [])
        said = Said(
            part or 0, reading.text("reviewer"), reading.one_of("stratum", ("audit", "queue", "import")), before_id,
            limit + 1,
        )  # fmt: skip
        reading.refuse()
        found = self._desk.results.ask(judgements(said))
        page = found[:limit]
        following = page[-1].review.id if len(found) > limit else None
        return ReviewsAnswer(reviews=tuple(map(review_answer, page)), next_before_id=following)

    async def give(self, request: Request) -> ReviewAnswer | Response:
        """A person's verdict on a part. What the machine said stays what it is.

        An audit is judged blind: its boxes are those that are sent, and left out there are none.
        """
        body = await read_json(request)
        return await run_in_threadpool(self._given, request, body)

    def _given(self, request: Request, body: Mapping[str, object]) -> ReviewAnswer | Response:
        number = body.get("part")
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_ID:
            return refusal(422, f"part {str(number)[:40]}: a whole number from 1 to {MAX_ID} is allowed")
        if strange := sorted(body.keys() - {"part", "verdict", "boxes", "label", "note", "token"}):
            return refusal(422, f"{strange[0][:40]}: unknown; known are part, verdict, boxes, label, note, token")
        who = person(request)
        look = self._bench.look(number, who)
        if look is None:
            return refusal(404, f"there is no judged part {number}")
        try:
            word, token = word_of(body)
            review = self._bench.give(look, word, who, token)
        except WordRefused as error:
            return refusal(error.status, str(error))
        return review_answer(Judgement(review, look.part.record.verdict.outcome))

    def queue(
        self,
        request: Request,
        pile: Text = "queue",
        lane: Text = "",
        recipe: Text = "",
        since: Text = "",
        until: Text = "",
        order: Text = "newest",
        after: AfterId = None,
        limit: Limit = PAGE,
    ) -> QueueAnswer:
        """Parts that wait for a person. Of the audit's it is not told what the machine said of them."""
        del pile, lane, recipe, since, until, order  # declared for OpenAPI
        work = read_work(dict(request.query_params), self._desk.zone, None, ("after", "limit"))
        read_page(request.query_params, self._desk.zone, "after")
        behind = self._desk.results.part(after) if after else None
        found = self._bench.waiting(work, limit + 1, behind)
        page = found[:limit]
        parts = tuple(waiting_answer(part, work.pile == "audit") for part in page)
        return QueueAnswer(pile=work.pile, parts=parts, next_after=page[-1].id if len(found) > limit else None)

    def ledger(
        self,
        request: Request,
        recipe: Text = "",
        model: Text = "",
        since: Text = "",
        until: Text = "",
        bound: Text = "0.01",
        confidence: Text = "0.95",
    ) -> LedgerAnswer:
        """Escapes and overkills as rates, from the audit alone, and how many audits a bound still takes."""
        del recipe, model, since, until, bound, confidence  # declared for OpenAPI
        books = read_books(request.query_params, self._desk.zone)
        found = sheet(self._desk.results, books)
        return LedgerAnswer(
            bound=books.bound,
            confidence=books.confidence,
            waiting=found.waiting,
            total=audit_answer(None, found.audit, books),
            by_machine=tuple(audit_answer(machine, its, books) for machine, its in found.machines),
            disputed=counts(found),
        )

    def entries(
        self,
        request: Request,
        kind: Kind,
        recipe: Text = "",
        model: Text = "",
        since: Text = "",
        until: Text = "",
        before_id: BeforeId = None,
        limit: Limit = PAGE,
    ) -> EntriesAnswer:
        """The parts of one kind, the newest review first. How they came before a person is chosen: no estimate."""
        del recipe, model, since, until  # declared for OpenAPI
        books = read_books(request.query_params, self._desk.zone, ("before_id", "limit"))
        found = self._desk.results.ask(entries(kind, books.period, limit + 1, before_id))
        page = found[:limit]
        following = page[-1].review.id if len(found) > limit else None
        return EntriesAnswer(kind=kind, entries=tuple(map(entry_answer, page)), next_before_id=following)
