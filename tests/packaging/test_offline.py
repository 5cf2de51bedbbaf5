"""A station talks to nobody that it was not told to."""

import os
import subprocess
import sys
from pathlib import Path

LOAD = """
import sys
import agent.station.engines.openvino, agent.station.app, agent.uplink.app, agent.web.app
print([name for name in sys.modules if name.startswith("openvino_telemetry") and sys.modules[name]])
"""


def test_no_library_reports_to_its_maker(tmp_path: Path) -> None:
    """FIELD 24: no cloud. Importing OpenVINO would report each start, and leave an id in the home folder."""
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (said.returncode, said.stdout.strip()) == (0, "[]"), said.stderr
    assert list(tmp_path.iterdir()) == []
