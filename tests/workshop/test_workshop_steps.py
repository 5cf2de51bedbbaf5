"""`okng train` without any training: steps that are made once, orders that cannot be, tables, pictures."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.errors import OkngError
from agent.station.cameras.virtual.boards import draw_board
from agent.station.cameras.virtual.defects import LABELS
from agent.station.cameras.virtual.layout import draw_layout
from agent.station.models.bundle import read_bundle
from pipelines.similarity import to_frame, turned
from training.datasets.values import Box, Dataset, Picture
from training.losses import PromiseRefused
from training.measure import best_accuracy, working_bundle
from training.order import Order
from training.pictures import into_reference, pictures_of, prepare
from training.starts import as_the_model, judged_by, start_of
from training.table import Row, as_markdown, as_text
from training.work import Result, Work
from training.workshop import _held_out, divided


def silent(_: str) -> None:
    """Nobody listens."""


class Maker:
    """Counts how often it was asked."""

    def __init__(self, fails: int = 0) -> None:
        self.made, self.fails = 0, fails

    def __call__(self, folder: Path) -> Result:
        self.made += 1
        (folder / f"half-{self.made}").write_text("done by half")
        if self.made <= self.fails:
            raise OkngError("cut off")
        return {"files": sorted(path.name for path in folder.iterdir())}


def test_a_step_is_made_once_for_the_same_key(tmp_path: Path) -> None:
    make = Maker()
    first = Work(tmp_path, silent, resume=False).step("a", {"x": 1}, make)
    again = Work(tmp_path, silent, resume=True).step("a", {"x": 1}, make)
    assert (make.made, first) == (1, again)
    other = Work(tmp_path, silent, resume=True).step("a", {"x": 2}, make)
    assert make.made == 2
    assert other.digest != first.digest
    assert other.result == {"files": ["half-2"]}, "what another key left is gone"


@pytest.mark.parametrize(("goes_on", "left"), [(False, ["half-2"]), (True, ["half-1", "half-2"])])
def test_a_step_that_was_cut_off_is_made_again(tmp_path: Path, goes_on: bool, left: list[str]) -> None:
    make = Maker(fails=1)
    with pytest.raises(OkngError, match="cut off"):
        Work(tmp_path, silent, resume=False).step("a", {}, make, goes_on=goes_on)
    assert Work(tmp_path, silent, resume=True).step("a", {}, make, goes_on=goes_on).result == {"files": left}


def test_an_earlier_run_is_gone_on_with_only_when_asked(tmp_path: Path) -> None:
    Work(tmp_path, silent, resume=False).step("a", {}, Maker())
    with pytest.raises(OkngError, match=r"unfinished run \(a\).*--resume"):
        Work(tmp_path, silent, resume=False)


def test_a_cut_record_of_a_step_is_none(tmp_path: Path) -> None:
    make = Maker()
    Work(tmp_path, silent, resume=False).step("a", {}, make)
    file = tmp_path / "steps/a.json"
    file.write_text(file.read_text()[:20])
    Work(tmp_path, silent, resume=True).step("a", {}, make)
    assert make.made == 2


def order(tmp_path: Path) -> Order:
    return Order(dataset=tmp_path, out=tmp_path / "out", name="x", version="1")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "yolo99"}, "--model yolo99: known are yolo26n"),
        ({"side_px": 100}, "--imgsz 100: wanted a multiple of 32"),
        ({"limit": 1.0}, "--limit 1: wanted a number between 0 and 1"),
        ({"prune": 0.95}, "--prune 0.95"),
        ({"hours": -1.0}, "--hours -1"),
        ({"from_review": True, "start": "none"}, "--from-review starts from the active model"),
        ({"key": Path("absent.pem")}, r"absent\.pem: no such file"),
        ({"trained": Path("a.pt"), "start": "b.pt"}, "--trained"),
    ],
)
def test_an_order_that_cannot_be_says_why(tmp_path: Path, change: dict[str, object], says: str) -> None:
    with pytest.raises(OkngError, match=says):
        replace(order(tmp_path), **change).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, r"no file yolo26n\.pt here; give --start FILE\.pt, --start download .* or --start none"),
        ({"start": "absent.pt"}, r"--start absent\.pt: no such file"),
        ({"start": "none", "model": "mine.pt"}, "--start none: --model must be one of yolo26n"),
        ({"from_review": True}, r"were judged by board-3; no such bundle in .*: give --active BUNDLE"),
    ],
)
def test_a_start_that_is_not_there_says_what_would_do(tmp_path: Path, change: dict[str, object], says: str) -> None:
    dataset = Dataset(tmp_path, "review", LABELS, (), facts={"models": {"board-3 abc": 7}})
    with pytest.raises(OkngError, match=says):
        start_of(replace(order(tmp_path), **change), dataset, (), tmp_path)  # type: ignore[arg-type]


def test_starts_by_name_and_by_file(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path, "yolo", LABELS, ())
    (tmp_path / "mine.pt").write_bytes(b"")
    assert start_of(replace(order(tmp_path), start="none"), dataset, (), tmp_path) == "yolo26n.yaml"
    assert start_of(replace(order(tmp_path), start="download"), dataset, (), tmp_path) == "yolo26n.pt"
    given = replace(order(tmp_path), start=str(tmp_path / "mine.pt"))
    assert start_of(given, dataset, (), tmp_path) == tmp_path / "mine.pt"


def test_the_command_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("training")
    try:
        import ultralytics  # noqa: F401
    except ModuleNotFoundError:
        told = ("train", str(tmp_path), "--out", str(tmp_path / "out"), "--name", "x", "--version", "1")
        assert main(told) == 1
        assert "okng train needs the extra training: pip install 'okng[training]'" in capsys.readouterr().err


def test_the_table_names_every_step() -> None:
    rows = (
        Row("f32", 10_000_000, 50.0, 0.9532, 0.71, 0.991, 3600.0, "exact"),
        Row("int8", 2_900_000, 12.5, 0.951, 0.705, 0.99, 60.0, "a | b"),
        Row("onnx", 9_700_000, None, None, None, None, 0.0),
    )
    text = as_text(rows)
    assert "29 %" in text
    assert "95.32" in text
    assert len({len(line.split("  ")[0]) for line in text.splitlines()}) >= 1
    markdown = as_markdown(rows).splitlines()
    assert len(markdown) == 5
    assert len({line.count("|") for line in markdown}) == 1, "a bar in a note breaks no column"


@given(
    st.lists(st.floats(0, 1), max_size=30),
    st.lists(st.floats(0, 1), max_size=30),
)
def test_the_best_accuracy_is_what_its_threshold_gives(bad: list[float], good: list[float]) -> None:
    accuracy, threshold = best_accuracy(bad, good)
    assert 0 <= accuracy <= 1
    if bad or good:
        assert (
            accuracy
            >= max(len([b for b in bad if b >= 0.02]), len([g for g in good if g < 0.98])) / (len(bad) + len(good))
            - 0.5001
        ), "never worse than passing or rejecting nearly all"
        assert 0.02 <= threshold <= 0.98


def test_separable_parts_are_all_judged_right() -> None:
    assert best_accuracy([0.7, 0.9, 0.8], [0.1, 0.2, 0.0]) == (1.0, pytest.approx(0.45, abs=0.02))


@given(
    scale=st.floats(0.95, 1.05),
    degrees=st.floats(-5, 5),
    x=st.floats(-30, 30),
    y=st.floats(-30, 30),
    box=st.tuples(st.floats(50, 500), st.floats(50, 500), st.floats(8, 90), st.floats(8, 90)),
)
def test_boxes_go_into_the_reference_and_back(
    scale: float, degrees: float, x: float, y: float, box: tuple[float, float, float, float]
) -> None:
    """What training sees in the reference's frame is where the station will show it on the part."""
    pose = turned(scale, degrees, x, y).pose(640, 640)
    given_box = np.array([[box[0], box[1], box[0] + box[2], box[1] + box[3]]])
    back = to_frame(into_reference(given_box, pose).astype(np.float32), pose)
    middle, there = (given_box[0, :2] + given_box[0, 2:]) / 2, (back[0, :2] + back[0, 2:]) / 2
    assert np.abs(middle - there).max() < 0.01
    sizes = (back[0, 2:] - back[0, :2]) / (given_box[0, 2:] - given_box[0, :2])
    assert np.all((sizes > 0.99) & (sizes < 1.7)), "a side grows by no more than the turn asks for"


