"""Real messages of a station, for those who read them: made by its own encoder from judged parts."""

import json
from pathlib import Path
from typing import Any

from agent.status import Alarm
from agent.store.values import StoredEvent, Totals
from agent.uplink.payload import StationEncoder
from pipelines.summary import Window, summarise
from pipelines.values import (
    Detection,
    Inspection,
    Origin,
    Outcome,
    Quality,
    Reason,
    Record,
    Rule,
    Stages,
    Stamp,
    Verdict,
)

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
ENCODER = StationEncoder("plant", "line1", "station1")
EPOCH = "0123456789abcdef"
NOW_US = 1_795_521_000_000_000
ALARM = {"alarm": "camera_gone", "lane": "top", "detail": "unplugged"}
"""What the event of its beginning says."""
CAMERA_GONE = Alarm(name="camera_gone", lane="top", since_utc_us=NOW_US, detail="unplugged")


def record(sequence: int, outcome: Outcome) -> Record:
    origin = Origin("top", "top", "serial", "board", "a" * 64, "deeppcb-1", "b" * 64, "CPU", "0.1.0")
    reasons = {
        Outcome.OK: (),
        Outcome.NG: (Reason(Rule.DEFECT, 0.9, 0.5, "pin-hole"),),
        Outcome.UNSURE: (Reason(Rule.TOO_DARK, 3.0, 20.0),),
    }
    found = (Detection("pin-hole", 0.9, 1, 1, 20, 20),) if outcome is Outcome.NG else ()
    seen = Inspection(found, Quality(200.0, 100.0, 0.0, 5.0, 0), 640, 640, Stages(total_ms=12.0 + sequence % 7))
    return Record(origin, "run", sequence, 0, Stamp(NOW_US, 0, "b"), NOW_US, seen, Verdict(outcome, reasons[outcome]))


def summary(ok: int = 0, ng: int = 0, unsure: int = 0, seq: int = 1) -> bytes:
    """One window of the lane "top"."""
    wanted = [Outcome.OK] * ok + [Outcome.NG] * ng + [Outcome.UNSURE] * unsure
    parts = [record(n, outcome) for n, outcome in enumerate(wanted, 1)]
    made = summarise("top", "cam", Window(NOW_US, NOW_US + 60_000_000, 1, len(parts)), parts)
    return ENCODER.summary(EPOCH, seq, made, Totals(made.parts, made.ok, made.ng, made.unsure))[1]


def messages() -> dict[str, list[dict[str, Any]]]:
    """Kind -> payloads: a window with parts and an empty one, birth and farewell, ..."""
    raw = {
        "summary": [summary(ok=7, ng=2, unsure=1), summary(seq=2)],
        "status": [
            ENCODER.status(True, NOW_US // 1000, "0.1.0", "boot", "instance"),
            ENCODER.status(False, NOW_US // 1000, "0.1.0", "boot", "instance", "lost"),
        ],
        "alarms": [
            ENCODER.alarms(NOW_US // 1000, [CAMERA_GONE]),
            ENCODER.alarms(NOW_US // 1000, []),
            ENCODER.alarms(NOW_US // 1000, None),
        ],
        "event": [ENCODER.event(EPOCH, 3, StoredEvent(1, NOW_US, "alarm", ALARM))[1]],
    }
    return {kind: [json.loads(payload) for payload in payloads] for kind, payloads in raw.items()}


def fields_of(kind: str) -> set[str]:
    """The fields that the published schema of a message names."""
    return set(json.loads((SCHEMAS / f"{kind}.json").read_text())["properties"])
