"""Which stored parts are replayed, and in which order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.review.choose import kept
from agent.station.backtest.values import Wishes
from agent.store.read import Reader
from agent.store.values import StoredPart
from pipelines.values import Outcome


@dataclass(frozen=True, slots=True)
class Pick:
    """A part that may be replayed. Of hundreds of thousands no more than this is held."""

    id: int
    was: Outcome


@dataclass(frozen=True, slots=True)
class Pool:
    """The parts of a query whose pictures are kept."""

    weighed: tuple[Pick, ...]
    """Lossless, each drawn with a known probability: what estimates are made from."""
    unweighed: tuple[Pick, ...]
    """Lossless, standing for themselves only."""
    lossy: tuple[Pick, ...]


def read_pool(reader: Reader, wishes: Wishes) -> Pool:
    """The parts. Raises StoreFailed."""
    weighed: list[Pick] = []
    unweighed: list[Pick] = []
    lossy: list[Pick] = []
    for page in kept(reader, replace(wishes.query, kept=True)):
        for part in page:
            pick = Pick(part.id, part.record.verdict.outcome)
            if not is_lossless(part):
                lossy.append(pick)
            elif part.sampling.lossless_share:
                weighed.append(pick)
            else:
                unweighed.append(pick)
    return Pool(tuple(weighed), tuple(unweighed), tuple(lossy))


def is_lossless(part: StoredPart) -> bool:
    """Whether its picture has the very pixels that were judged."""
    return part.evidence is not None and part.evidence.lossless


def in_turn(pool: Pool, wishes: Wishes) -> tuple[Pick, ...]:
    """The parts to replay. In an order by chance: wherever it ends, what was done is a fair draw of each outcome."""
    shuffled = random.Random(wishes.seed)
    apart = [*pool.unweighed, *(pool.lossy if wishes.lossy else ())]
    turns = [_shuffled([p for p in pool.weighed if p.was is o], shuffled) for o in Outcome]
    turns.append(_shuffled(apart, shuffled))
    order = tuple(_alternating(turns))
    return order[: wishes.limit] if wishes.limit else order


def _shuffled(parts: Sequence[Pick], by: random.Random) -> list[Pick]:
    return by.sample(parts, len(parts))


def _alternating(turns: Sequence[Sequence[Pick]]) -> Iterator[Pick]:
    for n in range(max(map(len, turns), default=0)):
        yield from (turn[n] for turn in turns if n < len(turn))