def drawn_set(folder: Path, count: int = 6) -> Dataset:
    """Drawn boards beside the layouts that they should be like."""
    pictures = []
    for number in range(count):
        layout = draw_layout(940_000 + number)
        board = draw_board(layout, np.random.default_rng(number), bad=number % 3 != 2)
        part, reference = folder / f"{number}.png", folder / f"{number}_reference.png"
        cv2.imwrite(str(part), board.pixels)
        cv2.imwrite(str(reference), layout.pixels)
        boxes = tuple(Box(t.label, *t.box) for t in board.truth)
        split = "test" if number == 5 else "train"
        pictures.append(Picture(part, boxes, split, f"g{number}", 640, 640, reference, empty_known=not boxes))
    return Dataset(folder, "drawn", LABELS, tuple(pictures))


def test_held_out_groups_and_the_test_split_are_never_trained_on(tmp_path: Path) -> None:
    dataset = divided(drawn_set(tmp_path), replace(order(tmp_path), hold_out=("g0", "g2")))
    assert {p.group for p in dataset.of("val")} == {"g0", "g2"}
    made = prepare(dataset, tmp_path / "made", "detect", seed=0)
    stems = {file.stem for file in made.train}
    assert {s for s in stems if not s.startswith("reference")} == {"1", "3", "4"}
    assert made.references == 3
    assert {file.stem for file in (tmp_path / "made/yolo/images/val").iterdir()} == {"0", "2"}
    assert not list((tmp_path / "made").rglob("5*"))
    with pytest.raises(OkngError, match="no group"):
        divided(drawn_set(tmp_path), replace(order(tmp_path), hold_out=("g9",)))


