"""File contents that no bundle may hold, whoever signed it: code, entities, extensions, weights elsewhere, bombs."""

import pickle
import struct
import zlib


def _ir(inside: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>\n{head}<net name="n" version="11"><layers>{inside}</layers></net>'.encode()


def _png_of(width_px: int, height_px: int) -> bytes:
    chunks = b""
    for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def field_of(number: int, content: bytes | int) -> bytes:
    """A protobuf field: of bytes shorter than 16 KiB, or a number below 128."""
    if isinstance(content, int):
        return bytes((number << 3,)) + bytes((content,))
    size = len(content)
    return _varint(number << 3 | 2) + _varint(size) + content


def _varint(value: int) -> bytes:
    return bytes((value,)) if value < 128 else bytes((value & 127 | 128, value >> 7))


_ENTITIES = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
_AWAY = '<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'
_OUTSIDE = field_of(7, field_of(5, field_of(13, field_of(1, b"location") + field_of(2, b"../../weights"))))
_DEEP = b""
for _ in range(200):
    _DEEP = field_of(1, field_of(5, field_of(6, _DEEP)))
POISON = (
    ("model.xml", _ir("", _ENTITIES)),
    ("model.xml", _ir("", _AWAY)),
    ("model.xml", _ir('<layer id="0" type="Steal" version="extension"/>')),
    ("model.xml", _ir('<layer id="0" type="Const" version="opset1"><data offset="0" size="999"/></layer>')),
    ("model.xml", _ir('<layer id="0" type="Const" version="opset1"><data offset="-9" size="9"/></layer>')),
    ("model.xml", _ir("<a>" * 100 + "</a>" * 100)),
    ("model.xml", b"<html></html>"),
    ("model.xml", b"no xml"),
    ("model.onnx", _OUTSIDE),
    ("model.onnx", field_of(7, field_of(5, field_of(14, 1)))),
    ("model.onnx", field_of(7, field_of(1, field_of(4, b"Steal") + field_of(7, b"org.elsewhere")))),
    ("model.onnx", field_of(7, _DEEP)),
    ("model.onnx", b"\xff" * 40),
    ("model.onnx", b""),
    ("more.pkl", pickle.dumps({"a": 1})),
    ("more.pt", pickle.dumps({"a": 1})),
    ("more.py", b"import os"),
    ("more.so", b"\x7fELF"),
    ("more.bin", b"weights of no graph"),
    ("golden-1.png", _png_of(100_000, 100_000)),
    ("golden-1.png", b"no picture at all, but long enough for a header"),
    ("golden-1.png", b""),
)
