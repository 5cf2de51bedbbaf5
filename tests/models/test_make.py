"""Making a bundle out of an export: all of it or nothing, and nonsense refused in words."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import BundleRefused
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.export import read_export
from agent.station.models.make import make_bundle
from tests.engines.tiny import LABELS, bundle, export, picture

SIZE = (96, 128)


def make(folder: Path, **more: object) -> Bundle:
    source = folder / "export" if (folder / "export").exists() else export(folder / "export")
    if not (folder / "golden.png").exists():
        cv2.imwrite(str(folder / "golden.png"), picture(SIZE, ("red", 1, 1)))
    told = {"name": "tiny", "version": "1", "threshold": 0.6, "data": "none", "licence": "Apache-2.0"}
    return make_bundle(source, folder / "out" / "tiny-1", **{"golden": [folder / "golden.png"], **told, **more})


def refusal(folder: Path, **more: object) -> str:
    with pytest.raises(BundleRefused) as error:
        make(folder, **more)
    assert not (folder / "out" / "tiny-1").exists()
    assert not list((folder / "out").glob("*")) if (folder / "out").exists() else True
    return str(error.value)


@pytest.mark.parametrize("head", ["raw", "nmsfree"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_head_size_and_labels_are_read_off_the_export(tmp_path: Path, head: str, dynamic: bool) -> None:
    made = bundle(tmp_path / "made", head=head, dynamic=dynamic)
    manifest = made.manifest
    assert (manifest.head, manifest.labels, manifest.input.dynamic) == (head, LABELS, dynamic)
    assert (manifest.input.height_px, manifest.input.width_px) == SIZE
    assert read_bundle(made.folder) == made


def test_labels_of_the_graph_do_without_metadata(tmp_path: Path) -> None:
    folder = export(tmp_path / "export")
    (folder / "metadata.yaml").unlink()
    assert read_export(folder).labels == LABELS
    assert make(tmp_path).manifest.labels == LABELS


def test_labels_with_blanks_and_quotes_come_from_metadata(tmp_path: Path) -> None:
    folder = export(tmp_path / "export")
    (folder / "metadata.yaml").write_text("task: detect\nnames:\n  0: pin hole\n  1: 'no'\n  2: blue\nargs:\n  0: x\n")
    assert read_export(folder).labels == ("pin hole", "no", "blue")


def test_what_was_told_stands_in_the_manifest(tmp_path: Path) -> None:
    made = make(tmp_path, thresholds={"red": 0.7}, figures={"mAP50": 0.9}).manifest
    assert (made.thresholds, made.figures, made.data) == ({"red": 0.7}, {"mAP50": 0.9}, "none")


def test_bundle_is_never_changed(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(BundleRefused, match="is there already"):
        make(tmp_path)


def test_picture_that_is_a_close_call_is_no_golden_one(tmp_path: Path) -> None:
    said = refusal(tmp_path, threshold=0.95)
    assert "golden-1.png: red with score 1.00 is too close to the threshold 0.95" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"golden": []}, "at least one picture is needed"),
        ({"name": "Not A Name"}, "name: String should match"),
        ({"threshold": 1.0}, "threshold: Input should be less than 1"),
        ({"thresholds": {"pink": 0.5}}, "thresholds for unknown labels: pink"),
        ({"head": "nmsfree"}, "which is no nmsfree head"),
    ],
)
def test_nonsense_is_refused_in_words(tmp_path: Path, more: dict[str, object], said: str) -> None:
    assert said in refusal(tmp_path, **more)


def test_golden_picture_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "golden.png").write_bytes(b"not a picture")
    assert "golden.png: is not a picture" in refusal(tmp_path)


def test_golden_pictures_on_which_nothing_is_found_are_refused(tmp_path: Path) -> None:
    """FIELD 13: they would prove a model that sees nothing."""
    cv2.imwrite(str(tmp_path / "golden.png"), picture(SIZE))
    assert "golden: none expects anything to be found" in refusal(tmp_path)
    cv2.imwrite(str(tmp_path / "red.png"), picture(SIZE, ("red", 1, 1)))
    made = make(tmp_path, golden=[tmp_path / "golden.png", tmp_path / "red.png"])
    assert [len(golden.expected) for golden in made.manifest.golden] == [0, 1]


def test_export_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    assert "wanted exactly one graph, found none" in refusal(tmp_path)
    (tmp_path / "export" / "a.xml").write_text("<net")
    assert "a.bin: is not there" in refusal(tmp_path)
    (tmp_path / "export" / "a.bin").write_text("")
    assert "a.xml: is not an OpenVINO graph" in refusal(tmp_path)
    (tmp_path / "export" / "a.xml").write_text("<net/>")
    said = refusal(tmp_path)
    assert "no labels" in said
    assert "its inputs are []" in said


def test_labels_that_do_not_fit_the_output(tmp_path: Path) -> None:
    folder = export(tmp_path / "export")
    (folder / "metadata.yaml").write_text("names:\n  0: a\n  1: b\n")
    assert "its output is (1, 7, 12), which is no known head" in refusal(tmp_path)


def test_golden_picture_of_another_size_is_letterboxed(tmp_path: Path) -> None:
    large = np.kron(picture(SIZE, ("red", 1, 1)), np.ones((4, 4, 1), np.uint8))
    cv2.imwrite(str(tmp_path / "golden.png"), large)
    (row,) = make(tmp_path).manifest.golden[0].expected
    assert row[2:] == pytest.approx((128, 128, 256, 256), abs=2)
