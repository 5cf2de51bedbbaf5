"""Picture quality and equal pictures."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.quality import FULL_PX, Gauge, Repeats, same_pixels


def noise(height=120, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", [(3, 3), (120, 160), (640, 640)])
def test_gauge_equals_the_plain_way(shape) -> None:
    pixels = noise(*shape)
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    seen = Gauge(*shape).measure(pixels)
    assert seen.sharpness == pytest.approx(cv2.Laplacian(grey, cv2.CV_64F).var())
    assert seen.brightness == pytest.approx(grey.mean())
    assert seen.saturated == pytest.approx((grey == 255).mean())


def test_gauge_looks_inside_its_rectangle_only() -> None:
    pixels = noise()
    pixels[20:60, 30:90] = 255
    seen = Gauge(120, 160, (30, 20, 90, 60)).measure(pixels)
    assert (seen.sharpness, seen.brightness, seen.saturated) == (0, 255, 1)


def test_large_picture_is_measured_on_bands_and_says_nearly_the_same() -> None:
    pixels = noise(1600, 2000)
    assert pixels.shape[0] * pixels.shape[1] > FULL_PX
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    seen = Gauge(1600, 2000).measure(pixels)
    assert seen.brightness == pytest.approx(grey.mean(), rel=0.01)
    assert seen.sharpness == pytest.approx(cv2.Laplacian(grey, cv2.CV_64F).var(), rel=0.03)


def test_blur_lowers_sharpness() -> None:
    gauge = Gauge(120, 160)
    assert gauge.measure(cv2.GaussianBlur(noise(), (0, 0), 2)).sharpness < gauge.measure(noise()).sharpness / 10


def test_gauge_leaves_the_picture_alone() -> None:
    pixels = noise()
    before = pixels.copy()
    pixels.flags.writeable = False
    Gauge(120, 160).measure(pixels)
    np.testing.assert_array_equal(pixels, before)


@settings(max_examples=30)
@given(st.integers(0, 119), st.integers(0, 159), st.integers(0, 2))
def test_one_differing_pixel_makes_another_picture(row, column, channel) -> None:
    """FIELD 3: identical means exactly identical."""
    other = noise()
    other[row, column, channel] ^= 1
    assert not same_pixels(noise(), other)


def test_equal_pictures() -> None:
    assert same_pixels(noise(), noise())
    assert not same_pixels(noise(), noise(160, 120))


def test_repeats_count_pictures_in_a_row() -> None:
    """FIELD 3: a frozen camera is seen by its pixels."""
    repeats = Repeats()
    pictures = [noise(seed=seed) for seed in (1, 1, 1, 2, 1, 1)]
    assert [repeats.count(picture) for picture in pictures] == [0, 1, 2, 0, 0, 1]