def test_guided_pictures_hold_part_reference_and_difference(tmp_path: Path) -> None:
    dataset = divided(drawn_set(tmp_path), replace(order(tmp_path), hold_out=("g0",)))
    made = prepare(dataset, tmp_path / "made", "guided", seed=0, each=2)
    assert len(made.train) == 8
    assert made.left_out == 0
    held = next((tmp_path / "made/guided/images/val").iterdir())
    pixels = cv2.imread(str(held), cv2.IMREAD_COLOR)
    assert pixels is not None
    part, reference = (cv2.imread(str(tmp_path / name), cv2.IMREAD_GRAYSCALE) for name in ("0.png", "0_reference.png"))
    assert part is not None
    assert reference is not None
    assert np.array_equal(pixels[:, :, 1], reference)
    assert np.array_equal(pixels[:, :, 0], cv2.absdiff(pixels[:, :, 2], pixels[:, :, 1]))
    assert pixels[:, :, 0].mean() <= cv2.absdiff(part, reference).mean() + 0.5, "aligned, it differs by no more"
    assert pictures_of(made.data) == made.train
    rows = (tmp_path / "made/guided/labels/val" / f"{held.stem}.txt").read_text().splitlines()
    assert len(rows) == len(dataset.of("val")[0].boxes)


def test_guided_without_references_is_refused(tmp_path: Path) -> None:
    dataset = divided(drawn_set(tmp_path), order(tmp_path))
    bare = replace(dataset, pictures=tuple(replace(p, reference=None) for p in dataset.pictures))
    with pytest.raises(OkngError, match="no training picture has a reference"):
        prepare(bare, tmp_path / "made", "guided", seed=0)


def test_the_newest_parts_model_is_where_a_review_goes_on_from(tmp_path: Path) -> None:
    """The tenth version comes after the ninth, and one made again under its name is not the one that judged."""
    bundles = {}
    for version in ("9", "10"):
        graph = tmp_path / f"graph-{version}"
        graph.mkdir()
        for name in ("model.xml", "model.bin"):
            (graph / name).write_bytes(version.encode())
        made = working_bundle(graph / "model.xml", LABELS, 64, "detect")
        told = made.manifest.model_copy(update={"name": "board", "version": version})
        folder = tmp_path / "out" / f"board-{version}"
        shutil.copytree(graph, folder)
        (folder / "manifest.json").write_text(told.model_dump_json(by_alias=True))
        bundles[version] = read_bundle(folder)
    models = {f"board-{v}": bundles[v].digest for v in ("10", "9")}
    asked = replace(order(tmp_path), from_review=True)

    def of(models: dict[str, str]) -> Dataset:
        return Dataset(tmp_path, "review", LABELS, (), facts={"models": {f"{k} {v}": 1 for k, v in models.items()}})

    assert judged_by(asked, of(models)).id == "board-10"
    assert judged_by(asked, of(models | {"board-10": "f" * 64})).id == "board-9"
    with pytest.raises(OkngError, match=r"were judged by board-10; no such bundle"):
        judged_by(asked, of({"board-10": "f" * 64}))
    assert judged_by(replace(asked, active=tmp_path / "out/board-9"), of({})).id == "board-9"


def test_labels_take_the_order_of_the_weights_and_keep_what_was_seen() -> None:
    dataset = Dataset(Path("/there"), "review", ("scratch", "open", "short"), ())
    assert as_the_model(dataset, ("short", "open", "spur")).labels == ("short", "open", "spur", "scratch")


def test_unreviewed_passes_of_a_guided_review_are_used_where_they_are_trusted(tmp_path: Path) -> None:
    whole = divided(drawn_set(tmp_path), replace(order(tmp_path), hold_out=("g0",)))
    empty = next(p for p in whole.of("train") if not p.boxes)
    unseen = tuple(replace(p, empty_known=False, verdict=None) if p is empty else p for p in whole.pictures)
    dataset = replace(whole, pictures=unseen)
    without = prepare(dataset, tmp_path / "without", "guided", seed=0, each=1)
    trusted = prepare(dataset, tmp_path / "trusted", "guided", seed=0, each=1, unknown=True)
    assert len(trusted.train) == len(without.train) + 1


def test_what_no_training_could_save_is_refused_before_it(tmp_path: Path) -> None:
    drawn = drawn_set(tmp_path)
    blind = replace(order(tmp_path), hold_out=("g2",))
    with pytest.raises(OkngError, match="no held-out picture has a defect"):
        _held_out(divided(drawn, blind), blind)
    few = replace(order(tmp_path), hold_out=("g0", "g1"))
    assert _held_out(divided(drawn, few), few).calibrating is None
    with pytest.raises(PromiseRefused, match="needs at least 299 bad parts that had no say"):
        _held_out(divided(drawn, few), replace(few, promise=True))
