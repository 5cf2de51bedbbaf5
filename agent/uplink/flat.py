"""A station's values as the flat fields of its messages. Pure: the same values give the same fields.

The encoder runs inside the writer's transaction, so nothing that a station can measure or be named
makes it fail: what is not finite is left out, text that is no UTF-8 is mended, long text is cut.
"""

import math
import re
import zlib
from collections import Counter
from itertools import accumulate
from typing import Any

from agent.store.values import StoredPart
from agent.uplink.messages import LATENCY_FIELDS, SCORE_FIELDS
from pipelines.summary import LATENCY_BOUNDS_MS, Summary, quantile
from pipelines.values import Outcome, Rule

MAX_TEXT = 1000
"""Longest text of a detail, characters, so that a message stays far below MAX_PAYLOAD_BYTES."""
_DECIMALS = 3
_OUTCOME_RULES = {Rule.DEFECT: "defect", Rule.MISSING: "missing"}


def slug(name: str) -> str:
    """A name as part of a field's name: a-z, 0-9 and _.

    "pin-hole" becomes pin_hole. Where more than case, spaces and hyphens is lost (other scripts), a
    checksum of the whole name keeps two names apart, always by the same field.
    """
    plain = name.lower().replace("-", "_").replace(" ", "_")
    short = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60]
    if short and short == plain:
        return short
    return f"{short}_{zlib.crc32(name.encode('utf-8', 'replace')):08x}".lstrip("_")


def text(value: str, limit: int = MAX_TEXT) -> str:
    """Text that is UTF-8 and at most `limit` characters long."""
    return value.encode("utf-8", "replace").decode()[:limit]


def number(value: float | None) -> float | None:
    """Rounded to what is worth sending; None where it is not finite."""
    return round(float(value), _DECIMALS) if value is not None and math.isfinite(value) else None


def ms(utc_us: int) -> int:
    return max(utc_us, 0) // 1000


def detail(value: str | int | float) -> str | int | float | None:
    if isinstance(value, str):
        return text(value)
    return int(value) if isinstance(value, int) else number(value)


def flat(value: Any) -> str | int | float | None:
    """One field's worth of what the station answered: a list as comma-separated text."""
    if isinstance(value, str | int | float):
        return detail(value)
    return text(",".join(map(str, value))) if isinstance(value, list | tuple) else None


def window(summary: Summary) -> dict[str, Any]:
    window = summary.window
    parts = {"first_part_ts": ms(summary.first_part_utc_us), "last_part_ts": ms(summary.last_part_utc_us)}
    return {
        "lane": summary.lane,
        "camera": text(summary.camera, 128),
        "window_start": ms(window.start_utc_us),
        "window_end": ms(window.end_utc_us),
        "first_id": window.first_id,
        "last_id": window.last_id,
        **(parts if summary.parts else {}),
    }


def counts(summary: Summary) -> dict[str, Any]:
    plain = ("parts", "ok", "ng", "unsure", "first_pass", "first_pass_ok", "missed", "other_purposes")
    labels: Counter[str] = Counter()
    for prefix, found in (("defect", summary.defects), ("missing", summary.missing)):
        for name, count in found:
            labels[f"{prefix}_{slug(name)}"] += count
    return {
        **{name: getattr(summary, name) for name in plain},
        "untrusted_clock": summary.untrusted_clock,
        "yield_pct": _percent(summary.ok, summary.parts),
        "first_pass_yield_pct": _percent(summary.first_pass_ok, summary.first_pass),
        **labels,
        **{f"unsure_{slug(rule)}": parts for rule, parts in summary.unsure_reasons},
    }


def measures(summary: Summary) -> dict[str, Any]:
    latency, pictures = summary.latency_ms, summary.quality_parts
    return {
        **dict(zip(LATENCY_FIELDS, accumulate(latency), strict=False)),
        "latency_count": sum(latency),
        "latency_sum_ms": number(summary.latency_sum_ms) or 0.0,
        "latency_max_ms": number(summary.latency_max_ms) or 0.0,
        "latency_p50_ms": number(quantile(latency, LATENCY_BOUNDS_MS, 0.5)) if summary.parts else None,
        "latency_p99_ms": number(quantile(latency, LATENCY_BOUNDS_MS, 0.99)) if summary.parts else None,
        **dict(zip(SCORE_FIELDS, accumulate(summary.scores), strict=False)),
        "score_count": sum(summary.scores),
        "quality_parts": pictures,
        "brightness_sum": number(summary.brightness_sum) or 0.0,
        "sharpness_sum": number(summary.sharpness_sum) or 0.0,
        "brightness_mean": number(summary.brightness_sum / pictures) if pictures else None,
        "sharpness_mean": number(summary.sharpness_sum / pictures) if pictures else None,
        "temperature_c": number(summary.temperature_c),
    }


def _percent(some: int, of: int) -> float | None:
    return number(100 * some / of) if of else None


def verdict(part: StoredPart) -> dict[str, Any]:
    record = part.record
    outcome, seen = record.verdict.outcome, record.inspection
    reasons = record.verdict.reasons
    quality = seen.quality
    found = Counter(f"{_OUTCOME_RULES[r.rule]}_{slug(r.label)}" for r in reasons if r.rule in _OUTCOME_RULES)
    return {
        "outcome": str(outcome),
        **{name: int(outcome is which) for name, which in zip(("ok", "ng", "unsure"), Outcome, strict=True)},
        "latency_ms": number(seen.stages.total_ms),
        "reasons": text(",".join(dict.fromkeys(_reason(r.rule, r.label) for r in reasons))),
        "detections": len(seen.detections),
        "score_max": number(max((d.score for d in seen.detections), default=None)),
        "brightness": number(quality.brightness) if quality else None,
        "sharpness": number(quality.sharpness) if quality else None,
        **(found if outcome is Outcome.NG else {}),
        **({f"unsure_{r.rule}": 1 for r in reasons} if outcome is Outcome.UNSURE else {}),
    }


def _reason(rule: Rule, label: str) -> str:
    return f"{rule}:{label}" if label else str(rule)
