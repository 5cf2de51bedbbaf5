"""A sample of what `python -m benchmarks.mutations` does ten thousand times: none accepted, no crash."""

from pathlib import Path

from benchmarks.harm.families import FAMILIES
from benchmarks.mutations import original, try_out


def test_no_mutated_bundle_is_accepted_and_none_crashes_or_leaves_anything(tmp_path: Path) -> None:
    """Harm of every family, in turn, from a fixed seed."""
    start, trust = original(tmp_path)
    counts = try_out(start, trust, tmp_path, count=500, seed=20261124)
    assert counts.keys() == FAMILIES.keys()
    assert sum(count.tried for count in counts.values()) == 500
    wrong = {n: c.reasons for n, c in counts.items() if c.accepted or c.crashed or c.left_behind}
    assert not wrong
