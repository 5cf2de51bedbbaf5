"""The mean of two trainings' weights."""

from pathlib import Path

import pytest
import torch

from agent.errors import OkngError
from training.average import average


def first_weights(file: Path) -> torch.Tensor:
    kept = torch.load(file, map_location="cpu", weights_only=False)
    network = kept["ema"] if kept.get("ema") is not None else kept["model"]
    weights: torch.Tensor = network.model[0].conv.weight.float()
    return weights


def test_the_mean_lies_between_both(fresh: Path, tmp_path: Path) -> None:
    kept = torch.load(fresh, map_location="cpu", weights_only=False)
    with torch.no_grad():
        (kept["ema"] if kept.get("ema") is not None else kept["model"]).model[0].conv.weight.add_(1.0)
    torch.save(kept, tmp_path / "other.pt")
    made = average(fresh, tmp_path / "other.pt", tmp_path / "mean.pt", 0.25)
    assert torch.allclose(first_weights(made), first_weights(fresh) + 0.25, atol=2e-3)


def test_a_share_that_cannot_be_is_refused(fresh: Path, tmp_path: Path) -> None:
    with pytest.raises(OkngError, match="share 2: wanted a number from 0 to 1"):
        average(fresh, fresh, tmp_path / "mean.pt", 2)
