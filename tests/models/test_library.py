"""The library: a name is one model, an id never leads out of its folder, and what goes is needed by nobody."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config import Config, ModelsConfig
from agent.control import narrowed
from agent.errors import BundleRefused, OkngError
from agent.station.model_verbs import ModelVerbs
from agent.station.models.archive import check, pack
from agent.station.models.bundle import MANIFEST, sha256_of
from agent.station.models.gate import Gates
from agent.station.models.intake import Arrived, Intake
from agent.station.models.library import Library
from agent.station.models.listing import Listing
from agent.station.models.signing import SigningKey, Trust, new_key, sign_folder, text_of, trust_in
from benchmarks.mutations import small_bundle

STRANGER = 4_000_000_000


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_key(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture
def trust(key: SigningKey) -> Trust:
    return trust_in({"test": text_of(key.public)})


def changed(folder: Path, key: SigningKey, **fields: object) -> Path:
    """Another content by a name that may be the same."""
    body = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**body, **fields}))
    sign_folder(folder, key)
    return folder


def config_of(data: Path, models: Mapping[str, object], reserve_mb: int) -> Config:
    told = {"station": {"data": data, "runtime": data / "run"}, "evidence": {"reserve_mb": reserve_mb}}
    return Config.model_validate({**told, "models": models})


def intake_of(
    data: Path,
    library: Library,
    needed: Callable[[], Mapping[str, str]] = dict,
    event: Callable[..., None] = lambda *_, **__: None,
    deciding: Any = None,
    models: Mapping[str, object] | None = None,
    reserve_mb: int = 1,
) -> Intake:
    data.mkdir(parents=True, exist_ok=True)
    config = config_of(data, models or {}, reserve_mb)
    return Intake(
        config=config,
        library=library,
        gates=Gates(data, config.engine, SystemClock()),
        needed=needed,
        deadlines_ms=tuple,
        inputs=lambda _: (),
        event=event,
        deciding=deciding or threading.RLock(),
    )


# A name is one model -----------------------------------------------------------------------------------


def test_no_import_hides_a_model_that_comes_with_okng(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    """FIELD 15: signed or not, as a file or as a folder; what is shipped goes on to judge."""
    shipped = small_bundle(tmp_path / "bundled" / "small-1", key)
    library = Library(tmp_path / "data", trust, bundled=tmp_path / "bundled")
    other = changed(small_bundle(tmp_path / "new" / "small-1", key), key, data="another")
    intake = intake_of(tmp_path / "data", library)
    for given in (other, pack(other, tmp_path / "other.okng")):
        with pytest.raises(BundleRefused, match="small-1: comes with okng; a bundle is never changed"):
            intake.import_(str(given), folders=True)
        with pytest.raises(BundleRefused, match="small-1: comes with okng"), library.taken_in(given):
            pass
    assert library.find("small-1") == shipped
    assert library.read("small-1").manifest.data == "none"
    assert not list((tmp_path / "data" / "models").glob("*")), "nothing is left"


def test_a_folder_that_calls_itself_otherwise_is_no_model(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    small_bundle(tmp_path / "models" / "small-2", key)
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    with pytest.raises(BundleRefused, match="calls itself small-1"):
        library.read("small-2")
    (listed,), _ = Listing(library, Gates(tmp_path, config_of(tmp_path, {}, 1).engine, SystemClock()), dict).page()
    assert "calls itself small-1" in listed["problem"]


@pytest.mark.parametrize("name", ["", ".", "..", "../small-1", ".trying", ".gone-small-1", "small", "a/../small-1"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, key: SigningKey, trust: Trust, name: str) -> None:
    small_bundle(tmp_path / "models" / "small-1", key)
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    with pytest.raises(OkngError):
        library.remove(name)
    with pytest.raises(OkngError):
        library.read(name)
    assert [held.id for held in library.held()] == ["small-1"]


# What an import may name -------------------------------------------------------------------------------


def test_only_regular_files_are_imported_over_the_socket(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    folder = small_bundle(tmp_path / "small-1", key)
    library = Library(tmp_path / "data", trust, bundled=tmp_path / "none")
    incoming = tmp_path / "data" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "link.okng").symlink_to(pack(folder, tmp_path / "small-1.okng"))
    (incoming / "folder").mkdir()
    os.mkfifo(incoming / "pipe.okng")
    intake = intake_of(tmp_path / "data", library)
    for file, folders, why in (
        (str(folder), False, "is a folder; okng bundle pack makes a file of it"),
        ("link.okng", True, "is no regular file"),
        ("folder", True, "is a folder"),
        ("pipe.okng", True, "is no regular file"),
        ("x" * 5000, True, "cannot be read: File name too long"),
        ("a\0b", True, "cannot be read: .*null"),
        ("none.okng", True, "cannot be read: No such file"),
        ("/dev/null", True, "is no regular file"),
        ("../small-1.okng", True, "a plain name in .*incoming, is allowed"),
    ):
        with pytest.raises(BundleRefused, match=why):
            intake.import_(file, folders)


@pytest.mark.parametrize("file", ["/etc/passwd", "../x.okng", "a/b.okng", ".hidden", "", "..", 7, None])
def test_another_user_names_only_what_lies_in_incoming(file: object) -> None:
    """The uplink is the one who may, and a path of its own would have the station open what only it may."""
    assert "a plain name in the data folder's incoming/ is allowed" in narrowed(
        STRANGER, "model_import", {"file": file}
    )
    assert narrowed(os.getuid(), "model_import", {"file": file}) == ""
    assert narrowed(STRANGER, "model_import", {"file": "update-1.okng"}) == ""
    assert narrowed(STRANGER, "pause", {}) == ""


def test_a_folder_needs_room_as_a_file_does(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    """FIELD 15: the disk's reserve is kept, and the cap, before anything is written."""
    folder = small_bundle(tmp_path / "small-1", key)
    library = Library(tmp_path / "data", trust, bundled=tmp_path / "none")
    free_mb = shutil.disk_usage(tmp_path).free // 10**6
    told: list[str] = []
    intake = intake_of(
        tmp_path / "data", library, event=lambda name, **_: told.append(name), reserve_mb=free_mb + 10**6
    )
    for given in (folder, pack(folder, tmp_path / "small-1.okng")):
        with pytest.raises(OkngError, match=r"small-1 does not fit: .* MB are free \(evidence\.reserve_mb is kept\)"):
            intake.import_(str(given), folders=True)
    assert told == ["model_importing", "model_refused"] * 2
    (folder / "model.bin").write_bytes(bytes(2_000_000))
    body = json.loads((folder / MANIFEST).read_text())
    changed(folder, key, files={**body["files"], "model.bin": sha256_of(folder / "model.bin")})
    capped = intake_of(tmp_path / "data", library, models={"cap_mb": 1})
    with pytest.raises(OkngError, match=r"small-1 does not fit: 2 MB beside 0 MB, models\.cap_mb is 1"):
        capped.import_(str(folder), folders=True)
    assert not (tmp_path / "data" / "models").exists()


