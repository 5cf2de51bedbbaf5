"""The process in which a model is tried: bound in memory, and in what it may say."""

import json
import os
from pathlib import Path

from agent.config import EngineConfig
from agent.station.models.trial import TAIL_BYTES, Task, _Tail, bound_mb, try_out
from tests.station.test_models_killed import ANSWER, bundle


def trial_of(folder: Path, memory_mb: float, side_px: int) -> Task:
    bundle(folder, "a")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["input"] = {"width_px": side_px, "height_px": side_px}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    engine = EngineConfig(kind="canned", canned=(tuple(ANSWER),))  # type: ignore[arg-type]
    return Task(bundle=folder, cache=folder.parent, engine=engine, devices=("CPU",), memory_mb=memory_mb)


def test_a_trial_that_eats_memory_ends_alone(tmp_path: Path) -> None:
    """FIELD 10: its process is bound, whatever the machine has; the reason names the bound."""
    (result,) = try_out(trial_of(tmp_path / "canned-a", 100, 8192), 300)
    assert "it takes more than 100 MB" in result.why


def test_the_bound_leaves_room_to_find_that_a_budget_is_broken() -> None:
    assert bound_mb(1) >= 500
    assert bound_mb(2000) <= 8000


def test_a_trial_that_talks_without_end_fills_no_memory() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb") as out:
        tail = _Tail(stream, TAIL_BYTES)
        for _ in range(100):
            out.write(b"x" * TAIL_BYTES)
        out.write(b"the last words")
        out.close()
        kept = tail.text()
    assert len(kept) == TAIL_BYTES
    assert kept.endswith(b"the last words")
