"""Pruning, distillation, quantisation-aware training and going on from a bundle: each really runs, small."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.errors import OkngError
from training.export import export
from training.fit import Fit, fit
from training.inputs import network_inputs
from training.measure import bytes_of, working_bundle
from training.pictures import pictures_of
from training.prune import chains, prune, pruned
from training.raw import boxes_and_scores, fused, labels, load
from training.restart import rebuilt, weights_of
from training.smaller import from_teacher, quantisation_aware
from training.tune import Tuning

SIDE_PX = 96


def tuning(drawn: Path, **more: Any) -> Tuning:
    told: dict[str, Any] = {"side_px": SIDE_PX, "batch": 4, "steps": 3, "device": "cpu"}
    return Tuning(drawn / "data.yaml", **(told | more))


def inputs(drawn: Path, count: int) -> list[Any]:
    return list(network_inputs(pictures_of(drawn / "data.yaml")[:count], SIDE_PX))


def test_pruning_takes_channels_out_and_tunes_what_is_left(fresh: Path, drawn: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    took = pruned(fresh, tmp_path / "pruned.pt", 0.5, tuning(drawn), lines.append)
    assert 0.1 < took.share < 0.5
    assert took.channels_after < took.channels_before
    assert took.tuned is not None
    assert took.tuned.steps == 3
    assert "of the parameters gone" in lines[0]
    whole, less = export(fresh, tmp_path / "whole", SIDE_PX), export(tmp_path / "pruned.pt", tmp_path / "less", SIDE_PX)
    assert bytes_of(less.f32) < bytes_of(whole.f32) * (1 - took.share + 0.05)


def test_taking_out_dead_channels_changes_no_answer(fresh: Path, drawn: Path) -> None:
    """What a chain's channel of worth 0 gives, nobody reads."""
    model = load(fresh)
    with torch.no_grad():
        for chain in chains(model):
            reader = getattr(chain.reader, "conv", chain.reader)
            reader.weight[:, reader.in_channels // 2 :] = 0.0
    before = fused(model)
    prune(model, 0.5)
    after, given = fused(model), torch.from_numpy(np.concatenate(inputs(drawn, 2)))
    with torch.no_grad():
        for one, other in zip(boxes_and_scores(before)(given), boxes_and_scores(after)(given), strict=True):
            assert torch.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.95, -1.0])
def test_a_share_that_cannot_be_is_refused(fresh: Path, share: float) -> None:
    with pytest.raises(OkngError, match="wanted a share"):
        prune(load(fresh), share)


def test_distilling_from_a_teacher(fresh: Path, drawn: Path, tmp_path: Path) -> None:
    """Ultralytics' own course, with the teacher's features in the loss; the teacher stays out of the weights."""
    lines: list[str] = []
    extra = {**from_teacher(fresh, 6), "plots": False}
    told = Fit(
        drawn / "data.yaml", "yolo26n.yaml", tmp_path / "run", side_px=SIDE_PX, batch=8, device="cpu", extra=extra
    )
    done = fit(told, lines.append)
    assert any("dis_loss" in line for line in lines)
    assert len(labels(load(done.weights))) == 6
    assert done.weights.stat().st_size < 8_000_000


def test_a_teacher_of_other_labels_is_refused(fresh: Path) -> None:
    with pytest.raises(OkngError, match="6 labels, the data set has 3"):
        from_teacher(fresh, 3)


def test_quantisation_aware_training_moves_the_weights_a_little(fresh: Path, drawn: Path, tmp_path: Path) -> None:
    took = quantisation_aware(fresh, tmp_path / "aware.pt", tuning(drawn, batch=2), print)
    assert took.steps == 3
    before, after = fused(load(fresh)).state_dict(), fused(load(tmp_path / "aware.pt")).state_dict()
    name = "model.4.cv1.conv.weight"
    apart = float((before[name] - after[name]).abs().max())
    assert 0 < apart < 0.05
    export(tmp_path / "aware.pt", tmp_path / "exported", SIDE_PX)


def test_a_budget_of_nothing_is_refused(fresh: Path, drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(OkngError, match="steps or hours above 0"):
        pruned(fresh, tmp_path / "x.pt", 0.5, tuning(drawn, steps=0))


def test_a_bundles_graph_becomes_weights_again(fresh: Path, drawn: Path, tmp_path: Path) -> None:
    made, given = export(fresh, tmp_path, SIDE_PX), inputs(drawn, 4)
    again = rebuilt(made.f32, "yolo26n", made.labels, given)
    with torch.no_grad():
        picture = torch.from_numpy(given[0])
        for one, other in zip(
            boxes_and_scores(fused(load(fresh)))(picture), boxes_and_scores(fused(again))(picture), strict=True
        ):
            assert torch.allclose(one, other, atol=0.02)
    with pytest.raises(OkngError, match="does not fit into yolov8n"):
        rebuilt(made.f32, "yolov8n", made.labels, given)


def test_a_later_training_starts_from_the_bundle(fresh: Path, drawn: Path, tmp_path: Path) -> None:
    """FIELD 25: from the weights kept beside it where they are the same, else from its own graph."""
    made, given = export(fresh, tmp_path, SIDE_PX), inputs(drawn, 2)
    plain = working_bundle(made.f16, made.labels, SIDE_PX, "detect")
    digest = hashlib.sha256(fresh.read_bytes()).hexdigest()
    figures = {"workshop": {"network": "yolo26n", "weights_sha256": digest}}
    manifest = plain.manifest.model_copy(update={"figures": figures, "variants": {"f16": made.f16.name}})
    bundle = replace(plain, manifest=manifest)
    kept = bundle.folder.parent / f"{bundle.id}.pt"
    again = weights_of(bundle, given, tmp_path / "again.pt")
    assert again == tmp_path / "again.pt"
    assert labels(load(again)) == made.labels
    shutil.copyfile(fresh, kept)
    assert weights_of(bundle, given, tmp_path / "no.pt") == kept
    kept.write_bytes(b"another")
    assert weights_of(bundle, given, tmp_path / "again.pt") == tmp_path / "again.pt"
    with pytest.raises(OkngError, match="does not say which network"):
        weights_of(plain, given, tmp_path / "no.pt")


def test_files_that_are_no_detector_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(OkngError, match=r"no\.pt"):
        load(tmp_path / "no.pt")
    with pytest.raises(OkngError, match="no such file"):
        load(tmp_path / "absent.pt")
