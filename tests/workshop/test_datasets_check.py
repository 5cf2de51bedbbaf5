"""What the check of a data set finds, and what it must not."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_sets import HEIGHT, WIDTH, deeppcb, picture, put, save, yolo

from pipelines.values import Pixels
from training.datasets.check import check
from training.datasets.likeness import MOST_DIFFERENCE, difference, looks, thumb
from training.datasets.read import read_dataset
from training.datasets.values import Box, Code, Dataset, Finding, Picture, Severity
from training.parts import paste

DEEPPCB = Path(__file__).resolve().parents[3] / "shared" / "data" / "deeppcb"


def found(dataset: Dataset, code: Code, **options: bool) -> list[Finding]:
    return [f for f in check(dataset, **options).findings if f.code is code]


def test_a_clean_set(tmp_path: Path) -> None:
    report = check(read_dataset(yolo(tmp_path)))
    assert report.ok
    assert {split: (s.pictures, s.bad, s.good, s.boxes) for split, s in report.splits.items()} == {
        "train": (3, 2, 1, 3),
        "val": (1, 1, 0, 1),
        "test": (2, 1, 1, 1),
    }
    assert report.classes["dent"].boxes == {"train": 1, "val": 1, "test": 1}
    spread = report.classes["dent"].longest_px
    assert spread is not None
    assert (spread.p5, spread.p50, spread.p95) == pytest.approx((5.6, 20, 20))
    assert report.sizes == {f"{WIDTH} x {HEIGHT}": 6}
    assert {f.severity for f in report.findings} == {Severity.NOTE}  # the two empty labels
    text = str(report)
    assert "6 pictures" in text
    assert text.endswith("0 error(s), 0 warning(s)")


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "the same": lambda p: p,
    "jpeg": lambda p: as_jpeg(p, 40),
    "half": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "larger": lambda p: cv2.resize(p, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC),
    "darker": lambda p: cv2.convertScaleAbs(p, alpha=0.6, beta=20),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 2),
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "turned": lambda p: np.ascontiguousarray(np.rot90(p)),
    "upside down, jpeg": lambda p: as_jpeg(np.ascontiguousarray(p[::-1]), 70),
}


def board(seed: int) -> Pixels:
    """(480, 640, 3): tracks of a board, black and white."""
    rng = np.random.default_rng(seed)
    grey = np.zeros((480, 640), np.uint8)
    for _ in range(60):
        x, y, length = (int(v) for v in rng.integers(0, 560, 3))
        wide, tall = (length, 12) if rng.random() < 0.5 else (12, length)
        cv2.rectangle(grey, (x, y), (x + wide, y + tall), 255, -1)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_in_another_split_is_a_leak(copy: str, tmp_path: Path) -> None:
    root = yolo(tmp_path)
    save(root / "images/train/x.png", board(1))
    save(root / "images/test/y.png", COPIES[copy](board(1)))
    for label in ("train/x", "test/y"):
        put(root / f"labels/{label}.txt", "0 0.5 0.5 0.2 0.2\n")
    dataset = read_dataset(root)
    (leak,) = found(dataset, Code.LEAK)
    assert leak.severity is Severity.ERROR
    assert {leak.where, *leak.what.split()} >= {"images/train/x.png", "images/test/y.png"}
    assert not check(dataset).ok
    (allowed,) = found(dataset, Code.LEAK, allow_leak=True)
    assert allowed.severity is Severity.WARNING


def test_a_copy_in_the_same_split_is_a_warning(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    save(root / "images/train/z.png", picture("a"))
    put(root / "labels/train/z.txt", (root / "labels/train/a.txt").read_text())
    assert [f.severity for f in found(read_dataset(root), Code.DUPLICATE)] == [Severity.WARNING]
    put(root / "labels/train/z.txt", "")
    assert [f.severity for f in found(read_dataset(root), Code.CONTRADICTION)] == [Severity.ERROR]


def test_boards_of_one_layout_are_no_leak(tmp_path: Path) -> None:
    """Different parts of one product share nearly all their pixels and differ in one place."""
    root = yolo(tmp_path)
    good = board(2)
    rng = np.random.default_rng(3)
    for number, split in enumerate(("train", "train", "val", "test", "test")):
        part = good.copy()
        x, y = (int(v) for v in rng.integers(50, 400, 2))
        part[y : y + 14, x : x + 14] = 255 - part[y : y + 14, x : x + 14]
        save(root / f"images/{split}/{number}.png", part)
        put(root / f"labels/{split}/{number}.txt", "0 0.5 0.5 0.2 0.2\n")
    assert not found(read_dataset(root), Code.LEAK)


def test_flat_pictures_are_not_alike(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    save(root / "images/train/x.png", np.full((40, 40, 3), 10, np.uint8))
    save(root / "images/test/y.png", np.full((40, 40, 3), 200, np.uint8))
    assert not found(read_dataset(root), Code.LEAK)


@pytest.mark.skipif(not DEEPPCB.is_dir(), reason=f"{DEEPPCB} is not there")
def test_deeppcb_has_no_leak_although_layouts_repeat() -> None:
    """Boards 50600065 to 67 and 92000111 (test) have the layouts of training boards, a few px away."""
    dataset = read_dataset(DEEPPCB)
    names = {"50600033", "50600034", "50600035", "92000015", "92000016"} | {
        "50600065",
        "50600066",
        "50600067",
        "92000111",
        "92000112",
    }
    some = tuple(p for p in dataset.pictures if p.file.stem.removesuffix("_test") in names)
    assert len(some) == len(names)
    report = check(Dataset(dataset.root, dataset.kind, dataset.labels, some))
    assert report.ok
    assert {f.code for f in report.findings} <= {Code.GROUP_IN_SPLITS}


@pytest.mark.skipif(not DEEPPCB.is_dir(), reason=f"{DEEPPCB} is not there")
def test_one_defect_is_more_than_a_copy_may_differ() -> None:
    """A template and the same with one defect: the smallest difference that two boards have."""
    dataset = read_dataset(DEEPPCB)
    for one in dataset.of("train")[::250]:
        assert one.reference is not None
        part, good = cv2.imread(str(one.file)), cv2.imread(str(one.reference))
        smallest = min(one.boxes, key=lambda b: b.width * b.height)
        pasted = paste(good, part, smallest)
        assert pasted is not None
        assert difference(thumb(good), thumb(pasted)) > MOST_DIFFERENCE
        assert difference(thumb(good), thumb(as_jpeg(good, 30))) < MOST_DIFFERENCE / 2


def test_the_symmetries_of_a_hash_are_those_of_the_picture() -> None:
    one = board(4)
    turned = {np.rot90(m, k).tobytes() for m in (one, one[:, ::-1]) for k in range(4)}
    assert len(turned) == 8
    hashes = set(looks(one))
    for mirrored in (one, one[:, ::-1]):
        for k in range(4):
            other = looks(np.ascontiguousarray(np.rot90(mirrored, k)))[0]
            assert min((other ^ h).bit_count() for h in hashes) <= 1


@pytest.mark.parametrize(
    ("box", "code", "severity"),
    [
        (Box("dent", -5, 0, 20, 20), Code.BOX_OUTSIDE, Severity.ERROR),
        (Box("dent", 100, 60, 122, 80), Code.BOX_OUTSIDE, Severity.ERROR),
        (Box("dent", 200, 10, 220, 20), Code.BOX_OUTSIDE, Severity.ERROR),
        (Box("dent", 10, 10, 10, 20), Code.BOX_EMPTY, Severity.ERROR),
        (Box("dent", 20, 20, 10, 10), Code.BOX_EMPTY, Severity.ERROR),
        (Box("dent", 10, 10, 10.5, 20), Code.BOX_EMPTY, Severity.WARNING),
    ],
)
def test_boxes_that_cannot_be(box: Box, code: Code, severity: Severity, tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", picture("a"))
    one = Picture(file, (box,), "train", "", WIDTH, HEIGHT)
    (finding,) = found(Dataset(tmp_path, "yolo", ("dent",), (one,)), code)
    assert finding.severity is severity
    assert finding.where == "a.png, box 1"


def test_a_box_may_stick_out_by_a_rounding(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", picture("a"))
    one = Picture(file, (Box("dent", -0.6, 0, 120.9, 80),), "train", "", WIDTH, HEIGHT)
    assert check(Dataset(tmp_path, "yolo", ("dent",), (one,))).ok


def test_contradictions_and_doubles(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", picture("a"))
    box = Box("dent", 1, 1, 9, 9)
    one = Picture(file, (box, box), "train", "", WIDTH, HEIGHT, verdict="ok")
    codes = [f.code for f in check(Dataset(tmp_path, "yolo", ("dent", "scratch"), (one,))).findings]
    assert set(codes) == {Code.CONTRADICTION, Code.BOX_TWICE, Code.UNUSED_CLASS}


def test_an_exif_orientation_is_an_error(tmp_path: Path) -> None:
    """FIELD 14: a trainer turns such a picture, a station does not."""
    root = yolo(tmp_path)
    data = cv2.imencode(".jpg", picture("a"))[1].tobytes()
    for order, name in (("II*\0", "little"), ("MM\0*", "big")):
        n = lambda v, size, name=name: int(v).to_bytes(size, name)  # noqa: E731
        tiff = order.encode() + n(8, 4) + n(1, 2) + n(0x0112, 2) + n(3, 2) + n(1, 4) + n(6, 2) + n(0, 2) + n(0, 4)
        body = b"Exif\0\0" + tiff
        exif = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
        (root / "images/train/a.png").unlink(missing_ok=True)
        (root / "images/train/a.jpg").write_bytes(data[:2] + exif + data[2:])
        (finding,) = found(read_dataset(root), Code.TURNED)
        assert finding.severity is Severity.ERROR
        assert "orientation 6" in finding.what


def test_a_cut_picture_is_unreadable(tmp_path: Path) -> None:
    root = yolo(tmp_path)
    file = root / "images/train/a.png"
    file.write_bytes(file.read_bytes()[:-40])
    put(root / "images/train/b.png", "no picture at all, but text")
    unreadable = found(read_dataset(root), Code.UNREADABLE)
    assert {f.where for f in unreadable} == {"images/train/a.png", "images/train/b.png"}


def test_groups_in_two_splits_and_many_findings(tmp_path: Path) -> None:
    dataset = read_dataset(deeppcb(tmp_path))
    (group,) = found(dataset, Code.GROUP_IN_SPLITS)
    assert "'00041'" in group.what
    assert "2 in train, 1 in test" in group.what
    root = yolo(tmp_path / "many")
    put(root / "labels/train/a.txt", "0 0.5 0.5 2 2\n" * 30)
    text = str(check(read_dataset(root)))
    assert "error: ... and 22 more of box_outside" in text


def test_nothing_is_an_error(tmp_path: Path) -> None:
    report = check(Dataset(tmp_path, "yolo", ("dent",), ()))
    assert [f.code for f in report.findings if f.severity is Severity.ERROR] == [Code.NOTHING]
