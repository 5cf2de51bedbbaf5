"""From the first schema to the one with reviews: every row stays, and a kill on the way changes nothing."""

import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.database import open_read_only, schema_version
from agent.store.migrate import bring_up
from agent.store.read import Reader
from agent.store.schema import HEAD
from agent.store.values import PartQuery, Review, Sampling
from pipelines.values import Outcome
from tests.store.audit import audit
from tests.store.made import HandClock, writer
from tests.store.upgraded import contents, first_version

ROOT = Path(__file__).parents[2]
SOME = [0, 1, 2, 0, 1], [True, True, True, False, False]
parts = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30)


def moved(database: Path, kill: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.store.upgraded", str(database), str(kill)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def version(database: Path) -> str | None:
    connection = open_read_only(database)
    try:
        return schema_version(connection)
    finally:
        connection.close()


@settings(max_examples=8, deadline=None)
@given(parts)
def test_the_upgrade_keeps_every_row(rows: list[tuple[int, bool]]) -> None:
    with TemporaryDirectory() as name:
        database = Path(name) / "results.db"
        first_version(database, [o for o, _ in rows], [k for _, k in rows])
        before = contents(database)
        bring_up(database, "0001")
        assert contents(database) == before
        reader = Reader(database)
        assert len(reader.draw_key()) == 16
        found = {p.id: p for p in reader.parts(PartQuery(limit=100))}
        assert len(found) == len(rows)
        for n, (outcome, kept) in enumerate(rows, 1):
            assert (found[n].evidence is not None) is kept
            # Pictures of NG and UNSURE parts were always kept; which share of the OK ones, nobody noted.
            assert found[n].sampling == Sampling(1.0 if kept and outcome else None)


def test_a_station_goes_on_with_an_upgraded_database(tmp_path: Path) -> None:
    database = tmp_path / "results.db"
    first_version(database, *SOME)
    store = writer(tmp_path, HandClock()).start()
    store.review(Review(2, "ok", "ann"))
    store.close()
    reader = Reader(database)
    assert reader.reviews([2])[2].verdict == "ok"
    assert reader.outcomes(PartQuery()) == {Outcome.OK: 2, Outcome.NG: 2, Outcome.UNSURE: 1}
    assert version(tmp_path / f"results.before-{HEAD}.db") == "0001"
    audit(database, range(1, 6))


def test_killed_at_each_step_of_the_upgrade_the_old_version_is_whole(tmp_path: Path) -> None:
    (tmp_path / "counted").mkdir()
    counted = tmp_path / "counted" / "results.db"
    first_version(counted, *SOME)
    said = moved(counted, 0)
    assert said.returncode == 0, said.stderr
    steps = int(said.stdout)
    assert steps > 15
    # Every fifth, and each of the last ones, where the new version is nearly there.
    for step in sorted({*range(1, steps + 1, 5), *range(steps - 2, steps + 1)}):
        folder = tmp_path / str(step)
        folder.mkdir()
        database = folder / "results.db"
        first_version(database, *SOME)
        before = contents(database)
        died = moved(database, step)
        assert died.returncode == -signal.SIGKILL, (step, died.stderr)
        assert version(database) == "0001", step
        assert contents(database) == before, step
        bring_up(database, "0001", "0002")
        assert version(database) == "0002"
        assert contents(database) == before
