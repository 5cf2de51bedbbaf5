"""One station a data folder, by real processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.lock import DataFolderBusy, DataLock, holder

HOLD = """
import sys, pathlib
from agent.lock import DataLock
with DataLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_one_is_told_the_firsts_pid(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        with pytest.raises(DataFolderBusy, match=f"in use by process {first.pid};") as refused, DataLock(tmp_path):
            pass
        assert refused.value.pid == first.pid
        assert holder(tmp_path) == first.pid
        first.communicate("", timeout=30)
    assert holder(tmp_path) == 0
    with DataLock(tmp_path):
        assert holder(tmp_path) > 0


def test_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    with holding(tmp_path) as first:
        first.kill()
        first.wait(30)
    with DataLock(tmp_path):
        pass


def test_a_folder_that_is_not_there_is_made_and_nobody_holds_another(tmp_path: Path) -> None:
    with DataLock(tmp_path / "new" / "data"):
        assert holder(tmp_path) == 0
