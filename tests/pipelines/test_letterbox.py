"""A picture fitted into the model's input, and boxes brought back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.letterbox import STRIDE_PX, fit, input_size, place, to_picture

SIDE = st.integers(1, 2000)


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [((480, 640), (480, 640)), ((640, 640), (640, 640)), ((720, 1280), (384, 640)), ((1280, 720), (640, 384))],
)
def test_input_has_the_cameras_aspect(picture, wanted) -> None:
    assert input_size(*picture, longest_px=640) == wanted


@given(SIDE, SIDE)
def test_input_sides_are_multiples_of_the_stride(height, width) -> None:
    size = input_size(height, width, 640)
    assert all(side % STRIDE_PX == 0 and side >= STRIDE_PX for side in size)
    assert max(size) == 640
    where = fit((height, width), size)
    assert size[0] - where.scaled_height_px < STRIDE_PX
    assert size[1] - where.scaled_width_px < STRIDE_PX


@given(SIDE, SIDE, st.data())
def test_round_trip_of_a_box_is_within_a_pixel(height, width, data) -> None:
    where = fit((height, width), (640, 640))
    x1, x2 = sorted(data.draw(st.tuples(st.floats(0, width), st.floats(0, width))))
    y1, y2 = sorted(data.draw(st.tuples(st.floats(0, height), st.floats(0, height))))
    gain_x, gain_y = where.scaled_width_px / width, where.scaled_height_px / height
    there = [x1 * gain_x + where.left_px, y1 * gain_y + where.top_px, x2 * gain_x + where.left_px]
    back = to_picture(np.array([[*there, y2 * gain_y + where.top_px]], np.float32), where)
    np.testing.assert_allclose(back, [[x1, y1, x2, y2]], atol=1.0)


@given(SIDE, SIDE)
def test_boxes_are_clipped_to_the_picture(height, width) -> None:
    back = to_picture(np.array([[-50, -50, 9999, 9999]], np.float32), fit((height, width), (640, 640)))
    np.testing.assert_allclose(back, [[0, 0, width, height]])


@pytest.mark.parametrize("shape", [(640, 640), (320, 320), (380, 500), (720, 1280), (1, 3000), (33, 7)])
def test_picture_lies_in_the_middle_of_a_border(shape) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (*shape, 3), np.uint8)
    where = fit(shape, (640, 640))
    into = np.full((640, 640, 3), 7, np.uint8)
    place(pixels, where, into, 114)
    # As Ultralytics does it: resize, then copyMakeBorder.
    size = (where.scaled_width_px, where.scaled_height_px)
    scaled = pixels if shape == (640, 640) else cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    bottom, right = 640 - where.top_px - size[1], 640 - where.left_px - size[0]
    assert 0 <= bottom - where.top_px <= 1
    assert 0 <= right - where.left_px <= 1
    sides = (where.top_px, bottom, where.left_px, right)
    wanted = cv2.copyMakeBorder(scaled, *sides, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    np.testing.assert_array_equal(into, wanted)


def test_picture_without_a_side_is_refused() -> None:
    with pytest.raises(ValueError, match="640 x 0 px"):
        fit((0, 640), (640, 640))
