"""Drawings: well-formed whatever is drawn, and inside the picture."""

import math
from xml.etree import ElementTree

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.web import drawing
from agent.web.drawing import THUMB_HEIGHT_PX, THUMB_WIDTH_PX, Box
from pipelines.values import Detection, Outcome

ANY = st.floats(allow_nan=True, allow_infinity=True)
NEAR = st.floats(-500, 5000)
LABELS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\x0b\x0c\ufffe\uffff", exclude_categories=["Cc"]), max_size=20
)


@given(st.lists(st.tuples(LABELS, ANY, ANY, ANY, ANY, st.booleans())), st.integers(0, 5000), st.integers(0, 5000))
def test_boxes_are_well_formed_whatever_the_model_says(
    found: list[tuple[str, float, float, float, float, bool]], width: int, height: int
) -> None:
    boxes = [Box(Detection(label, 0.5, x1, y1, x2, y2), label, bad) for label, x1, y1, x2, y2, bad in found]
    svg = str(drawing.boxes(boxes, width, height))
    if not svg:
        assert width == 0 or height == 0
        return
    drawn = ElementTree.fromstring(svg)
    sound = [
        b for b in boxes if all(map(math.isfinite, (b.detection.x1, b.detection.y1, b.detection.x2, b.detection.y2)))
    ]
    assert len([g for g in drawn if g.get("class") != "tag"]) == len(sound)
    assert "nan" not in svg
    assert " style=" not in svg


SIZE = st.integers(30, 4000)


@given(st.lists(st.tuples(LABELS, NEAR, NEAR, st.floats(0, 900), st.floats(0, 900)), max_size=20), SIZE, SIZE)
def test_labels_cover_neither_each_other_nor_the_picture_s_edge(
    found: list[tuple[str, float, float, float, float]], width: int, height: int
) -> None:
    boxes = [Box(Detection(t, 0.5, x, y, x + w, y + h), f"{t} 0.50", True) for t, x, y, w, h in found]
    drawn = ElementTree.fromstring(str(drawing.boxes(boxes, width, height)))
    plates = [[float(p.get(k, "0")) for k in ("x", "y", "width", "height")] for p in drawn.iter() if _is_plate(p)]
    for n, (x, y, w, h) in enumerate(plates):
        assert x >= -0.1
        assert x + w <= width + 0.1
        assert y >= -0.1
        assert y + h <= height + 0.1
        for a, b, c, d in plates[:n]:
            assert x + w <= a + 0.2 or a + c <= x + 0.2 or y + h <= b + 0.2 or b + d <= y + 0.2


def _is_plate(element: ElementTree.Element) -> bool:
    return element.get("class") == "plate"


def test_neighbours_all_have_their_labels() -> None:
    """Two defects side by side, and one in a corner: each says what it is."""
    at = [(300.0, 300.0), (330.0, 304.0), (360.0, 300.0), (0.0, 0.0), (620.0, 620.0)]
    boxes = [Box(Detection("spur", 0.9, x, y, x + 20, y + 20), f"spur 0.9{n}", True) for n, (x, y) in enumerate(at)]
    svg = str(drawing.boxes(boxes, 640, 640))
    assert [f"spur 0.9{n}" in svg for n in range(5)] == [True] * 5


def test_the_surest_defect_has_its_label_where_there_is_room_for_one() -> None:
    boxes = [Box(Detection("a", score, 0, 0, 640, 640), f"{score:.2f}", True) for score in (0.5, 0.99, 0.7)] * 40
    svg = str(drawing.boxes(boxes, 640, 640))
    assert "0.99" in svg


def test_a_label_cannot_leave_its_text() -> None:
    evil = Box(Detection("x", 0.9, 1, 1, 9, 9), '"><script>alert(1)</script>', True)
    assert "<script" not in str(drawing.boxes([evil], 100, 100))
    assert "<script" not in str(drawing.tape([(1, Outcome.OK)], 3, evil.text))


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_latency_and_gauge_stay_on_their_scale(p50: float, p99: float, limit: float) -> None:
    svg = ElementTree.fromstring(str(drawing.latency(min(p50, p99), p99, limit, "x")))
    for bar in svg:
        assert float(bar.get("x", "0")) + float(bar.get("width", "0")) <= 404
    gauge = ElementTree.fromstring(str(drawing.gauge(p50, limit, "x")))
    assert -8 <= float(gauge[2].get("cx", "0")) <= 208


@settings(max_examples=60)
@given(st.integers(8, 900), st.integers(8, 900), NEAR, NEAR, NEAR, NEAR)
def test_a_thumbnail_comes_out_of_any_box(w: int, h: int, x1: float, y1: float, x2: float, y2: float) -> None:
    jpeg = cv2.imencode(".jpg", np.full((h, w, 3), 200, np.uint8))[1].tobytes()
    at = Detection("spur", 0.9, min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    small = drawing.thumbnail(jpeg, at)
    assert small is not None
    height, width = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert 1 <= width <= THUMB_WIDTH_PX
    assert 1 <= height <= THUMB_HEIGHT_PX


def test_a_thumbnail_of_nothing_is_nothing() -> None:
    assert drawing.thumbnail(b"", None) is None
    assert drawing.thumbnail(b"\xff\xd8\xff\xe0 not a picture", None) is None
