"""Ctrl-C in the middle of a training: an orderly end within seconds, and `--resume` goes on where it was."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from agent.errors import EXIT_INTERRUPTED

ROOT = Path(__file__).resolve().parents[2]
END_S = 60.0
"""Far more than it takes: the machine may be busy."""


def interrupted(command: list[str], at: str) -> list[str]:
    """What it said until Ctrl-C, which a terminal gives to every process of it, at a line with `at`, and after."""
    lines: list[str] = []
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    sent = 0.0
    for line in process.stdout:
        lines.append(line)
        if not sent and re.search(at, line):
            os.killpg(process.pid, signal.SIGINT)
            sent = time.monotonic()
    code = process.wait(END_S)
    assert sent, "".join(lines)
    assert time.monotonic() - sent < END_S
    assert code == EXIT_INTERRUPTED, "".join(lines)
    assert "Traceback" not in "".join(lines)
    assert lines[-1].strip() == "okng: stopped; the same command with --resume goes on where it was"
    return lines


def test_a_training_that_is_interrupted_ends_in_order_and_goes_on(drawn: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent.cli", "train", str(drawn), "--out", str(tmp_path), "--name", "turn"]
    command += ["--version", "1", "--start", "none", "--device", "cpu", "--imgsz", "96", "--batch", "4"]
    command += ["--epochs", "400"]
    interrupted(command, r"epoch 2 ")
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode != 0
    assert "--resume goes on with it" in refused.stderr
    again = "".join(interrupted([*command, "--resume"], r"epoch 2 +batch 1 "))
    assert "check: made before" in again
    assert re.search(r"going on after \d+ s", again)
