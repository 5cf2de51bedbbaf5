"""How a letter goes out: what a way of sending must do, and how it says that it could not."""

from pathlib import Path
from typing import Protocol

from fleet.store.outbox import Letter


class NotDelivered(Exception):
    """The letter has not arrived, or nobody knows whether it has; without a secret in the words."""


class Channel(Protocol):
    """A way of telling somebody."""

    def send(self, letter: Letter) -> None:
        """Deliver, within about the channel's time-out. Back without an error: the other side has taken it.

        A letter may be sent again, after a crash between its arrival and our note of it: it then bears the
        same name. Raises NotDelivered.
        """


def secret_of(file: Path) -> bytes:
    """What a secret's file holds, without the line's end: read at each use, so that it may be changed meanwhile.

    Raises NotDelivered.
    """
    try:
        secret = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise NotDelivered(f"{file}: {error.strerror}") from error
    if not secret:
        raise NotDelivered(f"{file} is empty")
    return secret
