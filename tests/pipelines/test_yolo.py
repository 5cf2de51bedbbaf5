"""Decoding both heads, and refusing what cannot be an output of theirs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.yolo import OutputWrong, decode

OPTIONS = {"floor": 0.25, "overlap": 0.45, "limit": 300}
BAD = st.sampled_from([np.nan, np.inf, -np.inf])


def raw(*rows):
    """(1, 4 + 3, anchors) out of (cx, cy, w, h, three scores)."""
    return np.array(rows, np.float32).T[None].copy()


def nmsfree(*rows):
    return np.array(rows, np.float32)[None]


def test_raw_head() -> None:
    found = decode(
        raw(
            (50, 50, 20, 10, 0.1, 0.8, 0.2),
            (51, 50, 20, 10, 0.1, 0.7, 0.2),  # the first one's double
            (51, 50, 20, 10, 0.9, 0.1, 0.2),  # same place, another class
            (10, 10, 4, 4, 0.2, 0.1, 0.24),  # below the floor
        ),
        "raw",
        3,
        **OPTIONS,
    )
    assert found.classes.tolist() == [0, 1]
    np.testing.assert_allclose(found.scores, [0.9, 0.8])
    np.testing.assert_allclose(found.boxes, [[41, 45, 61, 55], [40, 45, 60, 55]])


def test_nmsfree_head_with_its_doubles() -> None:
    found = decode(
        nmsfree((0, 0, 10, 10, 0.9, 2), (1, 0, 10, 10, 0.8, 2), (1, 0, 10, 10, 0.7, 1), (0, 0, 0, 0, 0, 0)),
        "nmsfree",
        3,
        **OPTIONS,
    )
    assert found.classes.tolist() == [2, 1]


def test_score_at_the_floor_counts() -> None:
    assert len(decode(raw((5, 5, 2, 2, 0.25, 0, 0)), "raw", 3, **OPTIONS).scores) == 1


def test_nothing_found() -> None:
    for output, head in ((np.zeros((1, 7, 0), np.float32), "raw"), (np.zeros((1, 0, 6), np.float32), "nmsfree")):
        found = decode(output, head, 3, **OPTIONS)
        assert (found.boxes.shape, found.scores.shape, found.classes.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize(
    ("shape", "head", "wanted"),
    [
        ((1, 8, 10), "raw", r"shape \(1, 8, 10\), wanted \(1, 7, anchors\)"),
        ((2, 7, 10), "raw", r"shape \(2, 7, 10\)"),
        ((7, 10), "raw", r"shape \(7, 10\)"),
        ((1, 300, 7), "nmsfree", r"shape \(1, 300, 7\), wanted \(1, n, 6\)"),
        ((1, 7, 8400), "nmsfree", r"shape \(1, 7, 8400\)"),
    ],
)
def test_wrong_shape_names_what_came_and_what_was_wanted(shape, head, wanted) -> None:
    with pytest.raises(OutputWrong, match=wanted):
        decode(np.zeros(shape, np.float32), head, 3, **OPTIONS)


@given(BAD, st.integers(0, 6), st.integers(0, 9))
def test_every_number_that_is_none_is_seen_raw(bad, row, column) -> None:
    output = np.full((1, 7, 10), 0.1, np.float32)
    output[0, row, column] = bad
    with pytest.raises(OutputWrong):
        decode(output, "raw", 3, **OPTIONS)


@given(BAD, st.integers(0, 9), st.integers(0, 5))
def test_every_number_that_is_none_is_seen_nmsfree(bad, row, column) -> None:
    output = np.zeros((1, 10, 6), np.float32)
    output[0, row, column] = bad
    with pytest.raises(OutputWrong):
        decode(output, "nmsfree", 3, **OPTIONS)


@pytest.mark.parametrize("score", [-2.5, 1.5, 30])
def test_scores_outside_of_0_to_1_are_no_scores(score) -> None:
    with pytest.raises(OutputWrong, match=r"wanted 0\.\.1"):
        decode(raw((5, 5, 2, 2, score, 0.1, 0.1)), "raw", 3, **OPTIONS)


@pytest.mark.parametrize("label", [-1, 3, 0.5])
def test_class_that_the_model_lacks(label) -> None:
    with pytest.raises(OutputWrong, match=r"class .*, allowed are 0..2"):
        decode(nmsfree((0, 0, 5, 5, 0.9, label)), "nmsfree", 3, **OPTIONS)


def test_a_model_gone_wild_is_bounded() -> None:
    random = np.random.default_rng(0)
    output = random.uniform(0.5, 1, (1, 7, 40_000)).astype(np.float32)
    output[0, :4] *= 600
    found = decode(output, "raw", 3, **OPTIONS)
    assert len(found.scores) <= 300
    assert found.left_out > 0.5
