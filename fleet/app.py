"""`okng fleet`: the collector and the pages as two processes, for a small centre, containers and the demo.

Under systemd, or with several collectors, each process is a unit of its own.
"""

import sys
from pathlib import Path

from agent.log import set_up
from agent.run import Command, run
from fleet.settings import load

PARTS = ("collect", "web")
"""The processes, each `okng fleet PART`."""


def run_fleet(path: Path) -> int:
    """Keep the processes running until SIGTERM or SIGINT; returns the exit status. Raises ConfigurationRefused."""
    set_up(load(path).config.log.level)
    argv = (sys.executable, "-m", "agent.cli", "fleet")
    return run([Command(f"fleet {part}", (*argv, part, "--config", str(path))) for part in PARTS])
