"""Tells systemd how the process is: sd_notify(3) without its library.

Every call does nothing when NOTIFY_SOCKET is not set (not started by systemd, or not Type=notify).
A socket that does not take the message is not an error of ours: systemd's own time-outs decide then.
"""

import contextlib
import os
import socket
from collections.abc import Mapping


def ready(status: str = "") -> None:
    """The process does its work now."""
    _send("READY=1" + (f"\nSTATUS={_one_line(status)}" if status else ""))


def status(text: str) -> None:
    """One line for `systemctl status`."""
    _send(f"STATUS={_one_line(text)}")


def watchdog() -> None:
    """There was progress; call it only then."""
    _send("WATCHDOG=1")


def extend_timeout(seconds: float) -> None:
    """The start, or the stop, goes on: systemd is not to end it within so many seconds from now."""
    _send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")


def stopping() -> None:
    """The process is about to end."""
    _send("STOPPING=1")


def watchdog_s(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float:
    """systemd kills a process that is silent for so long; 0: no watchdog. Feed it at half of this.

    A watchdog meant for another process (inherited from a parent) is none, see sd_watchdog_enabled(3).
    """
    mine = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
    usec = environment.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if mine and usec.isascii() and usec.isdigit() else 0.0


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):  # vsock:... is for machines that are guests
        return
    if address.startswith("@"):  # an abstract socket, unix(7)
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.settimeout(1.0)
        there.sendto(message.encode(), address)


def _one_line(text: str) -> str:
    """The protocol is lines: a line end in a status would start another assignment."""
    return " ".join(text.split())
