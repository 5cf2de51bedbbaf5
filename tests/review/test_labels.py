"""Label files: what is written is what is read back, and what is wrong is named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.review.labels import LabelsWrong, clipped, coco, read_coco, read_yolo, same, yolo
from agent.review.layout import Box

LABELS = ("open", "short", "pin-hole")


@st.composite
def pictures(draw: st.DrawFn) -> tuple[int, int, tuple[Box, ...]]:
    width, height = draw(st.integers(8, 9000)), draw(st.integers(8, 9000))
    boxes = []
    for _ in range(draw(st.integers(0, 6))):
        x1, y1 = draw(st.floats(0, width - 2)), draw(st.floats(0, height - 2))
        x2, y2 = draw(st.floats(x1 + 1, width)), draw(st.floats(y1 + 1, height))
        boxes.append((draw(st.sampled_from(LABELS)), x1, y1, x2, y2))
    return width, height, tuple(boxes)


@settings(deadline=None)
@given(pictures())
def test_yolo_there_and_back(made: tuple[int, int, tuple[Box, ...]]) -> None:
    width, height, boxes = made
    text = yolo(boxes, LABELS, width, height)
    read = read_yolo(text, LABELS, width, height)
    assert same(read, boxes, width, height)
    assert all(0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height for _, x1, y1, x2, y2 in read)
    assert same(read_yolo(yolo(read, LABELS, width, height), LABELS, width, height), boxes, width, height)


@settings(deadline=None)
@given(pictures())
def test_coco_there_and_back(made: tuple[int, int, tuple[Box, ...]]) -> None:
    width, height, boxes = made
    data = json.loads(json.dumps(coco([(7, "a.png", width, height, boxes), (9, "b.png", width, height, ())], LABELS)))
    read = read_coco(data, {"a.png": (width, height), "b.png": (width, height)})
    assert same(read["a.png"], boxes, width, height)
    assert read["b.png"] == ()


@settings(deadline=None)
@given(pictures(), st.randoms(use_true_random=False))
def test_the_order_of_boxes_does_not_matter_and_a_missing_one_does(
    made: tuple[int, int, tuple[Box, ...]], random: st.randoms
) -> None:  # type: ignore[valid-type]
    width, height, boxes = made
    shuffled = list(boxes)
    random.shuffle(shuffled)
    assert same(boxes, shuffled, width, height)
    if boxes:
        assert not same(boxes, shuffled[1:], width, height)
        assert not same(shuffled[1:], boxes, width, height)


@settings(deadline=None)
@given(pictures())
def test_a_label_tool_s_six_digits_change_nothing_in_a_picture_of_any_size(
    made: tuple[int, int, tuple[Box, ...]],
) -> None:
    """In 9,000 px six digits are 0.005 px: no person's word, and no review of its own."""
    width, height, boxes = made
    rows = [row.split() for row in yolo(boxes, LABELS, width, height).splitlines()]
    short = "".join(f"{row[0]} {' '.join(f'{float(share):.6f}' for share in row[1:])}\n" for row in rows)
    big = [box for box in boxes if box[3] - box[1] > 2e-6 * width and box[4] - box[2] > 2e-6 * height]
    if len(big) == len(boxes):
        assert same(read_yolo(short, LABELS, width, height), boxes, width, height)
    moved = [(name, x1, y1, x2, y2 + 0.02) for name, x1, y1, x2, y2 in boxes]
    assert same(boxes, moved, width, height) is (not boxes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.1", "row 1 '0 0.5 0.5 0.1': allowed is: class cx cy w h"),
        ("\n3 0.5 0.5 0.1 0.1", "row 2: class 3; known: 0 to 2"),
        ("0 nan 0.5 0.1 0.1", "row 1: nan 0.5 0.1 0.1: finite"),
        ("0 0.5 0.5 0 0.1", "row 1: 0.5 0.5 0.0 0.1: finite numbers with a size above 0"),
        ("0 0.99 0.5 0.1 0.1", "row 1: box open .* is not inside the picture of 640 x 480 px"),
        ("0 0.5 0.5 0.1 0.1\n" * 3001, "3001 rows; at most 3000"),
    ],
)
def test_a_wrong_row_is_named(text: str, said: str) -> None:
    with pytest.raises(LabelsWrong, match=said):
        read_yolo(text, LABELS, 640, 480)


@pytest.mark.parametrize("data", [[], {}, {"images": 1}, {"images": [], "categories": [], "annotations": [{}]}])
def test_what_is_not_coco_is_refused(data: object) -> None:
    with pytest.raises(LabelsWrong, match="is not COCO"):
        read_coco(data, {})


def test_a_box_a_little_beyond_the_edge_ends_at_it() -> None:
    (box,) = read_yolo("0 0.9505 0.5 0.1 0.1", LABELS, 640, 480)
    assert box[3] == 640.0
    assert clipped([("open", -5.0, -5.0, 10.0, 10.0), ("open", 700.0, 0.0, 710.0, 5.0)], 640, 480) == (
        ("open", 0.0, 0.0, 10.0, 10.0),
    )
