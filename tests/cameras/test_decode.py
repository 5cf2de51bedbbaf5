"""Picture files become pixels or a named fault."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.station.cameras.decode import decode, read_picture
from agent.station.cameras.formats import NotAPicture, read_header
from pipelines.values import Rule

GREY = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
COLOUR = np.dstack([GREY, GREY.T.reshape(48, 64), 255 - GREY])
WIDE = GREY.astype(np.uint16) * 256 + 77


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


FILES = {
    "jpg": encoded(".jpg", COLOUR),
    "progressive jpg": cv2.imencode(".jpg", COLOUR, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
    "restart jpg": cv2.imencode(".jpg", COLOUR, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes(),
    "png": encoded(".png", COLOUR),
    "bmp": encoded(".bmp", COLOUR),
    "tiff": encoded(".tiff", COLOUR),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_read_whole(kind):
    header = read_header(FILES[kind])
    assert (header.width_px, header.height_px, header.complete) == (64, 48, True)
    decoded = decode(FILES[kind])
    assert decoded.fault is None
    assert decoded.pixels.shape == (48, 64, 3)
    assert decoded.pixels.dtype == np.uint8
    if "jpg" not in kind:
        assert np.array_equal(decoded.pixels, COLOUR)


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.98))
def test_a_file_cut_off_anywhere_is_never_a_picture(kind, share):
    data = FILES[kind]
    decoded = decode(data[: int(len(data) * share)])
    assert decoded.fault in (Rule.INCOMPLETE, Rule.UNREADABLE)
    assert decoded.pixels.shape == (0, 0, 3)
    assert decoded.note


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_never_raise(kind, data):
    damaged = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, min(len(damaged), 400) - 1))] = data.draw(st.integers(0, 255))
    decoded = decode(bytes(damaged), max_px=1_000_000)
    assert (decoded.fault is None) == (decoded.pixels.size > 0)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_never_raise(data):
    assert decode(data).fault in (Rule.INCOMPLETE, Rule.UNREADABLE)


def test_grey_becomes_three_equal_planes():
    decoded = decode(encoded(".png", GREY))
    assert np.array_equal(decoded.pixels, np.dstack([GREY] * 3))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_is_divided_by_256(suffix):
    decoded = decode(encoded(suffix, WIDE))
    assert np.abs(decoded.pixels[..., 0].astype(int) - GREY).max() <= 1


def test_alpha_is_dropped():
    decoded = decode(encoded(".png", np.dstack([COLOUR, GREY])))
    assert np.array_equal(decoded.pixels, COLOUR)


def test_an_exif_orientation_is_ignored():
    turned = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = FILES["jpg"][:2] + turned + FILES["jpg"][2:]
    assert decode(data).pixels.shape == (48, 64, 3)


def test_padding_behind_the_end_is_no_fault():
    assert decode(FILES["jpg"] + b"\0" * 4000).fault is None


def test_an_end_marker_inside_a_thumbnail_is_not_the_end():
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(FILES["jpg"])) + FILES["jpg"]
    data = FILES["jpg"][:2] + thumbnail + FILES["jpg"][2:]
    assert decode(data).fault is None
    assert decode(data[:-200]).fault is Rule.INCOMPLETE


def test_a_png_with_one_wrong_bit_is_noticed():
    data = bytearray(FILES["png"])
    data[len(data) // 2] ^= 1
    decoded = decode(bytes(data))
    assert decoded.fault is Rule.UNREADABLE
    assert "checksum" in decoded.note


def test_a_huge_picture_is_refused_by_its_header_alone():
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0) + b"\0" * 40
    with pytest.raises(NotAPicture):
        read_header(bomb)  # its checksum is wrong as well
    header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, 60_000, -60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    decoded = decode(header)
    assert decoded.fault is Rule.UNREADABLE
    assert "60000 x 60000 px, at most 128000000 px" in decoded.note


def test_a_limit_given_is_kept():
    assert "at most 3071 px" in decode(FILES["png"], max_px=48 * 64 - 1).note
    assert decode(FILES["png"], max_px=48 * 64).fault is None


def test_what_is_no_picture_says_so():
    assert "not a JPEG, PNG, BMP or TIFF" in decode(b"<html>" + b" " * 50).note
    assert decode(b"").fault is Rule.INCOMPLETE


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    assert "No such file" in read_picture(tmp_path / "absent.jpg").note
    assert "Is a directory" in read_picture(tmp_path).note


def test_a_float_tiff_is_no_8_bit_picture():
    decoded = decode(encoded(".tiff", GREY.astype(np.float32)))
    assert (decoded.fault is None) == (decoded.pixels.size > 0)
