"""What else than parts is handed to the writer: each a function of its connection, done on the write thread."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from pathlib import Path

from sqlalchemy import Connection

from agent.errors import StoreFailed
from agent.ports import Clock
from agent.store import outbox, records, reviews
from agent.store.inbox import Fact, Happening, Inbox
from agent.store.values import Encoder, Evidence, Review, Sampling, SecondOpinion

ANSWER_TIMEOUT_S = 60.0
UNKNOWN = Sampling()


class Facts:
    """The facts that can be told, from any thread."""

    def __init__(self, database: Path, inbox: Inbox, encoder: Encoder, clock: Clock) -> None:
        self.database = database
        self.trouble = ""
        """Why nothing can be committed now, in SQLite's words; empty when it can."""
        self._inbox = inbox
        self._encoder = encoder
        self._clock = clock

    def event(self, name: str, **detail: str | int | float) -> None:
        """See `agent.ports.Store`. Never waits."""
        self._inbox.tell(Happening(self._clock.now(), name, detail))

    def settle(self, epoch: str, seq: int, missing: Sequence[int] = ()) -> int:
        """The centre holds everything up to `seq` but for `missing`; how many were settled. Raises StoreFailed."""
        lacking = tuple(missing)
        return self._ask(
            lambda conn: outbox.settle(conn, self._encoder, self._clock.now(), epoch=epoch, seq=seq, missing=lacking)
        )

    def resend(self, from_seq: int, to_seq: int) -> int:
        """Let these messages wait for the centre again; how many there are. Raises StoreFailed."""
        return self._ask(lambda conn: outbox.resend(conn, from_seq, to_seq))

    def set_evidence(self, record_id: int, evidence: Evidence, sampling: Sampling = UNKNOWN) -> None:
        """Name a part's picture, once it is on disk. Raises StoreFailed when the store is closed."""
        self._tell(lambda conn: records.set_evidence(conn, record_id, evidence, sampling))

    def drop_evidence(self, record_ids: Sequence[int]) -> None:
        """The pictures of these parts are gone. Raises StoreFailed when the store is closed."""
        ids = tuple(record_ids)
        self._tell(lambda conn: records.drop_evidence(conn, ids))

    def review(self, review: Review) -> int:
        """What a person said about a part: its id, once it is durable. The machine's verdict stays.

        A review that comes again with the same token is not stored again. Raises ReviewRefused (of
        `agent.store.reviews`) for a part that is not there or a review that cannot be one, StoreFailed.
        """
        reviews.check(review)
        refused: list[str] = []

        def write(conn: Connection) -> int:
            answer = reviews.add_review(conn, review, self._clock.now().utc_us)
            if isinstance(answer, int):
                return answer
            refused.append(answer)
            return 0

        number = self._ask(write)
        if not number:
            raise reviews.ReviewRefused(refused[-1])
        return number

    def second_opinion(self, opinion: SecondOpinion) -> None:
        """What another model saw on a part, once a part, model and role. Never waits.

        Raises StoreFailed when the store is closed.
        """
        self._tell(lambda conn: reviews.add_opinion(conn, opinion))

    def state(self, fact: Callable[[Connection], int]) -> int:
        """What a fact of `agent.store` answers, once it is durable. Not from the write thread. Raises StoreFailed."""
        return self._ask(fact)

    def flush(self) -> None:
        """Come back once all that this thread told before is durable. Raises StoreFailed."""
        self._ask(lambda _: 0)

    def _ask(self, write: Callable[[Connection], int]) -> int:
        fact = Fact(write, Future())
        self._inbox.tell(fact)
        assert fact.done is not None
        return self._answer(fact.done)

    def _answer(self, done: Future[int]) -> int:
        try:
            return done.result(ANSWER_TIMEOUT_S)
        except NoAnswer as error:
            raise StoreFailed(f"{self.database}: no answer within {ANSWER_TIMEOUT_S:.0f} s {self.trouble}") from error

    def _tell(self, write: Callable[[Connection], None]) -> None:
        def written(conn: Connection) -> int:
            write(conn)
            return 0

        self._inbox.tell(Fact(written))
