"""A bundle as one file: what is packed comes back bit by bit, and everything else is refused and leaves nothing."""

import io
import os
import resource
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import BundleRefused
from agent.station.models.archive import check, pack, peek, resign, sweep, unpack
from agent.station.models.bundle import MANIFEST, SIGNATURE, read_bundle
from agent.station.models.signing import SigningKey, Trust, key_id, new_key, text_of, trust_in
from agent.station.models.zipform import Entry, Limits, directory, local_header
from benchmarks.harm.original import in_form
from benchmarks.mutations import small_bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_key(tmp_path_factory.mktemp("keys") / "key.pem")


@pytest.fixture(scope="module")
def trust(key: SigningKey) -> Trust:
    return trust_in({"workshop": text_of(key.public)})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    """A signed bundle's folder; not to be changed."""
    return small_bundle(tmp_path_factory.mktemp("made") / "small-1", key)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "small-1"))


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    return pack(made, tmp_path / "small-1.okng")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def refused(act: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(BundleRefused) as error:
        act()
    return {problem.where: problem.what for problem in error.value.problems}


def test_what_is_packed_comes_back_bit_by_bit(made: Path, file: Path, trust: Trust, tmp_path: Path) -> None:
    taken = unpack(file, tmp_path / "models", trust)
    assert taken.bundle.folder == tmp_path / "models" / "small-1"
    assert contents(taken.bundle.folder) == contents(made)
    assert taken.bundle == read_bundle(taken.bundle.folder)
    assert (taken.signed.accepted, taken.signed.name) == (True, "workshop")
    assert os.listdir(tmp_path / "models") == ["small-1"]


def test_packing_has_one_outcome_and_leaves_one_file(made: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    again = pack(made, tmp_path / "again" / "x.okng")
    assert again.read_bytes() == file.read_bytes()
    assert os.listdir(again.parent) == ["x.okng"]
    assert stat.S_IMODE(again.stat().st_mode) == 0o644


def test_the_form_is_that_of_a_plain_zip_program(made: Path, file: Path) -> None:
    """What docs/bundle.md tells others to write."""
    names = sorted(contents(made), key=lambda name: (name != MANIFEST, name != SIGNATURE, name))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made_by_others:
        for name in names:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            made_by_others.writestr(entry, (made / name).read_bytes())
    assert out.getvalue() == file.read_bytes()
    with zipfile.ZipFile(file) as read_by_others:
        assert read_by_others.testzip() is None
        assert read_by_others.namelist() == names


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,20}\Z"), st.binary(max_size=300)), max_size=6))
def test_any_contents_are_read_by_a_plain_zip_program(files: list[tuple[str, bytes]]) -> None:
    wanted = dict(files)
    with zipfile.ZipFile(io.BytesIO(in_form(wanted))) as read:
        assert {name: read.read(name) for name in read.namelist()} == wanted


def test_a_folder_is_taken_too_and_stays_as_it_is(folder: Path, trust: Trust, tmp_path: Path) -> None:
    before = contents(folder)
    assert contents(unpack(folder, tmp_path / "models", trust).bundle.folder) == before == contents(folder)


def test_an_installed_bundle_is_never_changed(file: Path, trust: Trust, tmp_path: Path) -> None:
    unpack(file, tmp_path / "models", trust)
    assert "never changed" in refused(lambda: unpack(file, tmp_path / "models", trust))["small-1"]
    assert os.listdir(tmp_path / "models") == ["small-1"]


def test_what_a_killed_import_left_is_swept_and_nothing_else(file: Path, trust: Trust, tmp_path: Path) -> None:
    models = tmp_path / "models"
    unpack(file, models, trust)
    (models / ".unpack-abc").mkdir()
    (models / ".unpack-abc" / "model.bin").write_bytes(b"half")
    sweep(models)
    assert os.listdir(models) == ["small-1"]


def test_a_peek_reads_the_manifest_and_trusts_nobody_more(made: Path, file: Path, trust: Trust) -> None:
    seen = peek(file, trust)
    assert (seen.id, seen.digest) == ("small-1", read_bundle(made).digest)
    assert seen.sizes == {name: len(content) for name, content in contents(made).items()}
    assert SIGNATURE in refused(lambda: peek(file, Trust()))
    assert not peek(file, None).signed.accepted


def test_a_file_is_signed_anew_in_its_place(file: Path, trust: Trust, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem")
    assert resign(file, other) == key_id(other.public)
    assert SIGNATURE in refused(lambda: check(file, trust))
    assert check(file, trust_in({"other": text_of(other.public)})).signed.name == "other"


def test_a_damaged_file_is_not_signed(file: Path, key: SigningKey) -> None:
    harmed = bytearray(file.read_bytes())
    harmed[-200] ^= 1
    file.write_bytes(harmed)
    refused(lambda: resign(file, key))
    assert file.read_bytes() == bytes(harmed)


@pytest.mark.parametrize("name", ["model.xml", "golden-1.png", "model.bin"])
def test_every_changed_file_is_named(folder: Path, file: Path, trust: Trust, name: str) -> None:
    held = contents(folder)
    file.write_bytes(in_form({**held, name: held[name] + b" ", "licence.txt": b""}))
    assert set(refused(lambda: check(file, trust))) == {name, "licence.txt"}


def test_files_must_be_those_of_the_manifest(folder: Path, file: Path, trust: Trust) -> None:
    held = contents(folder)
    del held["model.bin"]
    file.write_bytes(in_form({**held, "more.bin": b""}))
    problems = refused(lambda: check(file, trust))
    assert problems["more.bin"] == "is not named in the manifest"
    assert problems["model.bin"] == "is named in the manifest, but not there"


def test_limits_are_named(file: Path, trust: Trust) -> None:
    size = file.stat().st_size
    assert str(size) in refused(lambda: check(file, trust, Limits(file_bytes=size - 1)))["size"]
    assert refused(lambda: check(file, trust, Limits(entry_bytes=63))).keys() >= {"model.bin", "model.xml"}
    assert refused(lambda: check(file, trust, Limits(entries=3))) == {"entries": "are more than 3"}
    with file.open("ab") as stream:
        stream.truncate(900 << 20)
    assert "stand behind it" in refused(lambda: check(file, trust))["directory"]
    with file.open("ab") as stream:
        stream.truncate(5 << 30)
    assert "5368709120" in refused(lambda: check(file, trust))["size"]


@pytest.mark.parametrize(("name", "most"), [(MANIFEST, 1 << 20), (SIGNATURE, 1024)])
def test_what_is_read_before_the_signature_is_small(
    folder: Path, file: Path, trust: Trust, name: str, most: int
) -> None:
    file.write_bytes(in_form({**contents(folder), name: b" " * (most + 1)}))
    assert refused(lambda: check(file, trust)) == {name: f"has {most + 1} bytes, allowed: at most {most}"}


def test_a_name_that_leads_elsewhere_is_shown_and_not_followed(file: Path, trust: Trust, tmp_path: Path) -> None:
    entry = Entry("../../escaped", 2, 0, 0)
    file.write_bytes(local_header(entry) + b"hi" + directory([entry]))
    assert "'../../escaped'" in refused(lambda: unpack(file, tmp_path / "a" / "models", trust))["byte 0"]
    assert not list(tmp_path.rglob("escaped"))


def test_a_link_to_elsewhere_is_called_one(file: Path, trust: Trust) -> None:
    data = bytearray(file.read_bytes())
    place = data.rindex(b"PK\1\2")
    data[place + 38 : place + 42] = ((stat.S_IFLNK | 0o777) << 16).to_bytes(4, "little")
    file.write_bytes(data)
    assert "a symbolic link" in refused(lambda: check(file, trust))["model.xml"]


def test_what_is_no_regular_file_is_not_waited_for(trust: Trust, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.okng")
    for file in (tmp_path / "pipe.okng", Path("/dev/zero")):
        assert refused(lambda file=file: check(file, trust)) == {file.name: "is not a regular file"}  # type: ignore[misc]
    assert refused(lambda: check(tmp_path / "none.okng", trust)) == {"none.okng": "No such file or directory"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_reason(file: Path, trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir(mode=0o500)
    assert "Permission denied" in str(refused(lambda: unpack(file, tmp_path / "models", trust)))


def test_a_place_that_is_a_file_is_a_reason(file: Path, trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    assert refused(lambda: unpack(file, tmp_path / "models", trust))
    assert refused(lambda: unpack(file, tmp_path / "models" / "deeper", trust))


def test_a_bundle_that_nobody_would_take_is_not_packed(folder: Path, tmp_path: Path) -> None:
    (folder / "model.xml").write_text("<html/>")
    assert "cut, edited" in refused(lambda: pack(folder, tmp_path / "x.okng"))["model.xml"]
    (folder / "model.xml").unlink()
    (folder / "model.xml").symlink_to("/etc/passwd")
    assert refused(lambda: pack(folder, tmp_path / "x.okng")) == {"model.xml": "is not a regular file"}
    assert not (tmp_path / "x.okng").exists()


@pytest.mark.parametrize("place", ["small-1/x.okng", "none/x.okng"])
def test_a_place_that_cannot_hold_the_file_is_named(folder: Path, tmp_path: Path, place: str) -> None:
    before = contents(folder)
    assert "x.okng" in refused(lambda: pack(folder, tmp_path / place))
    assert contents(folder) == before


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_any_other_byte_anywhere_is_refused(file: Path, trust: Trust, place: float, mask: int) -> None:
    whole = file.read_bytes()
    harmed = bytearray(whole)
    harmed[int(place * len(whole))] ^= mask
    file.write_bytes(harmed)
    problems = refused(lambda: check(file, trust))
    file.write_bytes(whole)
    assert problems


def test_the_documented_way_without_okng_makes_the_same_file(
    folder: Path, file: Path, trust: Trust, key: SigningKey, tmp_path: Path
) -> None:
    """docs/bundle.md tells others how to write one; that code is run here."""
    text = (ROOT / "docs" / "bundle.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    told: dict[str, Callable[[Path, Path, Path], None]] = {}
    exec(code, told)
    private = tmp_path / "again.pem"
    private.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / SIGNATURE).unlink()
    told["write_okng"](folder, tmp_path / "told.okng", private)
    assert (tmp_path / "told.okng").read_bytes() == file.read_bytes()
    assert check(tmp_path / "told.okng", trust).signed.accepted


def test_a_full_disk_leaves_nothing(file: Path, trust: Trust, key: SigningKey, tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk's end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        problems = refused(lambda: unpack(file, tmp_path / "models", trust))
        again = refused(lambda: resign(file, key))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in str(problems)
    assert again
    assert os.listdir(tmp_path / "models") == []
    assert check(file, trust).signed.accepted


UNPACKER = """
import sys
from pathlib import Path
from agent.station.models.archive import unpack
from agent.station.models.signing import trust_in

print("ready", flush=True)
for number in range(100_000):
    unpack(Path(sys.argv[1]), Path(sys.argv[2]) / str(number), trust_in({"workshop": sys.argv[3]}))
"""


def test_a_kill_in_the_middle_leaves_a_whole_bundle_or_none(
    made: Path, file: Path, key: SigningKey, tmp_path: Path
) -> None:
    """kill -9 at any moment: what stands under its own name is whole, the rest is swept."""
    for turn in range(2):
        work = tmp_path / f"killed-{turn}"
        command = [sys.executable, "-c", UNPACKER, str(file), str(work), text_of(key.public)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            end = time.monotonic() + 60
            while not (work / str(5 + turn)).exists() and time.monotonic() < end:
                time.sleep(0.001)
            process.kill()
        places = list(work.iterdir())
        assert len(places) > 5
        for models in places:
            sweep(models)
            assert [contents(whole) for whole in models.iterdir()] in ([contents(made)], [])
