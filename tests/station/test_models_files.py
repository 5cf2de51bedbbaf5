"""The files of a model's life: what is kept, what goes, the gate's book, and the command without a station."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.config import EngineConfig, ModelsConfig
from agent.control import ALLOWED, UPLINK_USER, WEB_USER
from agent.errors import BundleRefused, ControlFailed, OkngError
from agent.settings import load
from agent.station.model_verbs import ModelVerbs
from agent.station.models.activation import Activation, Version, effective
from agent.station.models.activations import FILE, Activations
from agent.station.models.archive import pack
from agent.station.models.bundle import read_bundle
from agent.station.models.gate import Gates
from agent.station.models.golden import Shown
from agent.station.models.library import Library
from agent.station.models.signing import SigningKey, Trust, text_of, trust_in
from agent.station.models.trial import Result
from agent.station.offline import offline
from pipelines.recipe import Recipe
from tests.station.squares import Line, edit, judging, key_in, make, network, ready, write_settings

CLOCK = SystemClock()
RECIPE = Recipe.model_validate({"name": "r", "model": "squares-1"})


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return key_in(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    return make(tmp_path_factory.mktemp("made"), "1", network(), key)


def another(squares: Path, folder: Path, key: SigningKey | None, version: str) -> Path:
    """The same model by another version's name."""
    folder.mkdir(parents=True, exist_ok=True)
    copied = Path(shutil.copytree(squares, folder / f"squares-{version}"))
    return edit(copied, key, lambda manifest: manifest.update(version=version))


def command(*said: str, settings: Path) -> "subprocess.CompletedProcess[str]":
    whole = (sys.executable, "-m", "agent.cli", "model", *said, "--config", str(settings))
    return subprocess.run(whole, capture_output=True, text=True, timeout=300, check=False)


# models.json -------------------------------------------------------------------------------------------


def test_an_activation_stands_in_for_the_files_model_until_the_file_names_another() -> None:
    active = Activation(active="squares-2", digest="d" * 64, file_model="squares-1")
    assert effective(RECIPE, active).model == "squares-2"
    assert effective(RECIPE, active).model_hash == "d" * 64
    assert effective(RECIPE.model_copy(update={"model": "squares-3"}), active).model == "squares-3"
    pinned = RECIPE.model_copy(update={"model_hash": "a" * 64})
    assert effective(pinned, active) == pinned
    assert effective(RECIPE, Activation()) == RECIPE
    assert effective(RECIPE.model_copy(update={"model": "x-1"}), active, by_file=False).model == "squares-2"


