"""Overlap and suppression of boxes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.boxes import BLOCK, area, iou, suppress

BOX = st.tuples(*(st.integers(0, 60) for _ in range(2)), *(st.integers(1, 40) for _ in range(2)))
ROW = st.tuples(BOX, st.integers(1, 99), st.integers(0, 2))
ROWS = st.lists(ROW, max_size=40)


def arrays(rows):
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _, _ in rows], np.float32).reshape(-1, 4)
    scores = np.array([score / 100 for _, score, _ in rows], np.float32)
    return boxes, scores, np.array([label for _, _, label in rows], np.intp)


def plain(boxes, scores, classes, overlap):
    """Suppression as the textbook has it, one pair after the other, on boxes sorted by falling score."""
    kept: list[int] = []
    for i in range(len(scores)):
        if not any(classes[i] == classes[k] and iou(boxes[[i]], boxes[[k]])[0, 0] > overlap for k in kept):
            kept.append(i)
    return kept


def test_iou_of_known_boxes() -> None:
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0]], np.float32)
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(iou(a, b), [[1, 1 / 3, 0, 0], [0, 0, 0, 0]], atol=1e-6)


def test_area_of_a_box_turned_inside_out_is_nothing() -> None:
    np.testing.assert_array_equal(area(np.array([[5, 5, 1, 1], [0, 0, 2, 3]], np.float32)), [0, 6])


@given(ROWS)
def test_suppression_equals_the_textbook(rows) -> None:
    boxes, scores, classes = arrays(rows)
    order = np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], classes, -scores))
    wanted = order[plain(boxes[order], scores[order], classes[order], 0.45)]
    np.testing.assert_array_equal(suppress(boxes, scores, classes, 0.45, 300), wanted)


@given(ROWS)
def test_suppression_is_idempotent(rows) -> None:
    boxes, scores, classes = arrays(rows)
    kept = suppress(boxes, scores, classes, 0.45, 300)
    again = suppress(boxes[kept], scores[kept], classes[kept], 0.45, 300)
    np.testing.assert_array_equal(again, np.arange(len(kept)))


@given(ROWS, st.randoms(use_true_random=False))
def test_suppression_does_not_depend_on_the_order(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, two = arrays(rows), arrays(shuffled)
    kept_one, kept_two = (suppress(*given, 0.45, 300) for given in (one, two))
    for before, after in zip(one, two, strict=True):
        np.testing.assert_array_equal(before[kept_one], after[kept_two])


@given(ROWS, st.integers(0, 10))
def test_limit_takes_the_best(rows, limit) -> None:
    boxes, scores, classes = arrays(rows)
    every = suppress(boxes, scores, classes, 0.45, 300)
    np.testing.assert_array_equal(suppress(boxes, scores, classes, 0.45, limit), every[:limit])


def test_more_boxes_than_a_block() -> None:
    random = np.random.default_rng(1)
    corner = random.uniform(0, 200, (3 * BLOCK + 17, 2))
    boxes = np.concatenate((corner, corner + random.uniform(5, 60, corner.shape)), axis=1).astype(np.float32)
    scores = np.sort(random.uniform(0, 1, len(boxes)).astype(np.float32))[::-1].copy()
    classes = random.integers(0, 3, len(boxes))
    assert suppress(boxes, scores, classes, 0.45, 1000).tolist() == plain(boxes, scores, classes, 0.45)
