"""The DeepPCB detectors' data and start; their training itself is measured, not tested."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the training extra")

from agent.errors import OkngError
from agent.station.cameras.virtual.defects import LABELS
from training.deeppcb import HELD_OUT, RECIPES, drawn_pair, fold_first, listed, make_data

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]  # torch's and Ultralytics' own
DATA = Path(__file__).parents[3] / "shared/data/deeppcb"
needs_data = pytest.mark.skipif(not (DATA / "trainval.txt").is_file(), reason=f"{DATA} is not there")


@needs_data
def test_no_pair_of_the_test_split_is_listed() -> None:
    rows = listed(DATA)
    tested = {row.split()[1] for row in (DATA / "test.txt").read_text().splitlines() if row.strip()}
    assert len(rows) == 1000
    assert not {str(row.truth.relative_to(DATA)) for row in rows} & tested


@needs_data
@pytest.mark.parametrize("kind", ["guided", "plain"])
def test_training_pictures_come_from_neither_the_test_split_nor_the_held_out_groups(tmp_path: Path, kind: str) -> None:
    recipe = replace(RECIPES[kind], real=12, drawn_layouts=1, drawn_each=2)
    rows = listed(DATA)[::40]
    make_data(recipe, rows, tmp_path / "data")
    made = {file.stem.rpartition("_")[0] for file in (tmp_path / "data/images/train").iterdir()}
    allowed = {row.part.stem for row in rows if row.group not in HELD_OUT} | {f"drawn{recipe.drawn_seed}"}
    assert made <= allowed
    assert len(list((tmp_path / "data/labels/train").iterdir())) == 14
    held = {row.part.stem for row in rows if row.group in HELD_OUT}
    validated = {file.stem.removesuffix("_ok") for file in (tmp_path / "data/images/val").iterdir()}
    assert validated
    assert validated <= held


@needs_data
def test_the_plain_start_is_what_the_guided_one_sees_on_its_first_channel(tmp_path: Path) -> None:
    import torch
    from ultralytics.nn.tasks import load_checkpoint

    start = DATA.parents[1] / "models/coco/yolo26n-warmstart.pt"
    folded = fold_first(start, tmp_path / "folded.pt")
    before, after = (load_checkpoint(path)[0].float().eval() for path in (start, folded))
    grey, other = torch.rand(2, 1, 1, 64, 64)
    with torch.no_grad():
        plain = before(torch.cat([grey] * 3, dim=1))[0]
        guided = after(torch.cat([grey, other, other], dim=1))[0]
    assert torch.allclose(plain, guided, rtol=0.02, atol=0.02)
    once = folded.read_bytes()
    assert fold_first(start, folded).read_bytes() == once, "a run must know its start again"


def test_a_drawn_pair_is_a_board_beside_its_layout() -> None:
    pairs = [drawn_pair(400_000, number) for number in range(4)]
    assert len({pair.reference.tobytes() for pair in pairs}) == 1
    assert sum(len(pair.defects) for pair in pairs) >= 2
    for pair in pairs:
        for defect in pair.defects:
            assert 0 <= defect.label < len(LABELS)
            x1, y1, x2, y2 = (int(v) for v in defect.box)
            box = np.s_[max(0, y1) : y2, max(0, x1) : x2]
            assert cv2.absdiff(pair.part, pair.reference)[box].any()


def test_a_folder_without_the_lists_is_named(tmp_path: Path) -> None:
    with pytest.raises(OkngError, match=r"trainval\.txt: no such file"):
        listed(tmp_path)
