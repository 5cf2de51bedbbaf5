"""Two lanes over one compiled model start without a hang; `benchmarks/two_lanes.py` starts them 50 times."""

from pathlib import Path

from benchmarks.two_lanes import many_starts
from tests.engines.tiny import bundle


def test_starts_of_two_lanes_end(tmp_path: Path) -> None:
    """FIELD 10: the very first inference is made before the lanes, never by two of them together."""
    folder = bundle(tmp_path / "made").folder
    assert many_starts(folder, tmp_path / "cache", starts=2, timeout_s=60) == {"ended well": 2}
