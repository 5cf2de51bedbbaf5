"""Writes ONNX files, so that tests need no package for it. Field numbers: onnx.proto of ONNX 1.19, IR version 8."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Attribute = int | float | str | Sequence[int]
Sizes = Sequence[int | str]
"""A dimension that the graph leaves open has a name."""
_KINDS = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "float16": 10}


def node(operator: str, given: Sequence[str], made: Sequence[str], **attributes: Attribute) -> bytes:
    """NodeProto."""
    told = b"".join(_field(5, _attribute(name, value)) for name, value in attributes.items())
    names = [_field(1, name.encode()) for name in given] + [_field(2, name.encode()) for name in made]
    return b"".join(names) + _field(4, operator.encode()) + told


def write(
    file: Path,
    nodes: Sequence[bytes],
    constants: Mapping[str, NDArray[np.generic]],
    given: tuple[str, Sizes],
    made: tuple[str, Sizes],
    kind: str = "float32",
    opset: int = 17,
) -> Path:
    """ModelProto of one graph with one input and one output of this kind, (name, sizes) each."""
    graph = b"".join(_field(1, one) for one in nodes) + _field(2, b"tiny")
    graph += b"".join(_field(5, _tensor(name, value)) for name, value in constants.items())
    graph += _field(11, _value(*given, _KINDS[kind])) + _field(12, _value(*made, _KINDS[kind]))
    model = _number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, opset))
    file.write_bytes(model)
    return file


def _tensor(name: str, value: NDArray[np.generic]) -> bytes:
    sizes = b"".join(_number(1, size) for size in value.shape)
    return sizes + _number(2, _KINDS[value.dtype.name]) + _field(8, name.encode()) + _field(9, value.tobytes())


def _value(name: str, sizes: Sizes, kind: int) -> bytes:
    dimensions = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode())) for size in sizes
    )
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, dimensions)))


def _attribute(name: str, value: Attribute) -> bytes:
    said = _field(1, name.encode())
    if isinstance(value, int):
        return said + _number(3, value) + _number(20, 2)
    if isinstance(value, float):
        return said + _varint(2 << 3 | 5) + np.float32(value).tobytes() + _number(20, 1)
    if isinstance(value, str):
        return said + _field(4, value.encode()) + _number(20, 3)
    return said + b"".join(_number(8, one) for one in value) + _number(20, 7)


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are ten bytes long
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