names = st.text("abc-0123456789", min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)  # a disk decides how long it takes
@given(st.dictionaries(names, st.tuples(names, st.lists(names, max_size=3)), min_size=1, max_size=4))
def test_what_is_written_down_is_read_again(said: dict[str, tuple[str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Activations(Path(folder))
        for recipe, (active, before) in said.items():
            kept.change(recipe, active=active, previous=tuple(Version(id=b, digest="") for b in before))
        again = Activations(Path(folder))
        assert again.all() == kept.all()
        assert {n: a.active for n, a in again.all().items()} == {n: active for n, (active, _) in said.items()}


def test_a_damaged_file_is_a_state_and_a_full_disk_does_not_keep_a_bad_model(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    assert "cannot be read" in Activations(tmp_path).trouble
    (tmp_path / FILE).unlink()
    kept = Activations(tmp_path)
    kept.change("r", active="bad-1")
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()  # nothing can take its place by a rename
    with pytest.raises(OSError, match="directory"):
        kept.change("r", active="good-1")
    assert kept.of("r").active == "bad-1"
    kept.insist("r", active="good-1")
    assert kept.of("r").active == "good-1"
    kept.retry()
    (tmp_path / FILE).rmdir()
    kept.retry()
    assert Activations(tmp_path).of("r").active == "good-1"


# The library -------------------------------------------------------------------------------------------


def test_only_what_a_trusted_key_signed_may_judge(tmp_path: Path, squares: Path, key: SigningKey) -> None:
    trust = trust_in({"test": text_of(key.public)})
    library = Library(tmp_path, trust, bundled=tmp_path / "bundled")
    with library.taken_in(squares) as bundle:
        library.keep(bundle)
    assert library.read("squares-1").id == "squares-1"
    unsigned = another(squares, tmp_path / "models", None, "2")
    (unsigned / "manifest.sig").unlink()
    with pytest.raises(BundleRefused, match="nobody signed it; allowed: a signature by test"):
        library.read("squares-2")
    assert Library(tmp_path, Trust(accept_unsigned=True)).read("squares-2").id == "squares-2"
    assert Library(tmp_path, None).read("squares-2").id == "squares-2", "named by hand"
    with pytest.raises(BundleRefused, match="not trusted"):
        Library(tmp_path, Trust(accept_unsigned=True)).read("squares-1")
    unsigned.rename(tmp_path / "bundled-2")
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled-2").rename(tmp_path / "bundled" / "squares-2")
    assert library.read("squares-2").id == "squares-2", "what comes with okng is its own"
    with pytest.raises(BundleRefused, match="there is no such bundle; known: squares-1, squares-2"):
        library.read("squares-3")


def test_what_a_killed_import_or_removal_left_is_tidied(tmp_path: Path, squares: Path, key: SigningKey) -> None:
    library = Library(tmp_path, trust_in({"test": text_of(key.public)}))
    for left in (".trying/.unpack-x", ".gone-squares-9"):
        (tmp_path / "models" / left).mkdir(parents=True)
    library.tidy()
    assert list((tmp_path / "models").iterdir()) == []
    with library.taken_in(squares):
        pass
    assert list((tmp_path / "models").iterdir()) == [], "taken in and not kept"
    with library.taken_in(squares) as bundle:
        library.keep(bundle)
    library.remove("squares-1")
    assert list((tmp_path / "models").iterdir()) == []
    for wrong, why in (
        ("squares-1", "is not installed here; installed: none"),
        ("drawn-boards-1", "is not installed here; installed: none"),
        ("../models", "allowed: NAME-VERSION"),
        ("", "allowed: NAME-VERSION"),
    ):
        with pytest.raises(OkngError, match=why):
            library.remove(wrong)


@pytest.mark.parametrize("file", ["../x.okng", "a/b.okng", ".hidden"])
def test_a_plain_name_is_looked_for_in_incoming_only(tmp_path: Path, file: str) -> None:
    with pytest.raises(BundleRefused, match=r"a plain name in .*incoming, is allowed"):
        Library(tmp_path, None).offered(file, folders=False)


def test_the_oldest_that_nobody_needs_go_first(tmp_path: Path, squares: Path, key: SigningKey) -> None:
    library = Library(tmp_path, trust_in({"test": text_of(key.public)}), bundled=tmp_path / "none")
    for version in ("1", "2", "3", "4"):
        another(squares, tmp_path / "models", key, version)
    size = library.held()[0].bytes
    order = sorted(library.held(), key=lambda held: held.since_utc_us)
    assert library.too_many([], 4, 10 * size) == ()
    assert library.too_many([], 2, 10 * size) == tuple(held.id for held in order[:2])
    assert library.too_many([order[0].id], 2, 10 * size) == (order[1].id,)
    assert library.too_many([], 4, 3 * size + size // 2) == (order[0].id,)
    assert len(library.too_many(["squares-1"], 4, 0)) == 3


# The gate's book ---------------------------------------------------------------------------------------


def test_the_gate_notices_another_driver_and_another_precision(tmp_path: Path, squares: Path) -> None:
    """FIELD 12: versions are recorded, and what has changed is told."""
    model = read_bundle(squares)
    gates = Gates(tmp_path, EngineConfig(precision="f32"), CLOCK)
    measured = gates.measured(model, Result(device="NPU", runtime="OpenVINO 1, driver 7", p99_ms=3.0, memory_mb=9.0))
    assert measured.passed
    assert gates.note(model, Shown("NPU", "OpenVINO 1, driver 7")) == ""
    again = Gates(tmp_path, EngineConfig(precision="f32"), CLOCK)
    assert again.of(model.digest)[0].p99_ms == 3.0
    assert again.note(model, Shown("NPU", "OpenVINO 1, driver 8")) == "OpenVINO 1, driver 7 -> OpenVINO 1, driver 8"
    assert again.note(model, Shown("NPU", "OpenVINO 1, driver 8", "it sees nothing")) == ""
    assert [entry.passed for entry in again.of(model.digest)] == [False]
    other = Gates(tmp_path, EngineConfig(precision="f16", properties={"NPU": {"TURBO": True}}), CLOCK)
    assert other.note(model, Shown("NPU", "OpenVINO 1, driver 8")) == "f32 -> f16, TURBO=True"
    assert other.note(model, Shown("CPU", "OpenVINO 1")) == "", "the first time on a device is no change"


def test_a_book_that_cannot_be_read_or_written_stops_nobody(tmp_path: Path, squares: Path) -> None:
    (tmp_path / "gates.json").write_text("[")
    gates = Gates(tmp_path / "nowhere", EngineConfig(), CLOCK)
    assert gates.note(read_bundle(squares), Shown("CPU", "1")) == ""
    assert Gates(tmp_path, EngineConfig(), CLOCK).of("x") == ()


# Without a station, and with one -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_model_is_imported_and_activated_where_no_station_runs(
    tmp_path: Path, squares: Path, key: SigningKey
) -> None:
    data = tmp_path / "data"
    written = write_settings(data, tmp_path / "run", key)
    told: list[str] = []
    config = load(written, environment={}).config
    offline(config, "model_import", {"file": str(squares)}, told.append)
    done = command("import", str(another(squares, tmp_path, key, "2")), settings=written)
    assert done.returncode == 0, done.stderr
    assert "imported squares-2" in done.stdout
    assert "CPU: passed (OpenVINO" in done.stdout
    done = command("activate", "squares-2", settings=written)
    assert done.stdout == "squares-2 judges by recipe squares on top\n", done.stderr
    with pytest.raises(OkngError, match="squares-1 cannot be removed: it is a good one before"):
        offline(config, "model_remove", {"id": "squares-1"}, told.append)
    with pytest.raises(OkngError, match="model_shadow needs a running station"):
        offline(config, "model_shadow", {}, told.append)
    with judging(data, key, Line()) as rig:
        ready(rig)
        job = rig.station.lanes["top"].job
        assert job is not None
        assert (job.origin.model, job.standing.before is not None) == ("squares-2", True)
    done = command("list", settings=written)
    assert "squares-2  installed" in done.stdout
    assert "recipe squares (top): squares-2 since" in done.stdout
    assert "new, to be watched; before: squares-1" in done.stdout
    assert offline(config, "model_rollback", {}, told.append)["to"] == "squares-1"
    listed = json.loads(command("list", "--json", settings=written).stdout)
    assert listed["recipes"][0]["active"] == "squares-1"
    offline(config, "model_remove", {"id": "squares-2"}, told.append)
    assert not (data / "models" / "squares-2").exists()
    done = command("held", settings=written)
    assert done.stdout.strip() == "record,part_id,lane,captured,outcome,model", done.stderr


def test_the_same_model_twice_is_harmless_and_another_of_its_name_is_refused(
    tmp_path: Path, squares: Path, key: SigningKey
) -> None:
    config = load(write_settings(tmp_path / "data", tmp_path / "run", key), environment={}).config
    incoming = tmp_path / "data" / "incoming"
    incoming.mkdir()
    for _ in range(2):
        pack(squares, incoming / "squares.okng")
        assert offline(config, "model_import", {"file": "squares.okng"}, print)["id"] == "squares-1"
        assert not (incoming / "squares.okng").exists(), "it has been taken in"
    other = another(squares, tmp_path / "other", key, "1b")
    other.rename(tmp_path / "other" / "squares-1")
    changed = edit(tmp_path / "other" / "squares-1", key, lambda m: m.update(version="1", data="another"))
    with pytest.raises(BundleRefused, match="is there already; a bundle is never changed"):
        offline(config, "model_import", {"file": str(pack(changed, tmp_path / "x.okng"))}, print)


def test_a_model_that_does_not_fit_on_the_disk_is_refused(tmp_path: Path, squares: Path, key: SigningKey) -> None:
    config = load(write_settings(tmp_path / "data", tmp_path / "run", key, "cap_mb = 1\n"), environment={}).config
    offline(config, "model_import", {"file": str(squares)}, print)
    big = pack(make(tmp_path / "big", "2", network(slow=8), key), tmp_path / "big.okng")
    with pytest.raises(OkngError, match=r"squares-2 does not fit: 1 MB beside 0 MB, models\.cap_mb is 1"):
        offline(config, "model_import", {"file": str(big)}, print)
    assert [p.name for p in (tmp_path / "data" / "models").iterdir()] == ["squares-1"]


def test_who_may_say_what_about_models() -> None:
    """The uplink and the page may bring a model; whether the uplink may activate one is the configuration's to say."""
    verbs = {"models", "model_import", "model_activate", "model_rollback", "model_seen", "model_remove"}
    assert ALLOWED[UPLINK_USER] & verbs == {"models", "model_import"}
    assert ALLOWED[WEB_USER] & verbs == verbs - {"model_remove"}


def test_an_import_may_activate_only_where_the_configuration_says_so() -> None:
    nobody = SimpleNamespace()
    verbs = ModelVerbs(config=ModelsConfig(), intake=nobody, choice=nobody, rollout=nobody)  # type: ignore[arg-type]
    with pytest.raises(ControlFailed, match=r"models\.activate_on_import is false"):
        verbs.import_({"file": "x", "activate": True})
    with pytest.raises(ValueError, match="activate 1: true or false is allowed"):
        verbs.import_({"file": "x", "activate": 1})
