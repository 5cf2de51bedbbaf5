"""The import: what a person changed in an export comes back as reviews, once, and nothing else does."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.review.bring_in import Found, How, find
from agent.review.edited import ImportRefused
from agent.review.export import Wishes, export
from agent.review.hand_in import hand_in
from agent.review.layout import Manifest
from agent.store.values import PartQuery, ReviewBox, Sampling
from pipelines.values import Outcome
from tests.review.stationed import SIZE, Data, data_folder
from tests.store.made import START_US

DRAWN = Sampling(0.1, 0.1)
ANN = How("ann")
HEIGHT, WIDTH = SIZE


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Data]:
    made = data_folder(tmp_path / "data")
    yield made
    made.close()


def exported(data: Data, out: Path) -> Manifest:
    return export(Wishes(out, PartQuery()), data.config, START_US, lambda *_: None).manifest


def brought(data: Data, folder: Path, how: How = ANN) -> Found:
    found = find(folder, data.reader, how)
    for review in found.reviews:
        data.store.review(review)
    return found


def label_file(folder: Path, part: int) -> Path:
    return folder / "labels" / f"top-{part:09d}.txt"


def edit_manifest(folder: Path, part: int, **values: object) -> None:
    file = folder / "okng-review.json"
    said = json.loads(file.read_text())
    for each in said["parts"]:
        if each["id"] == part:
            each.update(values)
    file.write_text(json.dumps(said))


def test_an_untouched_export_brings_nothing(data: Data, tmp_path: Path) -> None:
    data.part(Outcome.OK, DRAWN)
    reviewed = data.part(Outcome.NG)
    data.review(reviewed, "ng", ReviewBox("open", 1.5, 2.25, 30.0, 40.0, "kept"))
    bad = data.part(Outcome.NG)
    data.review(bad, "ng")
    exported(data, tmp_path / "out")
    assert brought(data, tmp_path / "out") == Found((), 3, 0)


def test_edited_labels_come_back_as_what_they_are_against_the_machine(data: Data, tmp_path: Path) -> None:
    missed, moved, overkill = data.part(Outcome.OK, DRAWN), data.part(Outcome.NG), data.part(Outcome.NG)
    for part in (moved, overkill):
        data.review(part, "ng", ReviewBox("open", 1.5, 2.25, 30.0, 40.0, "kept"))
    out = tmp_path / "out"
    exported(data, out)
    label_file(out, missed).write_text("0 0.5 0.5 0.25 0.25\n")
    label_file(out, moved).write_text("0 0.25 0.45 0.4375 0.770833333\n0 0.8 0.8 0.1 0.1")
    label_file(out, overkill).write_text("")
    found = {r.part: r for r in brought(data, out, How("bob")).reviews}
    assert [(b.label, b.change) for b in found[missed].boxes] == [("open", "added")]
    assert [b.change for b in found[moved].boxes] == ["nudged", "added"]
    assert [b.change for b in found[overkill].boxes] == ["removed"]
    assert [found[part].verdict for part in (missed, moved, overkill)] == ["ng", "ng", "ok"]
    assert {(r.reviewer, r.stratum) for r in found.values()} == {("bob", "import")}
    newest = data.reader.reviews([missed, moved, overkill])
    assert [newest[part].verdict for part in (missed, moved, overkill)] == ["ng", "ng", "ok"]
    # The machine's verdicts stay what they are.
    assert [data.reader.part(p).record.verdict.outcome for p in (missed, moved)] == [Outcome.OK, Outcome.NG]  # type: ignore[union-attr]


def test_the_same_folder_again_changes_nothing_and_an_edit_taken_back_is_taken_back(data: Data, tmp_path: Path) -> None:
    part = data.part(Outcome.NG)
    data.review(part, "ng", ReviewBox("open", 1.5, 2.25, 30.0, 40.0, "kept"))
    out = tmp_path / "out"
    exported(data, out)
    before = label_file(out, part).read_text()
    label_file(out, part).write_text("")
    assert len(brought(data, out).reviews) == 1
    assert brought(data, out) == Found((), 0, 1)
    label_file(out, part).write_text(before)
    assert [r.verdict for r in brought(data, out).reviews] == ["ng"]
    assert brought(data, out) == Found((), 0, 1)
    assert len(data.reader.review_history(part)) == 3


def test_a_verdict_written_into_the_manifest_counts(data: Data, tmp_path: Path) -> None:
    one, two = data.part(Outcome.OK, DRAWN), data.part(Outcome.OK, DRAWN)
    exported(data, tmp_path / "out")
    edit_manifest(tmp_path / "out", one, verdict="ng")
    edit_manifest(tmp_path / "out", two, verdict="ok")
    found = brought(data, tmp_path / "out").reviews
    assert [(r.part, r.verdict, r.boxes) for r in found] == [(one, "ng", ()), (two, "ok", ())]


def test_who_looked_at_all_says_so_of_what_was_left_as_it_was(data: Data, tmp_path: Path) -> None:
    parts = [data.part(Outcome.OK, DRAWN) for _ in range(3)]
    data.review(data.part(Outcome.NG), "ng", ReviewBox("open", 1.5, 2.25, 30.0, 40.0, "kept"))
    exported(data, tmp_path / "out")
    label_file(tmp_path / "out", parts[1]).write_text("0 0.5 0.5 0.25 0.25\n")
    found = brought(data, tmp_path / "out", How("ann", looked_at_all=True)).reviews
    assert [r.verdict for r in found] == ["ok", "ng", "ok"]


def test_coco_edited_in_place_of_the_label_files(data: Data, tmp_path: Path) -> None:
    part, other = data.part(Outcome.OK, DRAWN), data.part(Outcome.OK, DRAWN)
    out = tmp_path / "out"
    exported(data, out)
    coco = json.loads((out / "annotations.json").read_text())
    coco["categories"] = [{"id": 1, "name": "scratch"}]
    coco["annotations"] = [{"id": 1, "image_id": part, "category_id": 1, "bbox": [4, 5, 6, 7]}]
    (out / "annotations.json").write_text(json.dumps(coco))
    (review,) = find(out, data.reader, ANN).reviews
    assert (review.part, review.boxes) == (part, (ReviewBox("scratch", 4.0, 5.0, 10.0, 12.0, "added"),))
    label_file(out, other).write_text("0 0.5 0.5 0.25 0.25\n")
    edit = json.loads((out / "okng-review.json").read_text())
    edit["labels"] = ["open"]
    (out / "okng-review.json").write_text(json.dumps(edit))
    assert len(brought(data, out).reviews) == 2  # each edited in one of the two places
    label_file(out, part).write_text("0 0.5 0.5 0.25 0.25\n")
    with pytest.raises(ImportRefused, match="both were edited: edit one of them"):
        find(out, data.reader, ANN)


def test_a_review_since_the_export_is_not_overruled_in_silence(data: Data, tmp_path: Path) -> None:
    part = data.part(Outcome.OK, DRAWN)
    out = tmp_path / "out"
    exported(data, out)
    edit_manifest(out, part, verdict="ng")
    data.review(part, "ok")
    with pytest.raises(ImportRefused, match=r"ann has reviewed it since the export \(ok\); --overrule"):
        find(out, data.reader, How("bob"))
    assert len(brought(data, out, How("bob", overrule=True)).reviews) == 1
    assert brought(data, out, How("bob")) == Found((), 0, 1)


def test_everything_wrong_is_named_at_once_and_nothing_is_stored(data: Data, tmp_path: Path) -> None:
    one, two, three = (data.part(Outcome.NG) for _ in range(3))
    for part in (one, two, three):
        data.review(part, "ng", ReviewBox("open", 1.5, 2.25, 30.0, 40.0, "kept"))
    out = tmp_path / "out"
    exported(data, out)
    label_file(out, one).write_text("9 0.5 0.5 0.1 0.1")
    label_file(out, two).write_bytes(b"\xff\xfe")
    label_file(out, three).unlink()
    with pytest.raises(ImportRefused) as refused:
        find(out, data.reader, ANN)
    for said in (f"top-{one:09d}.txt: row 1: class 9", "is not text", "is gone, it had 1 boxes"):
        assert said in str(refused.value)
    with pytest.raises(ImportRefused, match=r"okng-review\.json: cannot be read.*folder that okng review export made"):
        find(tmp_path, data.reader, ANN)
    (out / "okng-review.json").write_text("[" * 100_000)
    with pytest.raises(ImportRefused, match="okng-review"):
        find(out, data.reader, ANN)


def test_parts_of_another_station_are_refused(data: Data, tmp_path: Path) -> None:
    part = data.part(Outcome.OK, DRAWN)
    exported(data, tmp_path / "out")
    edit_manifest(tmp_path / "out", part, verdict="ng")
    other = data_folder(tmp_path / "other")
    with pytest.raises(ImportRefused, match=f"there is no part {part}"):
        find(tmp_path / "out", other.reader, ANN)
    other.part(Outcome.OK, DRAWN, lane="side")
    with pytest.raises(ImportRefused, match="is another one: its picture or its time differs"):
        find(tmp_path / "out", other.reader, ANN)
    other.close()


def test_without_a_station_this_process_writes(data: Data, tmp_path: Path) -> None:
    part = data.part(Outcome.OK, DRAWN)
    exported(data, tmp_path / "out")
    edit_manifest(tmp_path / "out", part, verdict="ng")
    found = find(tmp_path / "out", data.reader, ANN)
    data.store.close()
    shown: list[tuple[int, int]] = []
    hand_in(data.config, found.reviews, lambda done, total: shown.append((done, total)))
    hand_in(data.config, found.reviews, lambda *_: None)  # a token is stored once
    assert shown == [(1, 1)]
    assert [r.verdict for r in data.reader.review_history(part)] == ["ng"]


boxes = st.lists(
    st.tuples(
        st.sampled_from(("open", "short")),
        st.floats(0, WIDTH - 4),
        st.floats(0, HEIGHT - 4),
        st.floats(1, 4),
        st.floats(1, 4),
    ),
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(Outcome), st.none() | boxes), min_size=1, max_size=4))
def test_export_import_export_is_the_identity(
    parts: list[tuple[Outcome, list[tuple[str, float, float, float, float]]]],
) -> None:
    """What was exported and comes back unchanged changes nothing; what was edited is exported as it was edited."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = data_folder(folder / "data")
        ids = [data.part(outcome, DRAWN) for outcome, _ in parts]
        for part in ids:
            data.review(part, "ok")
        exported(data, folder / "first")
        for part, (_, its) in zip(ids, parts, strict=True):
            if its is not None:
                rows = [f"{('open', 'short').index(n)} {_shares(x, y, w, h)}\n" for n, x, y, w, h in its]
                label_file(folder / "first", part).write_text("".join(rows))
        edit = json.loads((folder / "first" / "okng-review.json").read_text())
        edit["labels"] = ["open", "short"]
        (folder / "first" / "okng-review.json").write_text(json.dumps(edit))
        brought(data, folder / "first")
        second = exported(data, folder / "second")
        for part, (_, its) in zip(second.parts, parts, strict=True):
            wanted = sorted((n, x, y, x + w, y + h) for n, x, y, w, h in its or ())
            got = sorted(part.boxes)
            assert [b[0] for b in got] == [b[0] for b in wanted]
            assert all(
                abs(a - b) < 1e-3
                for one, two in zip(got, wanted, strict=True)
                for a, b in zip(one[1:], two[1:], strict=True)
            )
            assert part.verdict == ("ng" if its else "ok")
        assert brought(data, folder / "second") == Found((), len(ids), 0)
        third = exported(data, folder / "third")
        assert (third.parts, third.labels, third.files) == (second.parts, second.labels, second.files)
        data.close()


def _shares(x: float, y: float, w: float, h: float) -> str:
    shares = ((x + w / 2) / WIDTH, (y + h / 2) / HEIGHT, w / WIDTH, h / HEIGHT)
    return " ".join(f"{share:.6f}" for share in shares)
