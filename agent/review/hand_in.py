"""Handing reviews to whoever writes the store: the running station, or this process where none runs."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from agent.clock import SystemClock
from agent.config import Config
from agent.control import ask
from agent.lock import DataFolderBusy, DataLock
from agent.review.said import ANSWER_S, said
from agent.store.values import Review
from agent.store.write import Writer
from agent.uplink.payload import StationEncoder

Progress = Callable[[int, int], None]


def hand_in(config: Config, reviews: Sequence[Review], progress: Progress) -> None:
    """Have them stored, one after the other.

    Raises ControlFailed, ReviewRefused, StoreFailed. What was stored until then stays; as every review
    has its token, handing all of them in again is harmless.
    """
    with ExitStack() as stack:
        store = _way(stack, config)
        for done, review in enumerate(reviews, 1):
            store(review)
            progress(done, len(reviews))


def _way(stack: ExitStack, config: Config) -> Callable[[Review], object]:
    try:
        stack.enter_context(DataLock(config.station.data))
    except DataFolderBusy:
        return lambda review: ask(config.station.runtime, "review", ANSWER_S, **said(review))
    store = _writer(config).start()
    stack.callback(store.close)
    return store.review


def _writer(config: Config) -> Writer:
    return Writer(
        config.station.data,
        config.store,
        config.uplink.settle if config.uplink.host else "off",
        lanes=tuple(config.lanes),
        encoder=StationEncoder.of(config.station),
        clock=SystemClock(),
        reserve_bytes=config.evidence.reserve_mb * 1_000_000,
    )