@pytest.mark.parametrize("golden", [[], [{"file": "golden-1.png", "expected": []}]])
def test_what_proves_nothing_is_not_even_tried(
    tmp_path: Path, key: SigningKey, trust: Trust, golden: list[object]
) -> None:
    """FIELD 13: golden pictures on which a model that sees nothing is right."""
    folder = changed(small_bundle(tmp_path / "small-1", key), key, golden=golden)
    library = Library(tmp_path / "data", trust, bundled=tmp_path / "none")
    told: list[tuple[str, str]] = []
    intake = intake_of(
        tmp_path / "data", library, event=lambda name, **said: told.append((name, str(said.get("why", ""))))
    )
    with pytest.raises(BundleRefused, match=r"golden: (there are none|none expects anything)"):
        intake.import_(str(pack(folder, tmp_path / "small-1.okng")))
    assert [name for name, _ in told] == ["model_importing", "model_refused"]
    assert "nobody would notice" in told[1][1]
    assert not list((tmp_path / "data" / "models").iterdir())


class Trying:
    """An intake, a choice, its demand and a rollout in one, of which the last refuses."""

    def __init__(self, active: str) -> None:
        self._active = active
        self.demand = self

    def recipe(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(model_hash=self._active)

    def import_(self, _: str, of: str) -> Arrived:
        assert of == "incoming"
        bundle = SimpleNamespace(id="small-1", digest="d" * 64)
        return Arrived(bundle, "test", (), SimpleNamespace(device="CPU"))  # type: ignore[arg-type]

    def named(self, recipe: str) -> str:
        return recipe or "r"

    def in_use(self) -> dict[str, tuple[str, ...]]:
        return {"r": ("top",)}

    def activate(self, model: str, recipe: str) -> None:
        raise OkngError(f"model {model} takes 900 ms a picture, recipe {recipe} leaves 400")


@pytest.mark.parametrize("active", ["", "d" * 64])
def test_an_import_tells_what_became_of_the_activation(active: str) -> None:
    """Installed and not activated is no refused import; activated before, when the answer was lost, is activated."""
    both: Any = Trying(active)
    config = ModelsConfig(activate_on_import=True)
    verbs = ModelVerbs(config=config, intake=both, choice=both, rollout=both, window=lambda _: "")
    said = verbs.import_({"file": "x.okng", "activate": True})
    assert said["id"] == "small-1"
    assert ("activated" in said, "activation_refused" in said) == (bool(active), not active)
    assert "recipe r leaves 400" in str(said.get("activation_refused", "recipe r leaves 400"))
    assert verbs.import_({"file": "x.okng"}).keys().isdisjoint({"activated", "activation_refused"})


def test_what_cannot_be_read_is_refused_by_its_name(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    """Never an error of the system's: whoever asked is told which file, and why."""
    folder = small_bundle(tmp_path / "small-1", key)
    for gone in (tmp_path / "none.okng", tmp_path / "small-1" / "model.bin" / "x"):
        with pytest.raises(BundleRefused, match=r"No such file|Not a directory"):
            check(gone, trust)
    (folder / "model.bin").unlink()
    (folder / "model.bin").mkdir()
    with pytest.raises(BundleRefused, match=r"model\.bin: is not a regular file"):
        pack(folder, tmp_path / "x.okng")


# What goes ---------------------------------------------------------------------------------------------


def test_what_is_just_being_chosen_is_not_removed(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    """FIELD 15: a removal looks at what is needed while nobody can change it."""
    small_bundle(tmp_path / "models" / "small-1", key)
    needed: dict[str, str] = {}
    deciding = threading.RLock()
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    intake = intake_of(tmp_path, library, needed=lambda: needed, deciding=deciding)
    said: list[str] = []

    def remove() -> None:
        try:
            intake.remove("small-1")
        except OkngError as error:
            said.append(str(error))

    with deciding:
        thread = threading.Thread(target=remove)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "it waits"
        needed["small-1"] = "it is active for recipe r"
    thread.join(30)
    assert said == ["model small-1 cannot be removed: it is active for recipe r"]
    needed.clear()
    remove()
    assert library.held() == ()


def test_nothing_is_removed_while_a_model_is_taken_in(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    small_bundle(tmp_path / "models" / "small-1", key)
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    begun, goes_on = threading.Event(), threading.Event()

    def event(name: str, **_: object) -> None:
        if name == "model_importing":
            begun.set()
            goes_on.wait(30)

    def bring() -> None:
        with pytest.raises(BundleRefused):
            intake.import_("none.okng")

    intake = intake_of(tmp_path, library, event=event, models={"keep": 1, "cap_mb": 1})
    thread = threading.Thread(target=bring)
    thread.start()
    begun.wait(30)
    with pytest.raises(OkngError, match="busy: another model is imported or removed"):
        intake.remove("small-1")
    with pytest.raises(OkngError, match="busy"):
        intake.import_("other.okng")
    intake.prune()
    goes_on.set()
    thread.join(30)
    assert [held.id for held in library.held()] == ["small-1"]
    intake.remove("small-1")


# The list ----------------------------------------------------------------------------------------------


def test_a_file_is_hashed_once_and_again_when_it_has_changed(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    folder = small_bundle(tmp_path / "models" / "small-1", key)
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    listing = Listing(library, Gates(tmp_path, config_of(tmp_path, {}, 1).engine, SystemClock()), dict)
    first, more = listing.page()
    assert (listing.hashed, more) == (6, "")
    assert "problem" not in first[0]
    assert (listing.page()[0], listing.hashed) == (first, 6)
    weights = (folder / "model.bin").read_bytes()
    before = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(bytes(len(weights)))
    os.utime(folder / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))  # as an editor that hides itself
    ((changed_one,), _), hashed = listing.page(), listing.hashed
    assert hashed == 7
    assert "model.bin: sha256 is" in changed_one["problem"]
    with pytest.raises(BundleRefused, match=r"model\.bin"):
        library.read("small-1")


def test_a_long_list_comes_in_pages(tmp_path: Path, key: SigningKey, trust: Trust) -> None:
    """An answer on the control socket has 64 KiB; the whole list is told all the same."""
    figures = {f"figure-{n}": "x" * 60 for n in range(8)}
    made = small_bundle(tmp_path / "made", key)
    for version in range(60):
        copied = Path(shutil.copytree(made, tmp_path / "models" / f"small-{version}"))
        changed(copied, key, version=str(version), figures=figures)
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    listing = Listing(library, Gates(tmp_path, config_of(tmp_path, {}, 1).engine, SystemClock()), dict)
    told: list[str] = []
    page, more = listing.page()
    while True:
        assert len(json.dumps(page)) < 48_000
        told += [str(one["id"]) for one in page]
        if not more:
            break
        page, more = listing.page(more)
    assert len(told) == 60
    assert sorted(told) == sorted(held.id for held in library.held())
    assert listing.page("small-59")[1] in ("", *told)


def test_a_link_in_incoming_is_refused_however_late_it_comes(tmp_path: Path, trust: Trust, key: SigningKey) -> None:
    """Another user's folder: what is a file when it is looked at may be a link when it is opened."""
    whole = pack(small_bundle(tmp_path / "made" / "small-1", key), tmp_path / "whole.okng")
    (tmp_path / "incoming").mkdir()
    file = tmp_path / "incoming" / "x.okng"
    library = Library(tmp_path, trust, bundled=tmp_path / "none")
    file.write_bytes(whole.read_bytes())
    assert library.offered("x.okng", folders=False) == file
    file.unlink()
    file.symlink_to(whole)
    with pytest.raises(BundleRefused, match=r"x\.okng: is a symbolic link"):
        library.peek(file)
    with pytest.raises(BundleRefused, match=r"x\.okng: is a symbolic link"), library.taken_in(file):
        raise AssertionError("taken in")
    assert list((tmp_path / "models").iterdir()) == []
    named = tmp_path / "by-hand.okng"
    named.symlink_to(whole)
    assert library.peek(named).id


def test_what_was_uploaded_is_taken_from_its_own_folder(tmp_path: Path) -> None:
    """The page writes into uploads/ alone, and may name what lies there alone: no link either."""
    data = tmp_path / "data"
    library = Library(data, None, tmp_path / "none")
    (data / "uploads").mkdir(parents=True)
    (data / "uploads" / "a.okng").write_bytes(b"x")
    (data / "uploads" / "b.okng").symlink_to(tmp_path / "elsewhere")
    assert library.offered("a.okng", False, "uploads") == data / "uploads" / "a.okng"
    for file, of, why in (
        ("a.okng", "incoming", "cannot be read"),
        ("b.okng", "uploads", "is no regular file"),
        ("../x", "uploads", "a plain name in .*uploads, is allowed"),
        ("a.okng", "elsewhere", "allowed are incoming, uploads"),
    ):
        with pytest.raises(BundleRefused, match=why):
            library.offered(file, False, of)
    assert narrowed(STRANGER, "model_import", {"file": "a.okng", "of": "uploads"}), "the uplink's user is another"


def test_the_page_names_uploads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.control._named", lambda _: "okng-web")
    assert narrowed(STRANGER, "model_import", {"file": "a.okng", "of": "uploads"}) == ""
    for said in ({"file": "a.okng"}, {"file": "/etc/passwd", "of": "uploads"}, {"file": "a.okng", "of": "incoming"}):
        assert "a plain name in the data folder's uploads/ is allowed" in narrowed(STRANGER, "model_import", said)
