"""Drawings of the page: SVG as text, and small JPEGs. Pure functions; colours are the style sheet's.

Everything that comes from outside (labels) is escaped here; nothing carries a style of its own, for
the page's Content-Security-Policy allows none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from markupsafe import Markup, escape

from agent.web import labels
from pipelines.values import Detection, Outcome

THUMB_WIDTH_PX, THUMB_HEIGHT_PX = 256, 192
_THUMB_LEAST_PX = 128
"""Least height of the picture that a thumbnail cuts out around a defect: some context to know it by."""
_BGR_NG = (43, 67, 230)
_TICK_PX = 10
_TICK_HEIGHTS = {Outcome.OK: 9, Outcome.UNSURE: 17, Outcome.NG: 26}


@dataclass(frozen=True, slots=True)
class Box:
    """A detection as it is drawn."""

    detection: Detection
    text: str
    bad: bool
    """It made the part NG; the others were seen and did not count."""


def boxes(found: Sequence[Box], width_px: int, height_px: int) -> Markup:
    """Boxes over a picture of this size; those that count have a label, as large whatever the picture's size."""
    found = [b for b in found if _is_finite(b.detection)]
    if not width_px or not height_px:
        return Markup("")
    unit = max(width_px, height_px) / 640
    pad, size = 4 * unit, 19 * unit
    # The surest defect chooses first where its label stands; what counts is drawn last, over the rest.
    bad = sorted((b for b in found if b.bad), key=lambda b: -b.detection.score)
    plates = labels.placed([(_padded(b.detection, pad), b.text) for b in bad], size, width_px, height_px)
    drawn = [f'<g class="seen">{_edge(_padded(b.detection, pad))}</g>' for b in found if not b.bad]
    drawn += [f'<g class="bad">{_edge(_padded(b.detection, pad))}</g>' for b in bad]
    drawn += [_label(plate, size) for plate in plates if plate is not None]
    return Markup('<svg class="boxes" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        width_px, height_px, Markup("".join(drawn))
    )


def _padded(at: Detection, pad: float) -> Detection:
    return replace(at, x1=at.x1 - pad, y1=at.y1 - pad, x2=at.x2 + pad, y2=at.y2 + pad)


def _edge(at: Detection) -> str:
    wide, tall = at.x2 - at.x1, at.y2 - at.y1
    return f'<rect class="edge" x="{at.x1:.1f}" y="{at.y1:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'


def _label(plate: labels.Plate, size: float) -> str:
    x, y = plate.left + 0.4 * size, plate.top + size
    return (
        f'<g class="tag"><rect class="plate" x="{plate.left:.1f}" y="{plate.top:.1f}" '
        f'width="{plate.width:.1f}" height="{plate.height:.1f}"/>'
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}">{escape(plate.text)}</text></g>'
    )


def tape(parts: Sequence[tuple[int, Outcome]], room: int, label: str) -> Markup:
    """One tick a part, the newest right: OK short, UNSURE half, NG tall, so that colour is not needed."""
    ticks = []
    for place, (_, outcome) in enumerate(parts, start=room - len(parts)):
        height = _TICK_HEIGHTS[outcome]
        ticks.append(
            f'<rect class="{outcome.lower()}" x="{place * _TICK_PX + 1}" y="{28 - height}" '
            f'width="{_TICK_PX - 3}" height="{height}" rx="1.5"/>'
        )
    return Markup('<svg class="tape" viewBox="0 0 {} 28" role="img" aria-label="{}">{}</svg>').format(
        room * _TICK_PX, label, Markup("".join(ticks))
    )


def latency(p50_ms: float, p99_ms: float, deadline_ms: float, label: str) -> Markup:
    """p50 as a bar, p99 as a thin one around it, the deadline as the end of the scale."""
    scale = 400 / max(deadline_ms, p99_ms * 1.05, 1e-9)
    p50, p99, limit = p50_ms * scale, p99_ms * scale, deadline_ms * scale
    return Markup(
        '<svg class="latency{}" viewBox="0 0 404 18" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="track" x="0" y="7" width="{:.1f}" height="4"/>'
        '<rect class="p99" x="0" y="5" width="{:.1f}" height="8"/>'
        '<rect class="p50" x="0" y="2" width="{:.1f}" height="14"/>'
        '<rect class="limit" x="{:.1f}" y="0" width="3" height="18"/></svg>'
    ).format(" over" if p99_ms > deadline_ms > 0 else "", label, limit, max(p99, 3), max(p50, 3), max(limit - 1.5, 0))


