"""What a stranger types wrongly: named at once, with what is allowed, before any work is done."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import main
from agent.commands.model import _figure
from agent.errors import EXIT_INTERRUPTED
from agent.station.models.activation import RolledBack, Version
from agent.station.models.activations import Activations
from agent.store.values import Sampling
from pipelines.values import Outcome
from tests.review.stationed import Data, data_folder
from tests.station.test_models_killed import bundle

Said = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Data]:
    made = data_folder(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def config(data: Data, tmp_path: Path) -> str:
    file = tmp_path / "station.toml"
    head = f'[station]\ndata = "{data.folder}"\nruntime = "{tmp_path / "run"}"\n'
    file.write_text(f'{head}[lanes.side]\nrecipe = "board"\ncamera = {{ kind = "push" }}\n')
    return str(file)


def refused(said: Said, *words: str) -> str:
    """The whole of stderr: one sentence, no traceback."""
    assert main(words) == 1
    told = said.readouterr().err
    assert told.startswith("okng: ")
    return told


def backtest_refused(config: str, *words: str) -> str:
    """As `refused`. A backtest takes its process into the background: never this one."""
    whole = (sys.executable, "-m", "agent.cli", "backtest", *words, "--nice", "0", "--config", config)
    done = subprocess.run((*whole, "--since", "2026-01-01"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("okng: ")
    return done.stderr


def test_an_unknown_lane_or_recipe_names_those_that_there_are(
    data: Data, config: str, tmp_path: Path, capsys: Said
) -> None:
    data.part(Outcome.OK)
    data.store.flush()
    asked = ("review", "export", str(tmp_path / "out"), "--config", config)
    lane = refused(capsys, *asked, "--lane", "topp")
    assert "--lane topp: unknown, did you mean top?; known: side, top" in lane
    assert "--recipe foo: unknown; known: board" in refused(capsys, *asked, "--recipe", "foo")
    assert not (tmp_path / "out").exists()
    assert "--lane topp: unknown, did you mean top?" in backtest_refused(config, "x-1", "--lane", "topp")


def test_an_export_that_nobody_has_reviewed_says_so(data: Data, config: str, tmp_path: Path, capsys: Said) -> None:
    """FIELD: nothing is taken for good that nobody has looked at."""
    data.part(Outcome.OK, Sampling(0.1, 0.1))
    data.store.flush()
    assert main(("review", "export", str(tmp_path / "out"), "--config", config)) == 0
    assert "warning: nobody has reviewed any of these parts" in capsys.readouterr().err
    only = refused(capsys, "review", "export", str(tmp_path / "no"), "--config", config, "--reviewed-only")
    assert "review parts on the station first" in only


def test_what_is_written_at_the_end_is_tried_at_the_beginning(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "folder").mkdir()
    for file, why in (("no/x.json", "there is no folder"), ("folder", "is a folder; the name of a file is allowed")):
        given = ("--json", str(tmp_path / file))
        # Neither bundle nor data set is there: the file is found wrong before they are looked at.
        assert why in refused(capsys, "evaluate", "none", "none", *given)
        assert why in refused(capsys, "dataset", "none", *given)


def test_a_file_is_no_data_set(tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "pictures.zip").write_bytes(b"PK")
    told = refused(capsys, "dataset", str(tmp_path / "pictures.zip"))
    assert "is a file of another kind; a data set's folder, its data.yaml, or its COCO file (.json) is allowed" in told


def test_an_import_of_what_is_not_there_says_what_is(config: str, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "board-12.okng").write_bytes(b"")
    told = refused(capsys, "model", "import", str(tmp_path / "board-2.okng"), "--config", config)
    assert "does not exist; a file NAME-VERSION.okng is allowed" in told
    assert f"did you mean {tmp_path / 'board-12.okng'}?" in told
    far = refused(capsys, "model", "import", str(tmp_path / "no" / "board-2.okng"), "--config", config)
    assert "does not exist" in far
    assert "did you mean" not in far


def test_a_bundle_names_what_it_lacks(config: str, tmp_path: Path) -> None:
    bundle(tmp_path / "canned-1", "1")
    (tmp_path / "canned-1" / "golden.png").unlink()
    told = backtest_refused(config, str(tmp_path / "canned-1"))
    assert "golden.png: is named in the manifest, but not there" in told


def test_a_rollback_behind_a_model_that_went_by_itself_says_both(data: Data, config: str, capsys: Said) -> None:
    versions = {}
    for name in ("1", "2"):
        bundle(data.folder / "models" / f"canned-{name}", name)
        versions[name] = Version(id=f"canned-{name}", digest=name * 64)
    gone = RolledBack(model="canned-3", digest="3" * 64, to="canned-2", why="9 errors", at_utc_us=1)
    Activations(data.folder).insist(
        "board", active="canned-2", digest="2" * 64, file_model="x-1", previous=(versions["1"],), rolled_back=gone
    )
    data.close()
    assert main(("model", "rollback", "--config", config)) == 0
    told = capsys.readouterr().out
    assert "before this, canned-3 was taken back by itself: 9 errors" in told
    assert "now canned-2, which judged since then, is taken back too" in told
    assert "back to canned-1; canned-2: it judged no part" in told
    end = refused(capsys, "model", "rollback", "--config", config)
    assert "no good model to go back to; canned-2 was taken back by a person: told to; canned-1 judges" in end


def test_figures_are_cut_and_never_rounded_to_the_whole(data: Data, config: str, capsys: Said) -> None:
    for value, shown in ((0.9817, "98.17 %"), (0.99999, "99.99 %"), (1.0, "100.00 %"), (0.57, "57.00 %")):
        assert _figure("mAP50", value) == shown
    assert (_figure("threshold", 0.295), _figure("bytes", 3518960), _figure("split", "test")) == (
        "0.295", "3518960", "test",
    )  # fmt: skip
    bundle(data.folder / "models" / "canned-1", "1")
    file = data.folder / "models" / "canned-1" / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"figures": {"mAP50": 0.98179}}))
    data.close()
    assert main(("model", "list", "--config", config)) == 0
    assert "mAP50 98.17 %" in capsys.readouterr().out


def test_ctrl_c_in_a_training_says_how_to_go_on(tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.offline.complete", lambda: None)
    monkeypatch.setattr("training.workshop.run", interrupted)
    told = ("train", str(tmp_path), "--out", str(tmp_path / "out"), "--name", "x", "--version", "1")
    assert main(told) == EXIT_INTERRUPTED == 130
    assert capsys.readouterr().err == "okng: stopped; the same command with --resume goes on where it was\n"
