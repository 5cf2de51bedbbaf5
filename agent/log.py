"""Messages for people: one line each on stderr, which is the journal under systemd.

Under the journal (JOURNAL_STREAM names our stderr) a line begins with its priority, <3> to <7>
(sd-daemon(3)), and the journal adds the time; elsewhere the line begins with the time (UTC).
"""

import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
OURS = ("agent", "pipelines", "fleet")
"""Loggers are named by their module: these packages are ours."""
_SYSLOG: Mapping[int, int] = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
_LINE_END = " | "


class OneLine(logging.Formatter):
    """A message, and its traceback where there is one, on one line."""

    def __init__(self, journal: bool) -> None:
        super().__init__("%(name)s: %(message)s" if journal else "%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        self.converter = time.gmtime
        self.default_time_format = "%Y-%m-%dT%H:%M:%S"
        self.default_msec_format = "%s.%03dZ"
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        line = _LINE_END.join(part.strip() for part in super().format(record).splitlines() if part.strip())
        return f"<{_SYSLOG.get(record.levelno, 6)}>{line}" if self._journal else line


def to_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the stream is the journal: JOURNAL_STREAM holds its device and inode (systemd.exec(5)).

    Comparing them matters: a child that inherits the variable but writes into a pipe is not.
    """
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(stat.st_dev), str(stat.st_ino))


def set_up(level: str, stream: TextIO | None = None, environment: Mapping[str, str] = os.environ) -> None:
    """Send our messages of at least this level (a key of LEVELS) to the stream; stderr by default.

    Libraries are heard from warning on: their info is about themselves. Raises ValueError for another
    level. May be called again, with another level.
    """
    if level not in LEVELS:
        raise ValueError(f"log.level {level!r} is not known; allowed: {', '.join(LEVELS)}")
    stream = sys.stderr if stream is None else stream
    there = logging.StreamHandler(stream)
    there.setFormatter(OneLine(to_journal(stream, environment)))
    logging.basicConfig(level=max(LEVELS[level], logging.WARNING), handlers=[there], force=True)
    for ours in OURS:
        logging.getLogger(ours).setLevel(LEVELS[level])
