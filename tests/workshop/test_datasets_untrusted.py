"""Data sets of strangers: bombs are refused, nothing outside of the folder is read."""

import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sets import coco, coco_of, deeppcb, masks, picture, put, save, voc, yolo

from training.datasets.check import check
from training.datasets.read import read_dataset
from training.datasets.safely import MAX_TEXT_BYTES, Folder, read_json, read_xml, read_yaml
from training.datasets.values import Code, DatasetRefused

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE annotation [<!ENTITY l0 "ha">{LAUGHS}]><annotation>&l9;</annotation>',
        '<!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
        '<!DOCTYPE annotation SYSTEM "http://127.0.0.1:9/x.dtd"><annotation/>',
        "<annotation>",
        "<annotation/><annotation/>",
        "",
    ],
)
def test_xml_with_entities_or_broken_is_refused(text: str, tmp_path: Path) -> None:
    file = put(tmp_path / "a.xml", text)
    with pytest.raises(DatasetRefused, match=r"a\.xml: not plain XML"):
        read_xml(file)


def test_xml_bytes_that_hide_a_doctype(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>'
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(DatasetRefused, match="DOCTYPE"):
        read_xml(file)
    file.write_bytes(b'<?xml version="1.0" encoding="no-such"?><annotation/>')
    with pytest.raises(DatasetRefused, match="not plain XML"):
        read_xml(file)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "names: !!python/object/apply:os.system ['touch owned']\n",
        "names: !!python/name:os.system\n",
        "names: [\n",
        "a: b: c\n",
        "x: 2026-99-99\n",
        "[" * 5000,
    ],
)
def test_yaml_of_more_than_plain_data_is_refused(text: str, tmp_path: Path) -> None:
    file = put(tmp_path / "data.yaml", text)
    with pytest.raises(DatasetRefused, match=r"data\.yaml"):
        read_yaml(file)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("text", ['{"a": NaN}', "{", "[" * 200_000, '{"a": Infinity}'])
def test_json_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetRefused, match=r"a\.json: not JSON"):
        read_json(put(tmp_path / "a.json", text))


def test_files_that_are_too_large_or_not_text(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    with (root / "labels/train/a.txt").open("wb") as stream:
        stream.truncate(MAX_TEXT_BYTES + 1)
    (root / "labels/train/b.txt").write_bytes(b"0 \xff\xfe")
    dataset = read_dataset(root)
    wrong = {f.where: f.what for f in dataset.findings if f.code is Code.BAD_ROW}
    assert "larger than" in wrong["labels/train/a.txt"]
    assert "not UTF-8" in wrong["labels/train/b.txt"]
    assert all(p.bad is None for p in dataset.pictures if p.file.stem in "ab")


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    outside = save(tmp_path / "outside/secret.png", picture("secret"))
    root = yolo(tmp_path / "set")
    (root / "images/train/link.png").symlink_to(outside)
    (root / "images/val/all").symlink_to(outside.parent)
    (root / "labels/train/c.txt").unlink()
    (root / "labels/train/c.txt").symlink_to(put(tmp_path / "outside/c.txt", "0 0.5 0.5 0.1 0.1\n"))
    dataset = read_dataset(root)
    assert not [p for p in dataset.pictures if "secret" in p.file.name or p.file.name == "link.png"]
    assert all(p.file.resolve().is_relative_to(root.resolve()) for p in dataset.pictures)
    (c,) = [p for p in dataset.pictures if p.file.stem == "c"]
    assert not c.boxes
    assert c.bad is None


@pytest.mark.parametrize(
    "name", ["../outside/secret.png", "/etc/hostname", "..\\outside\\secret.png", "images/../../outside/secret.png"]
)
def test_names_that_lead_out_are_not_followed(name: str, tmp_path: Path) -> None:
    save(tmp_path / "outside/secret.png", picture("secret"))
    root = tmp_path / "set"
    save(root / "images/a.png", picture("a"))
    data = coco_of({"a": ()})
    data["images"] = [{"id": 1, "file_name": name}]
    put(root / "a.json", json.dumps(data))
    dataset = read_dataset(root)
    assert not dataset.pictures
    assert [f.code for f in dataset.findings] in ([Code.OUTSIDE_FOLDER], [Code.MISSING_PICTURE])
    assert Folder(root).inside(name) is None


def test_a_data_yaml_cannot_name_a_folder_outside(tmp_path: Path) -> None:
    save(tmp_path / "outside/images/secret.png", picture("secret"))
    root = yolo(tmp_path / "set")
    put(root / "data.yaml", f"path: {tmp_path}/outside\ntrain: {tmp_path}/outside/images\nnames: [dent]\n")
    dataset = read_dataset(root)
    assert not dataset.pictures
    assert Code.OUTSIDE_FOLDER in [f.code for f in dataset.findings]


def test_a_picture_bomb_is_not_decoded(tmp_path: Path) -> None:
    """A PNG of a few bytes that says 60,000 x 60,000 px."""
    root = yolo(tmp_path)
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100_000)), (b"IEND", b""))
    )
    (root / "images/train/a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    report = check(read_dataset(root))
    assert [f.where for f in report.findings if f.code is Code.UNREADABLE] == ["images/train/a.png"]
    assert not report.ok


def test_a_voc_file_of_a_stranger_costs_only_itself(tmp_path: Path) -> None:
    root = voc(tmp_path)
    put(root / "Annotations/a.xml", f'<!DOCTYPE annotation [<!ENTITY l0 "ha">{LAUGHS}]><annotation>&l9;</annotation>')
    dataset = read_dataset(root)
    assert {p.file.stem for p in dataset.pictures if p.bad is not None} == {"b", "c", "d", "e", "f"}
    assert "DOCTYPE" in next(f.what for f in dataset.findings if f.where == "Annotations/a.xml")


TEXTS = {
    "yolo": ("data.yaml", "labels/train/a.txt"),
    "coco": ("annotations/instances_train.json",),
    "voc": ("Annotations/a.xml", "ImageSets/Main/train.txt"),
    "masks": ("labels.txt", "train/masks/a.png", "train/images/a.png"),
    "deeppcb": ("trainval.txt", "group00041/00041_not/00041000.txt", "group00041/00041/00041000_test.jpg"),
}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_mutation_is_read_or_refused(whole_sets: dict[str, Path], data: st.DataObject) -> None:
    """Bytes flipped, cut, put in, doubled: findings or DatasetRefused, never anything else."""
    kind = data.draw(st.sampled_from(sorted(TEXTS)))
    file = whole_sets[kind] / data.draw(st.sampled_from(TEXTS[kind]))
    whole = file.read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(at, min(len(whole), at + 40)))
    odd = st.sampled_from(
        [b"", b"\0", b"-", b"9" * 400, b"1e999", b"1e308", b"nan", b"null", b"[", b"<", b"&x;", b'"', b"../", b"\xff"]
    )
    new = data.draw(odd | st.binary(max_size=8) | st.just(whole[at:end] * 3))
    file.write_bytes(whole[:at] + new + whole[end:])
    try:
        dataset = read_dataset(whole_sets[kind], kind)
        assert all(p.file.resolve().is_relative_to(whole_sets[kind].resolve()) for p in dataset.pictures)
        str(check(dataset))
    except DatasetRefused:
        pass
    finally:
        file.write_bytes(whole)


@pytest.fixture(scope="module")
def whole_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("whole")
    return {make.__name__: make(root / make.__name__) for make in (yolo, coco, voc, masks, deeppcb)}
