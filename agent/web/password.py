"""The page's one password: a file with its scrypt hash, made by `okng password FILE`."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.atomic import write_atomically
from agent.errors import ConfigurationRefused, OkngError, Problem

USER = "okng"
MIN_LENGTH = 8
MAX_LENGTH = 1024
_N, _R, _P = 2**15, 8, 1
"""RFC 7914: 32 MiB and about 0.1 s a check."""
_MAX_N = 2**20
_MAXMEM = 256 * 1024 * 1024
_FAILURES, _SPAN_S = 5, 60.0
_MOST_ADDRESSES = 1000

Knock = Literal["open", "shut", "wait"]
"""wait: too many wrong passwords came from there; this one was not looked at."""


class PasswordRefused(OkngError):
    """The password is too short or too long to be set."""


@dataclass(frozen=True, slots=True)
class Hash:
    """What is kept of a password."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, password: str) -> bool:
        """Whether this is the password; takes about 0.1 s and 32 MiB, by design."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.n, self.r, self.p), self.digest)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MAXMEM, dklen=32)


def write_password(path: Path, password: str) -> None:
    """Keep the password's hash in a file, replaced as a whole, readable by its owner and group only.

    Raises PasswordRefused for a password that is too short or too long, OkngError where the file
    cannot be written.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordRefused(f"password: {len(password)} characters, allowed: {MIN_LENGTH} to {MAX_LENGTH}")
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, _N, _R, _P)
    line = "$".join(("scrypt", str(_N), str(_R), str(_P), _text(salt), _text(digest)))
    try:
        write_atomically(path, f"{line}\n".encode())
    except OSError as error:
        raise OkngError(f"password file {path} cannot be written: {error.strerror}") from error


def read_password(path: Path) -> Hash:
    """The hash in a file made by `write_password`. Raises ConfigurationRefused where there is none."""
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise _refused(f"{path} cannot be read: {error.strerror}; `okng password {path}` makes it") from error
    except UnicodeDecodeError as error:
        raise _refused(f"{path} does not hold a hash made by `okng password`") from error
    fields = text.strip().split("$")
    try:
        kind, n, r, p, salt, digest = fields
        made = Hash(int(n), int(r), int(p), _bytes(salt), _bytes(digest))
    except (ValueError, binascii.Error) as error:
        raise _refused(f"{path} does not hold a hash made by `okng password`") from error
    if kind != "scrypt" or not 2**10 <= made.n <= _MAX_N or made.r != _R or made.p != _P or len(made.digest) != 32:
        raise _refused(f"{path} holds a hash of another kind than `okng password` makes")
    return made


def _refused(what: str) -> ConfigurationRefused:
    return ConfigurationRefused("configuration", [Problem("web.password_file", what)])


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


class Door:
    """Lets in who knows the password. Thread-safe.

    A right password is remembered as a digest under a key of this process, so that only the first
    request pays for scrypt. After five failures within a minute an address is refused unheard.
    """

    def __init__(self, known: Hash, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known = known
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._right: bytes | None = None
        self._failures: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def knows(self, header: str) -> bool:
        """Whether this Authorization header was let in before: quick, asks no scrypt."""
        right = self._right
        return right is not None and hmac.compare_digest(self._digest(header), right)

    def wait_s(self, address: str) -> float:
        """How long this address must wait before it is heard again; 0 when it need not."""
        with self._lock:
            failures = self._recent(address)
            return 0.0 if len(failures) < _FAILURES else _SPAN_S - (self._monotonic() - failures[0])

    def knock(self, header: str, address: str) -> Knock:
        """Check a Basic Authorization header (RFC 7617). Slow; a failure is counted."""
        user, password = _credentials(header)
        with self._one_at_a_time:
            # Asked here again: those that waited with this one may have been wrong meanwhile, or right.
            if self.knows(header):
                return "open"
            if self.wait_s(address):
                return "wait"
            if self._known.matches(password) and hmac.compare_digest(user.encode(), USER.encode()):
                self._right = self._digest(header)
                return "open"
            with self._lock:
                self._make_room()
                self._failures[address] = [*self._recent(address), self._monotonic()]
            return "shut"

    def _digest(self, header: str) -> bytes:
        return hmac.digest(self._key, header.encode("utf-8", "replace"), "sha256")

    def _recent(self, address: str) -> list[float]:
        since = self._monotonic() - _SPAN_S
        return [at for at in self._failures.get(address, ()) if at > since]

    def _make_room(self) -> None:
        if len(self._failures) >= _MOST_ADDRESSES:
            self._failures = {address: recent for address in self._failures if (recent := self._recent(address))}
        while len(self._failures) >= _MOST_ADDRESSES:
            self._failures.pop(next(iter(self._failures)))


def _credentials(header: str) -> tuple[str, str]:
    """(user, password) of a Basic header; empty ones where it is none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "basic" or len(token) > 4096:
        return "", ""
    try:
        user, _, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return user, password[:MAX_LENGTH]
