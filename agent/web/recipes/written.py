"""A recipe's tables as the text of its file: TOML 1.0, the options in the order of their declaration."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.recipe import Recipe

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def text_of(name: str, data: Mapping[str, Any], head: str = "") -> str:
    """The file. `head` are the lines of comment that it begins with."""
    known = [key for key in Recipe.model_fields if key in data and key != "name"]
    keys = [*known, *(key for key in data if key not in known and key != "name")]
    lines = [f"name = {_said(name)}", *(f"{_key(k)} = {_said(data[k])}" for k in keys if _is_plain(data[k]))]
    for key in keys:
        if not _is_plain(data[key]):
            lines += _tables(_key(key), data[key])
    return head + "\n".join(lines) + "\n"


def head_of(text: str) -> str:
    """The comment that a file begins with: what people wrote about it stays."""
    found: list[str] = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        found.append(line.rstrip())
    while found and not found[-1]:
        found.pop()
    return "\n".join(found) + "\n" if found else ""


def _is_plain(value: Any) -> bool:
    return not isinstance(value, Mapping) and not (isinstance(value, list) and value and isinstance(value[0], Mapping))


def _tables(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from ("", f"[[{path}]]", *(f"{_key(k)} = {_said(v)}" for k, v in each.items()))
        return
    inner = {k: v for k, v in value.items() if isinstance(v, Mapping)}
    if len(inner) < len(value) or not value:
        yield from ("", f"[{path}]", *(f"{_key(k)} = {_said(v)}" for k, v in value.items() if k not in inner))
    for key, table in inner.items():
        yield from _tables(f"{path}.{_key(key)}", table)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _said(key)


def _said(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # JSON's escapes are TOML's too, but for \x7f, which JSON leaves as it is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case list() | tuple():
            return "[" + ", ".join(map(_said, value)) + "]"
        case Mapping():
            return "{ " + ", ".join(f"{_key(k)} = {_said(v)}" for k, v in value.items()) + " }"
        case _:
            return repr(value)
