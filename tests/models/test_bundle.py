"""A bundle that was cut, edited, robbed or added to is refused, naming file and reason."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import BundleRefused
from agent.station.models.bundle import ID, MANIFEST, Bundle, checked_id, must_prove, read_bundle
from tests.engines.tiny import bundle

FILES = ("model.xml", "model.bin", "golden-1.png", "golden-2.png")
HARMED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def copy(tiny: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.folder, tmp_path / "copy"))


def refused(folder: Path) -> dict[str, str]:
    with pytest.raises(BundleRefused) as error:
        read_bundle(folder)
    assert str(folder) in str(error.value)
    return {problem.where: problem.what for problem in error.value.problems}


def test_whole_bundle_is_read(tiny: Bundle) -> None:
    again = read_bundle(tiny.folder)
    assert (again.id, again.digest, again.facts) == ("tiny-1", tiny.digest, tiny.facts)
    assert set(again.manifest.files) == set(FILES)


@HARMED
@given(file=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_any_flipped_byte_is_refused(copy: Path, file: str, place: float, mask: int) -> None:
    whole = (copy / file).read_bytes()
    harmed = bytearray(whole)
    harmed[int(place * len(harmed))] ^= mask
    (copy / file).write_bytes(bytes(harmed))
    problems = refused(copy)
    (copy / file).write_bytes(whole)
    assert list(problems) == [file]
    assert "cut, edited or swapped" in problems[file]


@HARMED
@given(file=st.sampled_from(FILES), share=st.floats(0, 1, exclude_max=True))
def test_any_cut_is_refused(copy: Path, file: str, share: float) -> None:
    whole = (copy / file).read_bytes()
    (copy / file).write_bytes(whole[: int(share * len(whole))])
    problems = refused(copy)
    (copy / file).write_bytes(whole)
    assert "cut, edited or swapped" in problems[file]


@pytest.mark.parametrize("file", [*FILES, MANIFEST])
def test_missing_file_is_named_and_no_other(copy: Path, file: str) -> None:
    (copy / file).unlink()
    problems = refused(copy)
    assert list(problems) == [file]
    assert "not there" in problems[file]


@pytest.mark.parametrize("name", ["extra.bin", ".hidden", "folder"])
def test_file_that_the_manifest_does_not_name_is_refused(copy: Path, name: str) -> None:
    (copy / name).mkdir() if name == "folder" else (copy / name).write_text("x")
    assert refused(copy) == {name: "is not named in the manifest"}


def test_every_wrong_file_is_named(copy: Path) -> None:
    (copy / "model.bin").write_bytes(b"")
    (copy / "golden-1.png").unlink()
    (copy / "more").write_text("x")
    assert set(refused(copy)) == {"model.bin", "golden-1.png", "more"}


@HARMED
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_changed_manifest_is_refused_or_is_another_model(tiny: Bundle, copy: Path, place: float, mask: int) -> None:
    whole = (copy / MANIFEST).read_bytes()
    harmed = bytearray(whole)
    harmed[int(place * len(harmed))] ^= mask
    (copy / MANIFEST).write_bytes(bytes(harmed))
    try:
        digest = read_bundle(copy).digest
    except BundleRefused:
        digest = "refused"
    (copy / MANIFEST).write_bytes(whole)
    assert digest != tiny.digest


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"threshold": 1.5}, "manifest.json.threshold"),
        ({"head": "other"}, "manifest.json.head"),
        ({"more": 1}, "manifest.json.more"),
        ({"thresholds": {"pink": 0.5}}, "manifest.json"),
        ({"thresholds": {"red": 5.0}}, "manifest.json.thresholds.red"),
        ({"thresholds": {"red": 1.0}}, "manifest.json.thresholds.red"),
        ({"thresholds": {"red": 0}}, "manifest.json.thresholds.red"),
        ({"graph": "../model.xml"}, "manifest.json.graph"),
        ({"graph": "none.xml"}, "manifest.json"),
        ({"schema": "okng.bundle/2"}, "manifest.json.schema"),
        ({"labels": ["red", "red"]}, "manifest.json"),
        ({"labels": ["red", "green", "blue\x1b[2J"]}, "manifest.json.labels.2"),
        ({"labels": ["green", "blue"]}, "manifest.json"),
        ({"variants": {"f16": "none.xml"}}, "manifest.json"),
        ({"variants": {"f16": "model.bin"}}, "manifest.json"),
        ({"variants": {"../f16": "model.xml"}}, "manifest.json.variants.../f16.[key]"),
        ({"pipeline": "guided"}, "manifest.json"),
        ({"pipeline": "difference"}, "manifest.json.pipeline"),
        ({"golden": [{"file": "golden-1.png", "expected": [], "reference": "golden-2.png"}]}, "manifest.json"),
        ({"golden": [{"file": "golden-1.png", "expected": [["pink", 0.9, 1, 1, 2, 2]]}]}, "manifest.json"),
        ({"promise": {"kind": "escape", "limit": 0, "confidence": 0.95}}, "manifest.json.promise.limit"),
        ({"promise": {"kind": "always"}}, "manifest.json.promise.kind"),
    ],
)
def test_manifest_that_makes_no_sense_names_the_place(copy: Path, told: dict[str, object], where: str) -> None:
    body = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**body, **told}))
    assert where in refused(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", '{"schema": NaN}', "[" * 100_000])
def test_manifest_that_is_none(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    assert refused(copy)


def test_a_bundle_says_whether_it_can_prove_itself(tiny: Bundle, copy: Path) -> None:
    assert tiny.proves
    body = json.loads((copy / MANIFEST).read_text())
    for file in ("golden-1.png", "golden-2.png"):
        (copy / file).unlink()
        del body["files"][file]
    (copy / MANIFEST).write_text(json.dumps({**body, "golden": []}))
    assert not read_bundle(copy).proves
    with pytest.raises(BundleRefused, match="golden: there are none: nobody would notice"):
        must_prove(read_bundle(copy))


def test_golden_pictures_that_expect_nothing_prove_nothing(tiny: Bundle, copy: Path) -> None:
    """FIELD 13: a model that sees nothing would be right on all of them."""
    must_prove(tiny)
    body = json.loads((copy / MANIFEST).read_text())
    empty = [{**golden, "expected": []} for golden in body["golden"]]
    (copy / MANIFEST).write_text(json.dumps({**body, "golden": empty}))
    with pytest.raises(BundleRefused, match=r"golden: none expects anything .* a model that sees nothing"):
        must_prove(read_bundle(copy))
    (copy / MANIFEST).write_text(json.dumps({**body, "golden": [body["golden"][0], empty[1]]}))
    must_prove(read_bundle(copy))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x-1", "a/b-1", ".trying", ".gone-a-1", "A-1", "a", "a-1\n", "a-1/"]
)
def test_what_is_no_name_and_version_never_becomes_a_path(name: str) -> None:
    with pytest.raises(BundleRefused, match="allowed: NAME-VERSION"):
        checked_id(name)


@given(name=st.from_regex(ID, fullmatch=True))
def test_a_name_and_version_is_a_plain_folder(name: str) -> None:
    assert checked_id(name) == name == Path("/models", name).name
    assert not name.startswith(".")


def test_a_folder_that_cannot_be_read_is_refused_by_name(copy: Path) -> None:
    manifest = (copy / MANIFEST).read_bytes()
    assert "cannot be read" in refused(copy / MANIFEST)[MANIFEST]
    shutil.rmtree(copy)
    assert "is not there; a bundle's folder" in refused(copy)[copy.name]
    copy.write_bytes(manifest)
    assert "cannot be read: Not a directory" in refused(copy)[MANIFEST]


PROMISE = {
    "kind": "escape",
    "limit": 0.01,
    "confidence": 0.95,
    "parts": 299,
    "groups": ["77000"],
    "overkill": {"measured": 0.01, "low": 0.0, "high": 0.02, "parts": 150},
    "method": "learn-then-test",
    "source": "arXiv:2110.01052",
}


def test_a_guided_bundle_with_promise_and_variants(copy: Path) -> None:
    body = json.loads((copy / MANIFEST).read_text())
    golden = [{**body["golden"][0], "reference": "golden-2.png"}]
    told = {"pipeline": "guided", "golden": golden, "promise": PROMISE, "variants": {"f32": "model.xml"}}
    (copy / MANIFEST).write_text(json.dumps({**body, **told}))
    bundle = read_bundle(copy)
    assert bundle.facts.pipeline == "guided"
    assert bundle.manifest.promise is not None
    assert bundle.manifest.promise.model_dump(mode="json") == PROMISE
    assert bundle.variant("f32").graph == bundle.graph
    with pytest.raises(BundleRefused, match="no int8, has: f32"):
        bundle.variant("int8")


@pytest.mark.parametrize("name", ["manifest.sig", "MANIFEST.JSON", "Model.xml"])
def test_files_that_would_be_another_on_some_disks_are_refused(copy: Path, name: str) -> None:
    body = json.loads((copy / MANIFEST).read_text())
    body["files"][name] = "0" * 64
    (copy / MANIFEST).write_text(json.dumps(body))
    assert "manifest.json" in refused(copy)


def test_what_is_no_regular_file_is_refused(copy: Path) -> None:
    (copy / "model.bin").rename(copy.parent / "elsewhere")
    (copy / "model.bin").symlink_to(copy.parent / "elsewhere")
    assert refused(copy) == {"model.bin": "is not a regular file"}
