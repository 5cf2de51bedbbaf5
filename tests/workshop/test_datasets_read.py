"""Every format gives the same data set."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_sets import HEIGHT, LABELS, MADE, WIDTH, coco, deeppcb, mask, masks, picture, put, save, voc, voc_xml, yolo

from training.datasets.options import Options
from training.datasets.read import KINDS, read_dataset
from training.datasets.values import Box, Code, Dataset, DatasetRefused, Finding


def rounded(box: Box) -> Box:
    return Box(box.label, *(round(v, 3) for v in (box.x1, box.y1, box.x2, box.y2)))


def content(dataset: Dataset) -> dict[str, tuple[str, frozenset[Box]]]:
    return {p.file.stem: (p.split, frozenset(map(rounded, p.boxes))) for p in dataset.pictures}


def codes(dataset: Dataset) -> list[Code]:
    return [f.code for f in dataset.findings]


def finding(dataset: Dataset, code: Code) -> Finding:
    (one,) = [f for f in dataset.findings if f.code is code]
    return one


@pytest.mark.parametrize("make", [yolo, coco, voc, masks])
def test_the_same_pictures_come_out_of_every_format(make: Callable[[Path], Path], tmp_path: Path) -> None:
    dataset = read_dataset(make(tmp_path))
    assert dataset.kind == make.__name__
    assert dataset.labels == LABELS
    assert content(dataset) == {m.name: (m.split, frozenset(map(rounded, m.boxes))) for m in MADE}
    assert {p.file.stem for p in dataset.pictures if p.empty_known} == {"c", "f"}
    assert {(p.width_px, p.height_px) for p in dataset.pictures} == {(WIDTH, HEIGHT)}
    assert not dataset.findings
    assert dataset.splits == ("train", "val", "test")


def test_deeppcb(tmp_path: Path) -> None:
    dataset = read_dataset(deeppcb(tmp_path))
    assert dataset.kind == "deeppcb"
    assert [(p.split, p.group) for p in dataset.pictures] == [
        ("train", "00041"),
        ("train", "00041"),
        ("test", "00041"),
        ("test", "12000"),
    ]
    one = dataset.pictures[0]
    assert one.file.name == "00041000_test.jpg"
    assert one.reference == one.file.with_name("00041000_temp.jpg")
    assert one.boxes == (Box("open", 10, 20, 30, 40), Box("pin-hole", 50, 10, 90, 16))
    assert one.bad
    assert "research purpose" in str(dataset.facts["licence"])


def test_nothing_known_names_what_was_looked_for(tmp_path: Path) -> None:
    save(tmp_path / "pictures" / "a.png", picture("a"))
    with pytest.raises(DatasetRefused) as refused:
        read_dataset(tmp_path)
    for kind in KINDS:
        assert f"  {kind}: " in str(refused.value)
    with pytest.raises(DatasetRefused, match=r"kind 'yalo': known are auto, review"):
        read_dataset(tmp_path, "yalo")
    with pytest.raises(DatasetRefused, match="No such file"):
        read_dataset(tmp_path / "nowhere")


# YOLO


def test_a_data_yaml_of_another_machine(tmp_path: Path) -> None:
    """Roboflow writes ../train/images, Ultralytics the absolute path of where it was made."""
    save(tmp_path / "train/images/a.jpg", picture("a"))
    put(tmp_path / "train/labels/a.txt", "0 0.5 0.5 0.1 0.1\n")
    save(tmp_path / "valid/images/b.jpg", picture("b"))
    put(tmp_path / "valid/labels/b.txt", "")
    text = "path: /home/ann/sets/board\ntrain: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['open']\n"
    put(tmp_path / "data.yaml", text)
    dataset = read_dataset(tmp_path / "data.yaml")
    assert [(p.split, len(p.boxes), p.empty_known) for p in dataset.pictures] == [("train", 1, False), ("val", 0, True)]
    assert codes(dataset) == [Code.CONVERTED, Code.CONVERTED]


def test_lists_polygons_and_plain_names(tmp_path: Path) -> None:
    save(tmp_path / "images/a.png", picture("a"))
    put(tmp_path / "labels/a.txt", "1 0.1 0.1 0.5 0.1 0.5 0.75 0.1 0.25\n")
    put(tmp_path / "train.txt", "./images/a.png\n\n./images/gone.png\n../../etc/passwd\n")
    put(tmp_path / "data.yaml", "train: train.txt\nnames: [dent, scratch]\n")
    dataset = read_dataset(tmp_path)
    assert [rounded(b) for b in dataset.pictures[0].boxes] == [Box("scratch", 12, 8, 60, 60)]
    assert codes(dataset) == [Code.MISSING_PICTURE, Code.OUTSIDE_FOLDER, Code.CONVERTED]
    assert finding(dataset, Code.MISSING_PICTURE).where == "train.txt:3"
    (tmp_path / "data.yaml").unlink()
    put(tmp_path / "classes.txt", "dent\nscratch\n")
    plain = read_dataset(tmp_path)
    assert (plain.kind, plain.labels, len(plain.pictures)) == ("yolo", ("dent", "scratch"), 1)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("0 0.5 0.5 0.1", Code.BAD_ROW),
        ("0 0.5 0.5 0.1 0.1 0.9", Code.BAD_ROW),
        ("0.5 0.5 0.5 0.1 0.1", Code.BAD_ROW),
        ("0 nan 0.5 0.1 0.1", Code.BAD_ROW),
        ("0 0.5 inf 0.1 0.1", Code.BAD_ROW),
        ("0 0.5 0.5 0.1 1e308", Code.BAD_ROW),
        ("dent 0.5 0.5 0.1 0.1", Code.BAD_ROW),
        ("2 0.5 0.5 0.1 0.1", Code.UNKNOWN_CLASS),
        ("-1 0.5 0.5 0.1 0.1", Code.UNKNOWN_CLASS),
    ],
)
def test_a_wrong_row_is_named_and_its_picture_is_not_empty(row: str, code: Code, tmp_path: Path) -> None:
    root = yolo(tmp_path)
    put(root / "labels/train/c.txt", f"\n{row}\n")
    dataset = read_dataset(root)
    assert finding(dataset, code).where == "labels/train/c.txt"
    assert "row 2" in finding(dataset, code).what
    (c,) = [p for p in dataset.pictures if p.file.stem == "c"]
    assert not c.boxes
    assert c.bad is None


@pytest.mark.parametrize(
    "names", ["[dent, dent]", "{0: dent, 2: scratch}", "{}", "7", "[[dent], scratch]", "{0: dent, one: scratch}"]
)
def test_names_that_cannot_be(names: str, tmp_path: Path) -> None:
    put(tmp_path / "data.yaml", f"train: images\nnames: {names}\n")
    with pytest.raises(DatasetRefused, match="names"):
        read_dataset(tmp_path)


def test_pictures_and_labels_alone(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    (root / "labels/train/a.txt").unlink()
    (root / "images/test/f.png").unlink()
    dataset = read_dataset(root)
    assert finding(dataset, Code.MISSING_LABEL).where == "images/train/a.png"
    assert finding(dataset, Code.MISSING_PICTURE).where == "labels/test/f.txt"


# Pascal VOC


def test_voc_counted_from_0(tmp_path: Path) -> None:
    dataset = read_dataset(voc(tmp_path, first=0))
    assert content(dataset)["b"][1] == {Box("scratch", 0, 0, 120, 80)}
    assert codes(dataset) == [Code.CONVERTED]
    one = read_dataset(tmp_path, options=Options(voc_first_px=1))
    assert content(one)["b"][1] == {Box("scratch", -1, -1, 120, 80)}


def test_voc_beside_the_pictures(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        save(tmp_path / split / f"{split}.jpg", picture(split))
        put(tmp_path / split / f"{split}.xml", voc_xml((Box("dent", 4, 4, 9, 9),), size=(80, 120)))
    save(tmp_path / "train/more.jpg", picture("more"))
    put(tmp_path / "train/gone.xml", voc_xml(()))
    dataset = read_dataset(tmp_path)
    assert [(p.file.stem, p.split) for p in dataset.pictures] == [
        ("train", "train"),
        ("valid", "val"),
        ("more", "train"),
    ]
    assert sorted(codes(dataset)) == sorted(
        [Code.SIZE_DIFFERS, Code.SIZE_DIFFERS, Code.MISSING_PICTURE, Code.MISSING_LABEL]
    )


def test_a_voc_object_without_a_box(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture("a"))
    put(tmp_path / "a.xml", "<annotation><object><name>dent</name></object></annotation>")
    dataset = read_dataset(tmp_path)
    assert finding(dataset, Code.BAD_ROW).where == "a.xml"
    assert dataset.pictures[0].bad is None


# COCO


def test_what_is_wrong_in_coco(tmp_path: Path) -> None:
    root = coco(tmp_path)
    file = root / "annotations/instances_train.json"
    data = json.loads(file.read_text())
    data["annotations"] += [
        {"image_id": 40, "category_id": 8, "bbox": [1, 1, 2, 2]},
        {"image_id": 99, "category_id": 7, "bbox": [1, 1, 2, 2]},
        {"image_id": 42, "category_id": 7, "bbox": [1, 1, 2, 2], "iscrowd": 1},
        {"image_id": 42, "category_id": 7, "bbox": [1, 1, "2", 2]},
    ]
    data["images"][1]["width"] = 7
    data["images"].append({"id": 43, "file_name": "../../../etc/passwd"})
    data["images"].append({"id": 44, "file_name": "gone.png"})
    file.write_text(json.dumps(data))
    dataset = read_dataset(root)
    assert set(codes(dataset)) == {
        Code.UNKNOWN_CLASS,
        Code.MISSING_PICTURE,
        Code.SKIPPED,
        Code.BAD_ROW,
        Code.SIZE_DIFFERS,
        Code.OUTSIDE_FOLDER,
    }
    (c,) = [p for p in dataset.pictures if p.file.stem == "c"]
    assert c.bad is None


@pytest.mark.parametrize(
    "text", ["[]", '{"images": []}', '{"images": [3], "annotations": [], "categories": [{"id": 1, "name": "a"}]}']
)
def test_json_that_is_not_coco(text: str, tmp_path: Path) -> None:
    file = put(tmp_path / "a.json", text)
    with pytest.raises(DatasetRefused, match=r"a\.json"):
        read_dataset(file, "coco")


# masks


def test_mvtec(tmp_path: Path) -> None:
    """Good parts have no mask; a bad one without its mask is bad, and where is not known."""
    save(tmp_path / "train/good/000.png", picture("000"))
    save(tmp_path / "test/good/000.png", picture("001"))
    for number in ("000", "001"):
        save(tmp_path / f"test/broken_large/{number}.png", picture(f"x{number}"))
    two = (Box("x", 10, 10, 20, 20), Box("x", 40, 40, 44, 44))
    save(tmp_path / "ground_truth/broken_large/000_mask.png", mask(two, {"x": 255}))
    dataset = read_dataset(tmp_path)
    assert (dataset.kind, dataset.labels) == ("masks", ("broken_large",))
    good, test_good, bad, unknown = (
        next(p for p in dataset.pictures if dataset.name(p.file) == name)
        for name in (
            "train/good/000.png",
            "test/good/000.png",
            "test/broken_large/000.png",
            "test/broken_large/001.png",
        )
    )
    assert (good.split, good.verdict, good.empty_known) == ("train", "ok", True)
    assert (test_good.split, test_good.bad) == ("test", False)
    assert bad.boxes == (Box("broken_large", 10, 10, 20, 20), Box("broken_large", 40, 40, 44, 44))
    assert (unknown.verdict, unknown.boxes, unknown.empty_known) == ("ng", (), False)
    assert codes(dataset) == [Code.MISSING_LABEL]


def test_masks_beside_their_pictures(tmp_path: Path) -> None:
    """As KolektorSDD has them: a folder a part; the folder is the group."""
    for part in ("kos01", "kos02", "kos03"):
        for number in (0, 1):
            save(tmp_path / part / f"Part{number}.jpg", picture(f"{part}{number}"))
            boxes = (Box("x", 30, 30, 60, 34),) if number else ()
            save(tmp_path / part / f"Part{number}_label.bmp", mask(boxes, {"x": 255}))
    dataset = read_dataset(tmp_path)
    assert dataset.labels == ("defect",)
    assert [(p.group, len(p.boxes), p.empty_known) for p in dataset.pictures[:2]] == [
        ("kos01", 0, True),
        ("kos01", 1, False),
    ]


def test_masks_of_colours_specks_and_soft_edges(tmp_path: Path) -> None:
    put(tmp_path / "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndent:128,0,0::\n")
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colours[10:20, 10:30] = (0, 0, 128)  # BGR of the label's red
    colours[40:41, 40:42] = (0, 0, 128)
    colours[50:60, 50:60] = (0, 128, 0)
    save(tmp_path / "images/a.png", picture("a"))
    save(tmp_path / "masks/a.png", colours)
    dataset = read_dataset(tmp_path)
    assert dataset.pictures[0].boxes == (Box("dent", 10, 10, 30, 20),)
    assert sorted(codes(dataset)) == [Code.SKIPPED, Code.SKIPPED]
    assert "#008000" in next(f.what for f in dataset.findings if "without a name" in f.what)
    soft = np.zeros((HEIGHT, WIDTH), np.uint8)
    soft[20:40, 20:60] = np.linspace(40, 255, 40).astype(np.uint8)
    save(tmp_path / "images/b.png", picture("b"))
    save(tmp_path / "masks/b.jpg", soft)
    (tmp_path / "labelmap.txt").unlink()
    (tmp_path / "masks/a.png").unlink()
    dataset = read_dataset(tmp_path)
    (box,) = dataset.pictures[1].boxes
    assert box.label == "defect"
    assert 34 <= box.x1 <= 40
    assert (box.x2, box.y1, box.y2) == pytest.approx((60, 20, 40), abs=1)


def test_16_bit_masks_keep_their_values(tmp_path: Path) -> None:
    deep = np.zeros((HEIGHT, WIDTH), np.uint16)
    deep[10:20, 10:20] = 3
    save(tmp_path / "images/a.png", picture("a"))
    save(tmp_path / "masks/a.png", np.asarray(deep))
    assert read_dataset(tmp_path).pictures[0].boxes == (Box("defect", 10, 10, 20, 20),)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    root = masks(tmp_path)
    save(root / "train/masks/a.png", np.zeros((5, 5), np.uint8))
    dataset = read_dataset(root)
    assert finding(dataset, Code.SIZE_DIFFERS).where == "train/masks/a.png"
    assert dataset.pictures[[p.file.stem for p in dataset.pictures].index("a")].bad is None


# folders


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("ok", "ok"),
        ("OK", "ok"),
        ("good", "ok"),
        ("ok_front", "ok"),
        ("良品", "ok"),
        ("合格", "ok"),
        ("no_defect", "ok"),
        ("defect-free", "ok"),
        ("ng", "ng"),
        ("not_ok", "ng"),
        ("NOK", "ng"),
        ("def_front", "ng"),
        ("不良品", "ng"),
        ("不合格", "ng"),
        ("ng/scratch", "ng"),
        ("scratch", "ng"),
    ],
)
def test_folders_say_good_or_bad(name: str, verdict: str, tmp_path: Path) -> None:
    save(tmp_path / "train/good/x.png", picture("x"))
    save(tmp_path / "train" / name / "a.png", picture("a"))
    dataset = read_dataset(tmp_path)
    assert dataset.kind == "folders"
    (a,) = [p for p in dataset.pictures if p.file.stem == "a"]
    assert (a.verdict, a.split, a.boxes) == (verdict, "train", ())
    assert a.empty_known is (verdict == "ok")


def test_folders_without_splits(tmp_path: Path) -> None:
    for kind in ("ok", "ng"):
        save(tmp_path / kind / "a.png", picture(kind))
    dataset = read_dataset(tmp_path)
    assert [(p.split, p.bad) for p in dataset.pictures] == [("", True), ("", False)]
    assert dataset.facts["bad"] == {"ng": 1}


# review export


def review(root: Path) -> Path:
    parts = []
    made = {"cam1-000000001": ("ng", True), "cam1-000000002": ("ok", True), "cam1-000000003": (None, True)}
    made["cam1-000000004"] = ("ng", False)
    for name, (verdict, known) in made.items():
        file = save(root / "images" / f"{name}.png", picture(name))
        boxes = [["dent", 10.0, 20.0, 30.0, 40.0]] if verdict == "ng" and known else []
        rows = "0 0.166666667 0.375000000 0.166666667 0.250000000\n" if boxes else ""
        if known:
            put(root / "labels" / f"{name}.txt", rows)
        part = {"id": len(parts) + 1, "name": name, "picture": f"images/{name}.png", "recipe": "board"}
        part |= {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "model": "demo-1", "model_hash": "aa"}
        part |= {"verdict": verdict, "boxes": boxes, "boxes_known": known, "empty_known": verdict == "ok"}
        part |= {"truth": "person" if verdict else "machine", "evidence_share": 0.01, "group": "board/2026-11-24"}
        part |= {"labels_sha256": hashlib.sha256(rows.encode()).hexdigest() if known else "", "split": "train"}
        parts.append(part)
    manifest = {"schema": "okng.review/1", "labels": ["dent"], "parts": parts, "sampling": {"ok_share": 0.01}}
    put(root / "okng-review.json", json.dumps(manifest))
    return root


def test_a_review_export(tmp_path: Path) -> None:
    """FIELD 25: reviewed parts come back, empty pictures included; what nobody looked at is not called empty."""
    dataset = read_dataset(review(tmp_path))
    assert dataset.kind == "review"
    marked, empty, passed, undrawn = dataset.pictures
    assert (marked.boxes, marked.bad, marked.group) == ((Box("dent", 10, 20, 30, 40),), True, "board/2026-11-24")
    assert (empty.boxes, empty.empty_known, empty.bad) == ((), True, False)
    assert (passed.empty_known, passed.verdict, passed.bad) == (False, None, None)
    assert (undrawn.boxes, undrawn.empty_known, undrawn.bad) == ((), False, True)
    assert dataset.facts["models"] == {"demo-1 aa": 4}
    assert dataset.facts["evidence_shares"] == [0.01]


def test_an_edited_review_export(tmp_path: Path) -> None:
    root = review(tmp_path)
    put(root / "labels/cam1-000000002.txt", "0 0.5 0.5 0.5 0.5\n")
    save(root / "images/cam1-000000001.png", picture("another"))
    dataset = read_dataset(root)
    assert [len(p.boxes) for p in dataset.pictures] == [1, 0, 0]
    assert {Code.CONVERTED, Code.CONTRADICTION} <= set(codes(dataset))


def test_a_review_manifest_that_is_none(tmp_path: Path) -> None:
    put(tmp_path / "okng-review.json", '{"schema": "okng.review/2", "labels": [], "parts": []}')
    with pytest.raises(DatasetRefused, match=re.escape("okng-review.json: schema: Input should be 'okng.review/1'")):
        read_dataset(tmp_path)