def gauge(measured: float, limit: float, label: str, most: float | None = None) -> Markup:
    """A measured value (dot) against its limit (tick) on a scale from 0; nothing where one is no number.

    `most`: where the scale ends, so that several can be compared; None: a little above the larger of the two.
    """
    if not (math.isfinite(measured) and math.isfinite(limit)):
        return Markup("")
    top = max(measured, limit, most or max(measured, limit, 1e-9) * 1.15)
    x, tick = 200 * max(measured, 0.0) / top, 200 * max(limit, 0.0) / top
    return Markup(
        '<svg class="gauge" viewBox="-8 0 216 24" preserveAspectRatio="xMinYMid" role="img" aria-label="{}">'
        '<rect class="track" x="0" y="10" '
        'width="200" height="4" rx="2"/><rect class="limit" x="{:.1f}" y="3" width="3" height="18"/>'
        '<circle class="measured" cx="{:.1f}" cy="12" r="6"/></svg>'
    ).format(label, tick - 1.5, x)


def stages(parts: Sequence[tuple[str, float]], label: str) -> Markup:
    """Stage times side by side, each (name, ms), in the order they happened."""
    whole = sum(ms for _, ms in parts) or 1.0
    drawn, x = [], 0.0
    for place, (name, ms) in enumerate(parts):
        width = 600 * ms / whole
        drawn.append(
            f'<rect class="stage stage-{place}" x="{x:.1f}" y="0" width="{max(width - 1, 0.5):.1f}" height="20">'
            f"<title>{escape(name)}</title></rect>"
        )
        x += width
    return Markup(
        '<svg class="stages" viewBox="0 0 600 20" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(label, Markup("".join(drawn)))


def thumbnail(jpeg: bytes, around: Detection | None) -> bytes | None:
    """A small JPEG: cut out around a defect, with its box, or of the whole picture.

    None where the picture cannot be decoded.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    around = around if around and _is_finite(around) else None
    x1, y1, x2, y2 = _cut(around, width, height) if around else (0, 0, width, height)
    part = pixels[y1:y2, x1:x2]
    scale = min(THUMB_WIDTH_PX / part.shape[1], THUMB_HEIGHT_PX / part.shape[0])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if around:
        low = (_pixel((around.x1 - x1) * scale - 4), _pixel((around.y1 - y1) * scale - 4))
        high = (_pixel((around.x2 - x1) * scale + 4), _pixel((around.y2 - y1) * scale + 4))
        cv2.rectangle(small, low, high, _BGR_NG, 2)
    done, data = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, 80))
    return data.tobytes() if done else None


def _is_finite(at: Detection) -> bool:
    return all(map(math.isfinite, (at.x1, at.y1, at.x2, at.y2)))


def _pixel(value: float) -> int:
    """A coordinate that OpenCV takes, however far outside the picture it lies."""
    return round(min(max(value, -9999.0), 9999.0))


def _cut(at: Detection, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of the picture around a box, in the thumbnail's shape, inside the picture where it fits."""
    ratio = THUMB_WIDTH_PX / THUMB_HEIGHT_PX
    tall = max(_THUMB_LEAST_PX, 2.0 * at.height, 2.0 * at.width / ratio)
    tall = min(tall, float(height), width / ratio)
    wide = tall * ratio
    x1 = min(max((at.x1 + at.x2 - wide) / 2, 0.0), width - wide)
    y1 = min(max((at.y1 + at.y2 - tall) / 2, 0.0), height - tall)
    return int(x1), int(y1), max(int(x1 + wide), int(x1) + 1), max(int(y1 + tall), int(y1) + 1)
