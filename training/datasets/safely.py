"""Files of strangers: size limits, safe parsers, no way out of the data set's folder.

XML: a DOCTYPE is refused as a whole, and with it entities (entity bombs, files and addresses read through
external entities). YAML: plain data only, no tags, no aliases (so that nothing can be multiplied). JSON:
by the standard library, no NaN. What a parser does not take is DatasetRefused with the file's name.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.etree.ElementTree import XMLParser as TreeParser
from xml.parsers import expat

import yaml  # type: ignore[import-untyped]

from training.datasets.values import DatasetRefused

MAX_TEXT_BYTES = 4 << 20
"""Of one label file, list, YAML or XML file."""
MAX_YAML_BYTES = 1 << 20
MAX_YAML_DEPTH = 20
MAX_JSON_BYTES = 1 << 30
"""Of a COCO file: the largest public one (train2017) has 470 MB."""
MAX_FILES = 2_000_000
"""Of files that are listed."""


def read_bytes(file: Path, limit: int = MAX_TEXT_BYTES) -> bytes:
    """A whole file. Raises DatasetRefused: not there, or larger than `limit` bytes."""
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise DatasetRefused(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise DatasetRefused(f"{file}: larger than {limit} bytes")
    return data


def read_text(file: Path, limit: int = MAX_TEXT_BYTES) -> str:
    """A text file in UTF-8 (a byte order mark is dropped). Raises DatasetRefused."""
    try:
        return read_bytes(file, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetRefused(f"{file}: not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}") from error


def read_json(file: Path) -> object:
    """A JSON file. Raises DatasetRefused."""
    try:
        return json.loads(read_bytes(file, MAX_JSON_BYTES), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DatasetRefused(f"{file}: not JSON: {error}") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not allowed")


def read_yaml(file: Path) -> object:
    """A YAML file of plain data. Raises DatasetRefused; so do aliases, tags, and nesting without end."""
    text = read_text(file, MAX_YAML_BYTES)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.events.AliasEvent):
                raise DatasetRefused(f"{file}: line {line}: aliases (*{event.anchor}) are refused")
            depth += isinstance(event, yaml.events.CollectionStartEvent)
            depth -= isinstance(event, yaml.events.CollectionEndEvent)
            if depth > MAX_YAML_DEPTH:  # the parser's time grows with the square of the depth
                raise DatasetRefused(f"{file}: line {line}: nested more than {MAX_YAML_DEPTH} deep")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DatasetRefused(f"{file}: not plain YAML: {' '.join(str(error).split())}") from error


def read_xml(file: Path) -> Element:
    """The root of an XML file without a DOCTYPE. Raises DatasetRefused."""
    data = read_bytes(file)
    try:
        _refuse_doctype(data)
        parser = TreeParser(target=TreeBuilder())
        parser.feed(data)
        root: Element = parser.close()
    except (expat.ExpatError, ParseError, ValueError, LookupError) as error:
        raise DatasetRefused(f"{file}: not plain XML: {error}") from error
    return root


def _refuse_doctype(data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("a DOCTYPE (with it, entities) is refused")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)


class Folder:
    """A data set's folder: what is named must lie inside, links followed."""

    def __init__(self, root: Path) -> None:
        """Raises DatasetRefused where there is no such folder."""
        try:
            self.root = root.resolve(strict=True)
        except OSError as error:
            raise DatasetRefused(f"{root}: {error.strerror}") from error
        if not self.root.is_dir():
            raise DatasetRefused(f"{root}: not a folder")

    def inside(self, name: str | Path, base: Path | None = None) -> Path | None:
        """A path below `base` (or the folder), as it stands; None where it leads out of the folder.

        Windows' separators are taken for what they are.
        """
        named = PurePosixPath(str(name).replace("\\", "/"))
        path = (base or self.root) / named
        try:
            there = path.resolve()
        except (OSError, RuntimeError, ValueError):
            return None
        if not there.is_relative_to(self.root):
            return None
        return there if ".." in path.parts or not path.is_relative_to(self.root) else path

    def folders(self, below: Path) -> list[Path]:
        """The folders right below one, sorted; hidden ones and links out are left out."""
        there = (p for p in _entries(below) if p.is_dir() and not p.name.startswith("."))
        return sorted(p for p in there if self.inside(p) is not None)

    def files(self, suffixes: Iterable[str], below: Path | None = None, deep: bool = True) -> list[Path]:
        """Files with these endings (lower case, with the dot), sorted; hidden ones and links out are left out."""
        wanted, found, waiting = frozenset(suffixes), list[Path](), [below or self.root]
        while waiting:
            folder = waiting.pop()
            for entry in _entries(folder):
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if entry.is_symlink() and self.inside(entry) is None:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    waiting += [entry] if deep else []
                elif entry.suffix.lower() in wanted and entry.is_file():
                    found.append(entry)
                if len(found) > MAX_FILES:
                    raise DatasetRefused(f"{self.root}: more than {MAX_FILES} files")
        return sorted(found)


def _entries(folder: Path) -> Sequence[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DatasetRefused(f"{folder}: cannot be listed: {error.strerror}") from error
