"""The OpenVINO engine's own promises, beyond the contract: geometry, colour, cache."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.engines.cache import CompiledCache
from agent.station.engines.openvino import OpenVinoEngine
from agent.station.models.bundle import Bundle
from pipelines.look import Look, plan
from pipelines.recipe import Recipe
from pipelines.values import Detection, Frame, Pixels, Stamp
from tests.engines.tiny import bundle, export, picture

CONFIG = EngineConfig(precision="f32")


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("fixed"), size=(96, 128))


@pytest.fixture(scope="module")
def dynamic(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("dynamic"), size=(128, 128), dynamic=True)


def found(engine: OpenVinoEngine, model: Bundle, pixels: Pixels, **recipe: object) -> tuple[Detection, ...]:
    told = Recipe.model_validate({"name": "r", "model": model.id, "keep_score": 0.6, **recipe})
    there = plan(model.facts, told, *pixels.shape[:2])
    session = engine.load(model, ["CPU"], there.input_size, slots=there.slots).model.session(there.slots)
    look = Look(model.facts, told, there, session, now_ns=time.monotonic_ns)
    seen = look(Frame("c", 1, pixels, Stamp(0, time.monotonic_ns(), "")))
    assert seen.fault is None, seen.note
    return seen.detections


def test_colours_are_told_apart(fixed: Bundle, tmp_path: Path) -> None:
    pixels = picture((96, 128), ("red", 0, 0), ("green", 1, 1), ("blue", 3, 2))
    seen = found(OpenVinoEngine(CONFIG, tmp_path), fixed, pixels)
    assert {d.label: (round(d.x1), round(d.y1)) for d in seen} == {"red": (0, 0), "green": (32, 32), "blue": (96, 64)}


def test_dynamic_model_is_compiled_for_the_cameras_aspect(dynamic: Bundle, tmp_path: Path) -> None:
    pixels = picture((96, 128), ("blue", 3, 2))
    engine = OpenVinoEngine(CONFIG, tmp_path)
    assert engine.load(dynamic, ["CPU"], (96, 128)).model.size == (96, 128)
    (seen,) = found(engine, dynamic, pixels)
    assert (seen.label, round(seen.x1), round(seen.y1)) == ("blue", 96, 64)


def test_fixed_model_is_refused_at_another_size(fixed: Bundle, tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="fixed input"):
        OpenVinoEngine(CONFIG, tmp_path).load(fixed, ["CPU"], (128, 128))


def test_letterboxed_picture_gives_boxes_in_its_own_pixels(fixed: Bundle, tmp_path: Path) -> None:
    pixels = np.kron(picture((64, 128), ("red", 2, 1)), np.ones((2, 2, 1), np.uint8))
    (seen,) = found(OpenVinoEngine(CONFIG, tmp_path), fixed, pixels, threshold=0.4, keep_score=0.4)[:1]
    assert seen.label == "red"
    assert 100 < (seen.x1 + seen.x2) / 2 < 220
    assert seen.y2 <= 128


def test_tiles_run_in_parallel_and_come_out_once(tmp_path: Path) -> None:
    pixels = picture((192, 224), ("red", 0, 0), ("green", 3, 2), ("blue", 6, 5))
    tiles = {"size_px": 128, "overlap_px": 32}
    square = bundle(tmp_path / "square", size=(128, 128))
    seen = found(OpenVinoEngine(CONFIG, tmp_path), square, pixels, tiles=tiles)
    assert {d.label: (round(d.x1), round(d.y1)) for d in seen} == {"red": (0, 0), "green": (96, 64), "blue": (192, 160)}
    assert len(seen) == 3


def test_second_load_comes_from_the_cache_and_sees_the_same(fixed: Bundle, tmp_path: Path) -> None:
    first = OpenVinoEngine(CONFIG, tmp_path).load(fixed, ["CPU"], (96, 128))
    second = OpenVinoEngine(CONFIG, tmp_path).load(fixed, ["CPU"], (96, 128))
    assert (first.from_cache, second.from_cache) == (False, True)
    one, two = first.model.session(), second.model.session()
    for session in (one, two):
        np.copyto(session.inputs[0], picture((96, 128), ("green", 1, 1)))
    np.testing.assert_array_equal(one.run()[0], two.run()[0])


def test_other_hints_are_another_compiled_model(fixed: Bundle, tmp_path: Path) -> None:
    engine = OpenVinoEngine(CONFIG, tmp_path)
    engine.load(fixed, ["CPU"], (96, 128))
    assert not engine.load(fixed, ["CPU"], (96, 128), lanes=2).from_cache
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("harm", ["cut", "flip", "head", "empty"])
def test_corrupt_cache_entry_is_compiled_anew(fixed: Bundle, tmp_path: Path, harm: str) -> None:
    """FIELD 11: a stale or broken cache never reaches the driver."""
    OpenVinoEngine(CONFIG, tmp_path).load(fixed, ["CPU"], (96, 128))
    (file,) = tmp_path.iterdir()
    body = bytearray(file.read_bytes())
    body[-100] ^= 1
    harmed = {"cut": body[:-7], "flip": body, "head": b"{}\n" + body, "empty": b""}[harm]
    file.write_bytes(bytes(harmed))
    assert not OpenVinoEngine(CONFIG, tmp_path).load(fixed, ["CPU"], (96, 128)).from_cache
    assert OpenVinoEngine(CONFIG, tmp_path).load(fixed, ["CPU"], (96, 128)).from_cache


def test_cache_folder_that_cannot_be_used_is_done_without(fixed: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert not OpenVinoEngine(CONFIG, tmp_path / "file").load(fixed, ["CPU"], (96, 128)).from_cache


def test_cache_evicts_the_oldest_above_its_cap_but_not_what_is_in_use(tmp_path: Path) -> None:
    """FIELD 11: the cache has a size cap."""
    old = CompiledCache(tmp_path, cap_mb=1)
    for number in range(3):
        old.put({"n": str(number)}, bytes(300_000))
        for file in tmp_path.iterdir():
            os.utime(file, (0, 0))
    new = CompiledCache(tmp_path, cap_mb=1)
    assert new.get({"n": "1"}) == bytes(300_000)
    new.put({"n": "3"}, bytes(600_000))
    kept = [n for n in range(4) if CompiledCache(tmp_path, cap_mb=1).get({"n": str(n)}) is not None]
    assert kept == [1, 3]


def test_graph_whose_output_fits_no_head_is_refused(fixed: Bundle, tmp_path: Path) -> None:
    manifest = fixed.manifest.model_copy(update={"labels": ("red", "green")})
    wrong = Bundle(fixed.folder, manifest, "0" * 64)
    with pytest.raises(EngineFailed, match=r"\(1, 7, 12\), wanted \(1, 6, anchors\)"):
        OpenVinoEngine(CONFIG, tmp_path).load(wrong, ["CPU"], (96, 128))


def test_graph_that_openvino_cannot_read_is_an_error_in_words(tmp_path: Path, fixed: Bundle) -> None:
    folder = export(tmp_path / "broken")
    (folder / "tiny.xml").write_text("<net/>")
    manifest = fixed.manifest.model_copy(update={"graph": "tiny.xml"})
    with pytest.raises(EngineFailed, match="CPU: "):
        OpenVinoEngine(CONFIG, tmp_path / "c").load(Bundle(folder, manifest, "0" * 64), ["CPU"], (96, 128))
