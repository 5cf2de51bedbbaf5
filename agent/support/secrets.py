"""What never leaves the box: the contents of the secret files, and whatever looks like a password or a key."""

import re
from collections.abc import Iterable
from pathlib import Path

HIDDEN = "***"
_MAX_BYTES = 64 * 1024
_LEAST = 4
"""A secret of fewer characters would take every other word with it."""
_LOOKS = (
    re.compile(r"(?<=://)[^/@\s\"']+(?=@)"),
    re.compile(r"(?i)(?<=authorization: )[^\r\n]+"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(
        r"""(?ix)(?<=[\w"'])?  \b [\w-]* (?:password|passwd|passphrase|secret|token|api_?key) [\w-]* ["']? \s* [=:] \s*
        (?P<value> "[^"\r\n]*" | '[^'\r\n]*' | [^\s"',;}]+ )"""
    ),
)
_NAMES_A_FILE = re.compile(r"(?i)(_file|_files)[\"']?\s*[=:]")


def hidden(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, and without what looks like one. A name of a file is none."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for looks in _LOOKS:
        text = looks.sub(_without, text)
    return text


def _without(found: "re.Match[str]") -> str:
    whole = found.group(0)
    value = found.groupdict().get("value")
    if value is None:
        return HIDDEN
    if _NAMES_A_FILE.search(whole) or value.strip("\"'") in ("", HIDDEN, "null", "none", "None", "-"):
        return whole
    return whole[: found.start("value") - found.start()] + HIDDEN


def secrets_in(files: Iterable[str]) -> frozenset[str]:
    """The contents of the secret files that can be read, whole and by line."""
    found: set[str] = set()
    for name in files:
        try:
            text = Path(name).read_bytes()[:_MAX_BYTES].decode("utf-8", "replace")
        except OSError:
            continue
        found |= {piece.strip() for piece in (text, *text.splitlines())}
    return frozenset(piece for piece in found if len(piece) >= _LEAST)
