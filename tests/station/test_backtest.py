"""Backtest: a real small model over stored pictures of which it is known what it says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import RecipeRefused
from agent.station.backtest.page import page
from agent.station.backtest.pool import in_turn, read_pool
from agent.station.backtest.words import as_json, lines
from agent.station.models.bundle import Bundle
from agent.store.values import Sampling
from pipelines.values import Outcome, Reason, Rule, Verdict
from tests.engines.tiny import bundle
from tests.review.stationed import Data
from tests.station.replays import ALL, RECIPE, TENTH, command, line, replayable, replayed, shot

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Data]:
    with replayable(tmp_path / "data") as made:
        yield made


def test_how_many_more_it_would_reject_and_pass(data: Data, candidate: Bundle) -> None:
    """Each kept pass stands for ten; bad ones are all kept, so that nothing is open about those."""
    line(data, {(Outcome.OK, False): 8, (Outcome.OK, True): 2}, TENTH)
    for _ in range(90):
        data.part(Outcome.OK, kept=False)
    line(data, {(Outcome.NG, True): 5, (Outcome.NG, False): 3, (Outcome.UNSURE, False): 2})
    done = replayed(data, candidate)
    assert (done.sides.rejected.known, done.sides.rejected.drawn, done.sides.rejected.seen) == (100, 10, 2)
    assert done.sides.rejected.total == pytest.approx(20)
    assert done.sides.rejected.horvitz_thompson == pytest.approx(20)
    assert 2 <= done.sides.rejected.low < 20 < done.sides.rejected.high < 60
    assert (done.sides.passed.total, done.sides.passed.low, done.sides.passed.high) == (3, 3, 3)
    assert done.sides.passed_unsure.total == 2
    assert done.table == {
        (Outcome.OK, Outcome.OK): 8,
        (Outcome.OK, Outcome.NG): 2,
        (Outcome.NG, Outcome.NG): 5,
        (Outcome.NG, Outcome.OK): 3,
        (Outcome.UNSURE, Outcome.OK): 2,
    }
    assert done.counts.left == 0
    assert done.candidate.device == "CPU"
    assert done.candidate.recipes[0].startswith("board@")
    assert len(done.changes) == 7
    said = "\n".join(lines(done))
    assert "would reject, of parts that passed:  about 20 (" in said
    assert "would pass, of parts found NG:       about 3 (3 to 3) of 8; 3 of 8 replayed" in said


def test_lossy_and_undrawn_pictures_enter_no_estimate(data: Data, candidate: Bundle) -> None:
    line(data, {(Outcome.OK, True): 1}, TENTH)
    data.part(Outcome.OK, Sampling(), pixels=shot(500, True))  # kept because another model disagreed
    data.part(Outcome.NG, Sampling(1.0, 0.1), pixels=shot(501, False), lossless=False)
    done = replayed(data, candidate)
    assert (done.sides.rejected.drawn, done.sides.passed.drawn) == (1, 0)
    assert (done.counts.lossy, done.counts.unknown_share) == (1, 1)
    assert done.apart == {(Outcome.OK, Outcome.NG): 1}
    assert "unknown: none of 1 has a lossless picture that was drawn" in "\n".join(lines(done))
    apart = replayed(data, candidate, replace(ALL, lossy=True)).apart
    assert apart == {(Outcome.OK, Outcome.NG): 1, (Outcome.NG, Outcome.OK): 1}


def test_what_no_model_changes_stays_as_it_is(data: Data, candidate: Bundle) -> None:
    late = Verdict(Outcome.UNSURE, (Reason(Rule.LATE, 900.0, 500.0),))
    data.part(Outcome.UNSURE, pixels=shot(1, False), verdict=late)
    data.part(Outcome.UNSURE, pixels=shot(2, False))
    done = replayed(data, candidate)
    assert (done.sides.passed_unsure.total, done.counts.incomparable) == (1, 1)
    assert [c.part.id for c in done.changes] == [2]


def test_tampered_pictures_are_named_and_not_used(data: Data, candidate: Bundle) -> None:
    first, second, third = line(data, {(Outcome.NG, False): 3})
    files = {p: data.evidence / data.reader.part(p).evidence.file for p in (first, second)}  # type: ignore[union-attr]
    files[first].write_bytes(files[third if third in files else second].read_bytes())
    files[second].unlink()
    done = replayed(data, candidate)
    assert (done.counts.gone, done.sides.passed.drawn, done.sides.passed.seen) == (1, 1, 1)
    assert f"part {first}, top/" in done.counts.tampered[0]
    assert any("not what was judged, and not used" in said for said in lines(done))


def test_a_limit_draws_fairly_and_an_early_end_is_an_answer(data: Data, candidate: Bundle) -> None:
    line(data, {(Outcome.OK, False): 15, (Outcome.OK, True): 5, (Outcome.NG, False): 3})
    done = replayed(data, candidate, replace(ALL, limit=6))
    assert (done.sides.rejected.drawn, done.sides.passed.drawn, done.counts.left) == (3, 3, 17)
    assert not done.interrupted
    early = replayed(data, candidate, ended=4)
    assert early.interrupted
    assert (early.sides.rejected.drawn + early.sides.passed.drawn, early.counts.left) == (4, 19)
    assert early.sides.rejected.high > early.sides.rejected.low
    assert "ended early" in "\n".join(lines(early))
    pool = read_pool(data.reader, ALL)
    orders = {tuple(p.id for p in in_turn(pool, replace(ALL, seed=seed))) for seed in range(8)}
    assert len(orders) == 8
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(1, 24))}


def test_a_recipe_that_the_candidate_cannot_do_is_refused(data: Data, candidate: Bundle) -> None:
    line(data, {(Outcome.NG, False): 1})
    (data.folder / "recipes" / "board.toml").write_text(RECIPE + "[classes.scratch]\nallowed = 1\n")
    with pytest.raises(RecipeRefused, match="the model has no label 'scratch'"):
        replayed(data, candidate)


def test_the_page_stands_by_itself_and_nothing_on_it_runs(data: Data, candidate: Bundle) -> None:
    line(data, {(Outcome.OK, True): 2, (Outcome.NG, False): 1})
    data.part(Outcome.NG, pixels=shot(300, False), part_id="<script>alert(1)</script>")
    done = replayed(data, candidate)
    made = page(done, "works/line1/eye")
    assert made.count("data:image/jpeg;base64,") == len(done.changes) == 4
    assert "<script" not in made
    assert "http" not in made.replace("http-equiv", "")
    assert "将多放行" in made
    body = json.loads(as_json(done, "works/line1/eye"))
    assert body["rejected"]["seen"] == 2
    assert body["table"]["NG->OK"] == 2
    assert {c["id"] for c in body["changes"]} == {1, 2, 3, 4}


def test_the_command_from_end_to_end_and_ended_by_a_signal(data: Data, candidate: Bundle, tmp_path: Path) -> None:
    """A process of its own beside an open store; Ctrl-C ends it with an answer."""
    line(data, {(Outcome.OK, True): 3, (Outcome.NG, False): 1})
    said = [str(candidate.folder), "--since", "2026-01-01"]
    said += ["--json", str(tmp_path / "b.json"), "--page", str(tmp_path / "b.html")]
    asked = command(data, tmp_path / "run", *said, more='[engine]\ndevices = ["CPU"]\n')
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "about 3 (3 to 3) of 3; 3 of 3 replayed" in done.stdout
    assert json.loads((tmp_path / "b.json").read_text())["passed"]["seen"] == 1
    assert (tmp_path / "b.html").read_text().startswith("<!doctype html>")
    for _ in range(400):
        data.part(Outcome.NG, pixels=shot(data.count, False))
    with subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None and not _is_judging(process.pid):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        told, wrong = process.communicate(timeout=60)
    assert process.returncode == 130, wrong
    assert "Traceback" not in wrong
    assert "ended early" in told


def _is_judging(pid: int) -> bool:
    """Whether the inner process has the candidate's runtime in its memory: its signals are handled by then."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):
            return "openvino" in Path(f"/proc/{child}/maps").read_text()
    return False


def test_it_runs_in_a_session_of_its_own_at_the_lowest_priority() -> None:
    look = "import os, pathlib; from agent.station.backtest.apart import stand_back; stand_back(19); "
    look += "group = pathlib.Path('/proc/self/autogroup'); "
    look += "print(os.nice(0), os.getsid(0) == os.getpid(), group.read_text() if group.exists() else 'nice 19')"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True, start_new_session=True
    )
    assert done.stdout.startswith("19 True")
    assert done.stdout.strip().endswith("nice 19")


def test_a_refusal_is_said_once_and_fails(data: Data, tmp_path: Path) -> None:
    for more, said, code in (
        (["no-such-1", "--since", "2026-01-01"], "there is no such bundle; known: ", 1),
        (["no-such-1", "--since", "yesterday"], "--since 'yesterday': allowed is 2026-11-24", 1),
        (["no-such-1"], "--since", 2),
    ):
        asked = command(data, tmp_path / "run", *more)
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr.count(said)) == (code, 1) or code == 2, done.stderr
        assert done.returncode == code
