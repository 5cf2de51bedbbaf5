"""The mean of two trained detectors' weights, where one was trained further from the other.

    python -m training.average FIRST.pt SECOND.pt --out MEAN.pt [--share 0.5]

Weights of one course of training lie in one valley, and its middle often does better on new groups of parts
than either end (Wortsman et al., "Model soups", arXiv:2203.05482). Measure it on held-out pictures before use.
"""

import argparse
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from training.offline import offline


def average(first: Path, second: Path, out: Path, share: float = 0.5) -> Path:
    """`share` (0..1) of the second's weights in the mean. Raises OkngError where they are two networks.

    The files are pickles: take them only from people whom you would let run a program.
    """
    if not 0 <= share <= 1:
        raise OkngError(f"share {share:g}: wanted a number from 0 to 1")
    offline()
    import torch

    one, kept = (torch.load(file, map_location="cpu", weights_only=False) for file in (first, second))
    here, there = _network(one).state_dict(), _network(kept).state_dict()
    if {name: value.shape for name, value in here.items()} != {name: value.shape for name, value in there.items()}:
        raise OkngError(f"{first} and {second}: not the same network")
    mean = {
        name: (here[name].float() * (1 - share) + value.float() * share).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in there.items()
    }
    _network(kept).load_state_dict(mean)
    torch.save(kept, out)
    return out


def _network(kept: dict[str, Any]) -> Any:
    """The averaged weights of the run where they are kept apart, else the model."""
    return kept["ema"] if kept.get("ema") is not None else kept["model"]


def main() -> None:
    """Writes the mean."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("first", type=Path)
    ask.add_argument("second", type=Path)
    ask.add_argument("--out", type=Path, required=True)
    ask.add_argument("--share", type=float, default=0.5, help="of the second (default: %(default)s)")
    told = ask.parse_args()
    print(average(told.first, told.second, told.out, told.share))


if __name__ == "__main__":
    main()
