"""What the files of a stranger's bundle may hold: graphs without code, pictures of a bounded size.

Nothing here runs or loads a model. Each graph is read just far enough to say that it asks the
runtime for nothing beyond itself: no document type or entity (XML), no operation of an extension, no
weights outside of its own file. Formats: OpenVINO IR version 10 and 11; ONNX's onnx.proto; protobuf's
wire format (protobuf.dev/programming-guides/encoding).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

from agent.errors import Problem
from agent.station.cameras.formats import NotAPicture, read_header
from agent.station.models.bundle import Manifest

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
ALLOWED = (".xml", ".bin", ".onnx", *PICTURES, ".json", ".md", ".txt")
"""Endings of a bundle's files. No .pt, .pkl, .npy, .so, .py: they are code, or can hold some."""
MAX_PICTURE_PX = 64_000_000
MAX_PICTURE_BYTES = 256 << 20
MAX_XML_BYTES = 64 << 20
MAX_DEPTH = 64
"""Of elements or messages inside each other."""
_OPSET = re.compile(r"opset[1-9][0-9]?")
_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml", b"com.microsoft")
"""ONNX's own operators, and those that come with onnxruntime and OpenVINO themselves."""


class _Wrong(Exception):
    """Why a graph is refused."""


def problems(folder: Path, manifest: Manifest) -> list[Problem]:
    """Every file of a bundle that holds what none may hold. The hashes have been checked already."""
    found = [Problem(name, why) for name in sorted(manifest.files) if (why := _wrong(folder, name, manifest))]
    graphs = {manifest.graph, *manifest.variants.values()}
    lonely = [name for name in sorted(graphs) if name.endswith(".xml") and _weights(name) not in manifest.files]
    return found + [Problem(name, f"comes without its weights {_weights(name)}") for name in lonely]


def _weights(graph: str) -> str:
    """OpenVINO finds them by the graph's name."""
    return graph.removesuffix(".xml") + ".bin"


def _wrong(folder: Path, name: str, manifest: Manifest) -> str:
    ending = Path(name).suffix
    if ending not in ALLOWED:
        return f"is a {ending or 'file without ending'}, allowed: {', '.join(ALLOWED)}"
    try:
        if ending == ".xml":
            weights = folder / _weights(name)
            _check_ir(folder / name, weights.stat().st_size if _weights(name) in manifest.files else 0)
        elif ending == ".onnx":
            _check_onnx((folder / name).read_bytes())
        elif ending in PICTURES:
            return _wrong_picture(folder / name)
    except _Wrong as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if ending == ".bin" and name.removesuffix(".bin") + ".xml" not in manifest.files:
        return "is no graph's weights"
    return ""


def _wrong_picture(file: Path) -> str:
    size_bytes = file.stat().st_size
    if size_bytes > MAX_PICTURE_BYTES:
        return f"has {size_bytes} bytes, at most {MAX_PICTURE_BYTES} are taken of a picture"
    try:
        header = read_header(file.read_bytes())
    except NotAPicture as error:
        return str(error)
    size = f"{header.kind} of {header.width_px} x {header.height_px} px"
    if header.width_px * header.height_px > MAX_PICTURE_PX:
        return f"{size}, at most {MAX_PICTURE_PX} px are taken"
    return "" if header.complete and header.width_px * header.height_px else f"{size}, cut or empty"


@dataclass(slots=True)
class _Ir:
    """Listens to an IR's elements as they pass; keeps none."""

    weights_bytes: int
    open: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.open.append(name)
        if len(self.open) > MAX_DEPTH:
            raise _Wrong(f"has elements more than {MAX_DEPTH} deep")
        if len(self.open) == 1 and (name != "net" or attributes.get("version") not in ("10", "11")):
            raise _Wrong('is no OpenVINO graph: begins not with <net version="11">')
        if name == "layer" and not _OPSET.fullmatch(attributes.get("version", "")):
            kind, version = attributes.get("type", "?"), attributes.get("version", "none")
            raise _Wrong(
                f"has an operation {kind[:60]!r} of {version[:60]!r}, allowed: OpenVINO's own (opset1, opset2, ...)"
            )
        if name == "data" and "offset" in attributes:
            self._check_weights(attributes)

    def _check_weights(self, attributes: Mapping[str, str]) -> None:
        offset, size = attributes["offset"], attributes.get("size", "")
        if not (re.fullmatch(r"\d{1,15}", offset) and re.fullmatch(r"\d{1,15}", size)):
            raise _Wrong(f"has weights at {offset[:20]!r} of size {size[:20]!r}, allowed: whole numbers of bytes")
        if int(offset) + int(size) > self.weights_bytes:
            raise _Wrong(f"has weights at {offset} + {size} bytes, beyond the {self.weights_bytes} that there are")

    def end(self, _name: str) -> None:
        self.open.pop()


def _refuse_dtd(*_told: object) -> None:
    raise _Wrong("has a document type or entities, which no graph needs")


def _check_ir(file: Path, weights_bytes: int) -> None:
    """Raises _Wrong."""
    if file.stat().st_size > MAX_XML_BYTES:
        raise _Wrong(f"is larger than {MAX_XML_BYTES} bytes")
    reader, listener = expat.ParserCreate(), _Ir(weights_bytes)
    reader.StartElementHandler, reader.EndElementHandler = listener.start, listener.end
    reader.StartDoctypeDeclHandler = reader.EntityDeclHandler = reader.ProcessingInstructionHandler = _refuse_dtd
    try:
        with file.open("rb") as stream:
            reader.ParseFile(stream)
    except expat.ExpatError as error:
        raise _Wrong(f"is no XML: {error}") from error


_Inside = Mapping[int, str]
_MESSAGES: Final[Mapping[str, _Inside]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 9: "opset", 10: "domain", 11: "attribute"},
    "training": {1: "graph", 2: "graph"},
    "opset": {1: "domain"},
    "tensor": {13: "external", 14: "external"},
}
"""Of onnx.proto: the fields by number that lead to a tensor or an operator's domain."""


def _check_onnx(data: bytes) -> None:
    """Raises _Wrong."""
    left: list[tuple[str, memoryview, int]] = [("model", memoryview(data), 0)]
    graphs = 0
    while left:
        kind, message, depth = left.pop()
        if depth > MAX_DEPTH:
            raise _Wrong(f"has messages more than {MAX_DEPTH} deep")
        inside = _MESSAGES[kind]
        for number, value in _fields(message):
            what = inside.get(number)
            if what == "external":
                if value != 0:
                    raise _Wrong("has weights outside of its own file (external data)")
            elif what is None:
                continue
            elif isinstance(value, int):
                raise _Wrong(f"is no ONNX graph: field {number} of a {kind} is a number")
            elif what == "domain":
                if bytes(value[:100]) not in _DOMAINS:
                    raise _Wrong(f"has operators of {bytes(value[:60])!r}, allowed: ONNX's own")
            else:
                graphs += what == "graph"
                left.append((what, value, depth + 1))
    if not graphs:
        raise _Wrong("is no ONNX graph: there is none in it")


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a protobuf message: a number, or the bytes. Raises _Wrong."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise _Wrong("is no ONNX graph: a field of no known kind")
        if number == 0 or size > len(message) - at:
            raise _Wrong("is no ONNX graph: cut, or something else")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _Wrong("is no ONNX graph: a number that does not end")
