"""Passwords: what is allowed, how they are kept, and a thread of its own that looks at them.

Rules by NIST SP 800-63B, 3.1.1: length counts, no composition rules, no change by calendar; what
stands in the person's or the station's name is refused, and so is what everybody tries first.
"""

import asyncio
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from agent.errors import OkngError

T = TypeVar("T")

MIN_LENGTH, MAX_LENGTH = 10, 256
MOST_WAITING = 16
"""So many checks may wait for the thread; more are told to come again."""
_FEWEST_DIFFERENT = 5
_COMMON = (
    "password",
    "passwort",
    "123456",
    "qwerty",
    "qwertz",
    "letmein",
    "welcome",
    "admin",
    "abcdef",
    "111111",
    "okng",
)
_HASHER = PasswordHasher(time_cost=3, memory_cost=19 * 1024, parallelism=1)
"""Argon2id (RFC 9106) at OWASP's least memory, 19 MiB, and one turn more: the box has parts to judge meanwhile."""


class PasswordRefused(OkngError):
    """The password may not be set; `key` is the catalogue's text that says why."""

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(f"the password is {key.rpartition('.')[2].replace('_', ' ')}")


class Busy(OkngError):
    """So many passwords are being looked at that this one was not."""


def check_new(password: str, *about: str) -> None:
    """Raise PasswordRefused for one that may not be set. `about`: names that must not be most of it."""
    plain = normal(password)
    if len(plain) < MIN_LENGTH:
        raise PasswordRefused("password.too_short", least=MIN_LENGTH)
    if len(plain) > MAX_LENGTH:
        raise PasswordRefused("password.too_long", most=MAX_LENGTH)
    if len(set(plain.casefold())) < _FEWEST_DIFFERENT:
        raise PasswordRefused("password.too_plain")
    if _is_mostly(plain.casefold(), (*_COMMON, *(name.casefold() for name in about))):
        raise PasswordRefused("password.too_easy")


def _is_mostly(plain: str, known: Iterable[str]) -> bool:
    """Whether less than half of the needed length is left without a word that everybody tries."""
    for word in sorted((w for w in known if len(w) > 2), key=len, reverse=True):
        plain = plain.replace(word, "")
    return len(plain) < MIN_LENGTH // 2


def normal(password: str) -> str:
    """As it is hashed: keyboards write one character in several ways (NIST SP 800-63B: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """What is kept of a password; takes tens of milliseconds and 19 MiB, by design."""
    return _HASHER.hash(normal(password))


def matches(kept: str, password: str) -> bool:
    """Whether this is the password; takes as long."""
    try:
        return _HASHER.verify(kept, normal(password[: MAX_LENGTH * 4]))
    except (VerificationError, InvalidHashError):
        return False


def is_old(kept: str) -> bool:
    """Whether it was hashed otherwise than it is done now."""
    return _HASHER.check_needs_rehash(kept)


class HashingThread:
    """Passwords are looked at one after the other, in a thread that nobody else waits for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting = 0
        self.nobodys = hashed("nobody's password, so that an unknown name takes as long as a known one")

    async def run(self, work: Callable[[], T]) -> T:
        """Raises Busy at once where too many wait already."""
        if self._waiting >= MOST_WAITING:
            raise Busy("too many passwords are being looked at")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1
