"""Structured pruning: whole channels are taken out of a trained detector, which is then tuned again.

Taken are channels that only one convolution reads: inside bottlenecks, inside attention's feed-forward
part, and inside the head's two branches; so nothing else of the network changes its shape. A channel's
worth is |gamma| of its normalisation (Z. Liu et al., "Network Slimming", arXiv:1708.06519) times the norm
of the weights that read it. Single weights set to zero (unstructured sparsity) would make no file smaller and no
convolution faster in OpenVINO on a CPU; so they are not on offer.

A pruned detector cannot be trained by Ultralytics' own trainer any more, only by `training.tune`.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from training.raw import boxes_and_scores, load, save
from training.tune import Tuned, Tuning, tune

Say = Callable[[str], None]

MULTIPLE = 8
"""Channels are left in multiples of this: what INT8 kernels work on at once."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was taken out."""

    parameters_before: int
    parameters_after: int
    channels_before: int
    """Of those that could be taken."""
    channels_after: int
    tuned: Tuned | None

    @property
    def share(self) -> float:
        """Of all parameters: how many are gone."""
        return 1 - self.parameters_after / self.parameters_before


@dataclass(frozen=True, slots=True)
class Chain:
    """Channels made by `maker`, passed on by `between` (depth-wise), read by `reader` alone."""

    maker: Any
    between: tuple[Any, ...]
    reader: Any


def chains(model: Any) -> Iterator[Chain]:
    """Every place of a detector where channels may go."""
    from ultralytics.nn.modules.block import Bottleneck, PSABlock

    for module in model.modules():
        if isinstance(module, Bottleneck) and _plain(module.cv1) and _plain(module.cv2):
            yield Chain(module.cv1, (), module.cv2)
        elif isinstance(module, PSABlock):
            yield Chain(module.ffn[0], (), module.ffn[1])
    head = model.model[-1]
    for branch in (*head.cv2, *head.cv3):
        yield from _of_branch(branch)


def _of_branch(branch: Any) -> Iterator[Chain]:
    """A branch of the head is a row of convolutions, some of them depth-wise."""
    row = [part for stage in branch for part in (stage if _is_row(stage) else (stage,))]
    plain = [i for i, part in enumerate(row) if _plain(part)]
    for here, there in itertools.pairwise(plain):
        yield Chain(row[here], tuple(row[here + 1 : there]), row[there])


def _is_row(stage: Any) -> bool:
    from torch import nn

    return isinstance(stage, nn.Sequential)


def _conv(part: Any) -> Any:
    return getattr(part, "conv", part)


def _plain(part: Any) -> bool:
    return bool(_conv(part).groups == 1)


def prune(model: Any, share: float) -> Pruned:
    """Takes up to `share` of the channels of every chain out of `model`, in place; its NMS-free head goes whole.

    Narrow chains keep more: what is left is a multiple of MULTIPLE, rounded up.

    Raises OkngError for a share that is not above 0 and below 0.9.
    """
    if not 0 < share < 0.9:
        raise OkngError(f"pruning {share:g}: wanted a share of the channels above 0 and below 0.9")
    head = model.model[-1]
    for name in tuple(head._modules):
        if name.startswith("one2one_"):
            setattr(head, name, None)
    before, channels_before, channels_after = _parameters(model), 0, 0
    for chain in chains(model):
        count = _conv(chain.maker).out_channels
        left = MULTIPLE * math.ceil(round(count * (1 - share) / MULTIPLE, 6))
        channels_before, channels_after = channels_before + count, channels_after + min(left, count)
        if left < count:
            _shrink(chain, left)
    return Pruned(before, _parameters(model), channels_before, channels_after, None)


def _parameters(model: Any) -> int:
    return sum(p.numel() for p in model.parameters())


def _shrink(chain: Chain, left: int) -> None:
    import torch

    with torch.no_grad():
        worth = _conv(chain.reader).weight.flatten(2).norm(dim=2).norm(dim=0)
        if hasattr(chain.maker, "bn"):
            worth = worth * chain.maker.bn.weight.abs()
        kept = worth.topk(left).indices.sort().values
        _keep_outputs(chain.maker, kept)
        for part in chain.between:
            _keep_outputs(part, kept)
            _conv(part).in_channels = _conv(part).groups = left
        reader = _conv(chain.reader)
        reader.weight = torch.nn.Parameter(reader.weight[:, kept].clone())
        reader.in_channels = left


def _keep_outputs(part: Any, kept: Any) -> None:
    import torch

    conv = _conv(part)
    conv.weight = torch.nn.Parameter(conv.weight[kept].clone())
    conv.out_channels = len(kept)
    if conv.bias is not None:
        conv.bias = torch.nn.Parameter(conv.bias[kept].clone())
    norm = getattr(part, "bn", None)
    if norm is None:
        return
    norm.num_features = len(kept)
    norm.weight, norm.bias = (torch.nn.Parameter(p[kept].clone()) for p in (norm.weight, norm.bias))
    norm.running_mean, norm.running_var = norm.running_mean[kept].clone(), norm.running_var[kept].clone()


def pruned(weights: Path, to: Path, share: float, how: Tuning, say: Say = print) -> Pruned:
    """Prunes `weights` (.pt), tunes what is left, and writes it as `to` (.pt)."""
    model = load(weights)
    took = prune(model, share)
    say(f"{took.channels_before} channels to {took.channels_after}, {100 * took.share:.1f} % of the parameters gone")
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    dfl = getattr(model.model[-1].dfl, "conv", None)
    if dfl is not None:  # a fixed sum, never trained
        dfl.weight.requires_grad_(False)
    tuned = tune(model, boxes_and_scores(model), how, to.parent, say)
    save(model, to)
    return Pruned(took.parameters_before, took.parameters_after, took.channels_before, took.channels_after, tuned)
