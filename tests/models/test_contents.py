"""What no bundle may hold, whoever signed it."""

import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import paths
from agent.station.models.bundle import Manifest, read_bundle
from agent.station.models.contents import problems
from agent.station.models.signing import new_key
from benchmarks.harm.poison import POISON, field_of
from benchmarks.mutations import small_bundle
from tests.engines.tiny import bundle as tiny_bundle

ANYTHING = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "small-1", new_key(tmp_path / "key.pem"))


def with_file(folder: Path, name: str, content: bytes) -> Manifest:
    """The folder's manifest with another file in it, as its maker would write it."""
    (folder / name).write_bytes(content)
    body = Manifest.model_validate_json((folder / "manifest.json").read_bytes()).model_dump(by_alias=True)
    body["files"][name] = sha256(content).hexdigest()
    return Manifest.model_validate(body)


def test_honest_bundles_hold_nothing_wrong(folder: Path, tmp_path: Path) -> None:
    assert problems(folder, read_bundle(folder).manifest) == []
    made = tiny_bundle(tmp_path / "tiny")
    assert problems(made.folder, made.manifest) == []


def test_the_bundled_models_hold_nothing_wrong() -> None:
    found = sorted(paths.bundled_models().iterdir())
    assert found
    for bundle in map(read_bundle, found):
        assert problems(bundle.folder, bundle.manifest) == []


@pytest.mark.parametrize(("name", "content"), POISON, ids=[f"{n}-{i}" for i, (n, _) in enumerate(POISON)])
def test_poison_is_refused_by_name(folder: Path, name: str, content: bytes) -> None:
    assert [p.where for p in problems(folder, with_file(folder, name, content))] == [name]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("model.xml", POISON[0][1], "document type or entities"),
        ("model.xml", POISON[2][1], "an operation 'Steal' of 'extension'"),
        ("model.xml", POISON[3][1], "beyond the 64 that there are"),
        ("model.onnx", POISON[8][1], "external data"),
        ("model.onnx", POISON[10][1], "operators of b'org.elsewhere'"),
        ("weights.pkl", b"", "is a .pkl, allowed: .xml, .bin"),
        ("LICENSE", b"", "is a file without ending, allowed"),
    ],
)
def test_reasons_say_what_was_found(folder: Path, name: str, content: bytes, why: str) -> None:
    assert why in problems(folder, with_file(folder, name, content))[0].what


def test_a_graph_comes_with_its_weights(folder: Path) -> None:
    body = read_bundle(folder).manifest.model_dump(by_alias=True)
    del body["files"]["model.bin"]
    found = {p.where: p.what for p in problems(folder, Manifest.model_validate(body))}
    assert found.keys() == {"model.xml"}


def test_entities_are_not_expanded(folder: Path) -> None:
    """A billion laughs: refused at the document type, before the first entity is looked at."""
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 30))
    bomb = f'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY e0 "ha">{levels}]><net version="11">&e29;</net>'
    assert "entities" in problems(folder, with_file(folder, "model.xml", bomb.encode()))[0].what


@ANYTHING
@given(content=st.binary(max_size=500))
def test_a_graph_of_any_bytes_never_raises(folder: Path, content: bytes) -> None:
    for name in ("model.xml", "model.onnx", "golden-1.png"):
        whole = (folder / name).read_bytes()
        found = problems(folder, with_file(folder, name, content))
        (folder / name).write_bytes(whole)
        assert {p.where for p in found} <= {name}


@ANYTHING
@given(st.recursive(st.binary(max_size=8), lambda inner: st.lists(st.tuples(st.integers(1, 15), inner), max_size=4)))
def test_external_data_is_found_wherever_it_hides(folder: Path, tree: object) -> None:
    """In an initializer, an attribute's tensor, a sub-graph's, a function's: beside anything else."""
    outside = field_of(13, field_of(1, b"location"))
    noise = _message(tree)[:3000]
    node_of = {
        "initializer": field_of(5, outside),
        "attribute": field_of(1, field_of(5, field_of(5, outside))),
        "sub-graph": field_of(1, field_of(5, field_of(6, field_of(5, outside)))),
        "sparse": field_of(15, field_of(1, outside)),
    }
    for graph in node_of.values():
        manifest = with_file(folder, "model.onnx", field_of(2, noise) + field_of(7, field_of(2, noise) + graph))
        assert "external data" in problems(folder, manifest)[0].what


def _message(tree: object) -> bytes:
    if isinstance(tree, bytes):
        return tree
    assert isinstance(tree, list)
    return b"".join(field_of(number, _message(inner)[:1000]) for number, inner in tree)


def test_a_bundle_with_two_graphs_needs_both_weights(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "model.xml", tmp_path / "x")
    manifest = with_file(folder, "model-f16.xml", (folder / "model.xml").read_bytes())
    found = [p.where for p in problems(folder, manifest.model_copy(update={"variants": {"f16": "model-f16.xml"}}))]
    assert set(found) == {"model-f16.xml"}
