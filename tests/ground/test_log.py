"""One line a message; priorities under the journal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.log import LEVELS, set_up, to_journal

SAY = """
import logging, sys
from agent.log import set_up
set_up(sys.argv[1])
log = logging.getLogger("agent.test")
logging.getLogger("library").info("about itself")
log.debug("d"); log.info("two\\nlines"); log.warning("w")
try:
    raise ValueError("why")
except ValueError:
    log.exception("it failed")
"""


def said(level: str, file: Path, journal: bool) -> list[str]:
    with file.open("w") as stream:
        state = os.fstat(stream.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{state.st_dev}:{state.st_ino}" if journal else "1:1"}
        subprocess.run([sys.executable, "-c", SAY, level], env=environment, stderr=stream, check=True, timeout=60)
    return file.read_text().splitlines()


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    lines = said("debug", tmp_path / "log", journal=True)
    assert lines[:3] == ["<7>agent.test: d", "<6>agent.test: two | lines", "<4>agent.test: w"]
    assert len(lines) == 4
    assert lines[3].startswith("<3>agent.test: it failed | Traceback")
    assert lines[3].endswith("ValueError: why")


def test_elsewhere_a_line_begins_with_the_time_in_utc(tmp_path: Path) -> None:
    lines = said("warning", tmp_path / "log", journal=False)
    assert len(lines) == 2
    assert lines[0].partition(" ")[0].endswith("Z")
    assert lines[0].endswith("WARNING agent.test: w")


def test_a_stream_without_a_file_is_not_the_journal() -> None:
    import io

    assert not to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match=f"'loud' is not known; allowed: {', '.join(LEVELS)}"):
        set_up("loud")
