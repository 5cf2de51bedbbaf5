"""Replays stored evidence through a candidate model, in a process of its own at the lowest priority."""

import heapq
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from agent.station.backtest.answer import answer
from agent.station.backtest.judging import Judging, Seen, Tampered, Unreadable
from agent.station.backtest.pool import Pick, in_turn, is_lossless, read_pool
from agent.station.backtest.values import Backtest, Change, Replayed, Tally, Wishes
from agent.store.read import Reader
from agent.store.values import StoredPart
from pipelines.values import Outcome, Pixels, Rule

LONGEST_PX = 640
"""Of a picture on the page."""
JPEG_QUALITY = 85
STATION_RULES = frozenset(
    {Rule.LATE, Rule.NOT_READY, Rule.INTERRUPTED, Rule.ERROR, Rule.STALE, Rule.FROZEN}
    | {Rule.INCOMPLETE, Rule.UNREADABLE, Rule.WRONG_SIZE}
)
"""Why a part was UNSURE whatever any model would have seen on its picture."""
Progress = Callable[[int, int], None]


def backtest(
    reader: Reader, evidence: Path, judging: Judging, wishes: Wishes, progress: Progress, ended: Callable[[], bool]
) -> Backtest:
    """Replay and count. `ended` is asked between two parts: what was done until then is a fair draw.

    Raises StoreFailed, RecipeRefused, EngineFailed, OSError.
    """
    begun = time.monotonic()
    pool = read_pool(reader, wishes)
    turn = in_turn(pool, wishes)
    tally = Tally()
    for done, pick in enumerate(turn, 1):
        if ended():
            tally.interrupted = True
            break
        _try(reader, evidence, judging, pick, tally, wishes.shown)
        progress(done, len(turn))
    tally.took_s = time.monotonic() - begun
    return answer(reader, judging.candidate, wishes, pool, tally)


def _try(reader: Reader, evidence: Path, judging: Judging, pick: Pick, tally: Tally, shown: int) -> None:
    tally.tried.add(pick.id)
    part = reader.part(pick.id)
    if part is None or part.evidence is None:
        tally.gone += 1
        return
    try:
        seen = judging.replay(part, evidence)
    except FileNotFoundError:
        tally.gone += 1
    except Tampered as error:
        tally.tampered.append(str(error))
    except Unreadable:
        tally.unreadable += 1
    else:
        replayed = _replayed(part, seen)
        tally.replayed.append(replayed)
        tally.rules[seen.rules] += 1
        _remember(tally, replayed, part, seen, shown)


def _replayed(part: StoredPart, seen: Seen) -> Replayed:
    was = part.record.verdict.outcome
    rules = {reason.rule for reason in part.record.verdict.reasons}
    return Replayed(
        id=part.id,
        was=was,
        would_be=seen.verdict.outcome,
        by_then=None if seen.by_then is None else seen.by_then.outcome,
        share=part.sampling.lossless_share,
        lossless=is_lossless(part),
        audit=part.sampling.audit_share is not None,
        infer_ms=seen.inspection.stages.infer_ms,
        comparable=was is not Outcome.UNSURE or not rules & STATION_RULES,
    )


def _remember(tally: Tally, replayed: Replayed, part: StoredPart, seen: Seen, most: int) -> None:
    """Keep the picture of a part that changed sides, of each kind those that say most."""
    passes = replayed.would_be is Outcome.OK
    if (replayed.was is Outcome.OK) is passes or not replayed.comparable or most < 1:
        return
    kept = tally.changes.setdefault((replayed.was, passes), [])
    found = part.record.inspection.detections if passes else seen.inspection.detections
    weight = max((d.score for d in found), default=0.0)
    if len(kept) == most and weight <= kept[0][0]:
        return
    height, width = seen.pixels.shape[:2]
    small = _small(seen.pixels)
    reasons, detections = seen.verdict.reasons, seen.inspection.detections
    by_rules = replayed.by_then is not None and (replayed.by_then is Outcome.OK) is not passes
    change = Change(part, replayed.would_be, reasons, detections, small, width, height, by_rules)
    entry = (weight, part.id, change)
    if len(kept) < most:
        heapq.heappush(kept, entry)
    else:
        heapq.heapreplace(kept, entry)


def _small(pixels: Pixels) -> bytes:
    height, width = pixels.shape[:2]
    factor = min(1.0, LONGEST_PX / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = pixels if factor == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
