"""Weights to go on training from, out of a bundle: the station keeps no .pt file, and needs none.

A bundle's floating point graph has the normalisation folded into its convolutions. They are put back into an
unfolded network whose normalisation then does nothing; what a few pictures show of each layer's output becomes its
statistics, so that the network gives the same answers and can be trained. The second, NMS-free head of YOLO26,
which a bundle does not have, starts as a copy of the first.
"""

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import OkngError
from agent.station.models.bundle import Bundle, read_bundle
from training.raw import save

ROOT = "__module."
"""What OpenVINO's names of a traced module begin with."""


def weights_of(bundle: Bundle, pictures: Sequence[Any], to: Path) -> Path:
    """The trained weights kept beside the bundle where they are still there and the same, else rebuilt as `to`.

    `pictures`: network inputs, (1, 3, side, side), float32, 0..1, of the data to be trained on.
    Raises OkngError where the bundle says not which network it is, or holds no floating point graph.
    """
    made = bundle.manifest.figures.get("workshop", {})
    kept = bundle.folder.parent / f"{bundle.id}.pt"
    if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == made.get("weights_sha256"):
        return kept
    network = made.get("network")
    if not isinstance(network, str):
        raise OkngError(f"{bundle.id}: its manifest does not say which network it is (figures.workshop.network)")
    exact = next((bundle.variant(p).graph for p in ("f32", "f16") if p in bundle.manifest.variants), None)
    if exact is None:
        raise OkngError(f"{bundle.id}: holds no floating point graph (variants f32 or f16); give --start FILE.pt")
    return save(rebuilt(exact, network, bundle.manifest.labels, pictures), to)


def find_bundle(active: Path | None, near: Path, models: Sequence[str]) -> Bundle:
    """The bundle that judged: `active`, or the first of `models` ("NAME-VERSION HASH") that lies as such in `near`."""
    if active is not None:
        return read_bundle(active)
    for told in models:
        name, _, digest = told.partition(" ")
        if (near / name / "manifest.json").is_file():
            bundle = read_bundle(near / name)
            if digest in ("", bundle.digest):
                return bundle
    known = ", ".join(m.split(" ")[0] for m in models) or "no model"
    raise OkngError(f"--from-review: the parts were judged by {known}; no such bundle in {near}: give --active BUNDLE")


def rebuilt(graph: Path, network: str, labels: Sequence[str], pictures: Sequence[Any]) -> Any:
    """An Ultralytics detector with the weights of an exported graph (.xml). Raises OkngError where it is another's."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(f"{network}.yaml", nc=len(labels), verbose=False)
    model.names = dict(enumerate(labels))
    convolutions = _convolutions(graph)
    modules = dict(model.named_modules())
    for name, (weight, bias) in convolutions.items():
        module = modules.get(name)
        if module is not None and ".cv3." in name:
            _widen(module, modules.get(f"{name.rpartition('.')[0]}.bn"), weight.shape)
        if module is None or tuple(module.weight.shape) != weight.shape:
            raise OkngError(f"{graph}: {name} does not fit into {network}: pruned, or another network")
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight))
        _place_bias(modules, name, module, torch.from_numpy(bias))
    _learn_statistics(model, set(convolutions), pictures)
    head = model.model[-1]
    if getattr(head, "one2one_cv2", None) is not None:
        head.one2one_cv2, head.one2one_cv3 = copy.deepcopy(head.cv2), copy.deepcopy(head.cv3)
    return model


def _widen(module: Any, norm: Any, shape: tuple[int, ...]) -> None:
    """The score branch is as wide as the labels of its first training asked for: made as the graph has it."""
    import torch

    if tuple(module.weight.shape) == shape:
        return
    module.out_channels = shape[0]
    if module.groups > 1:
        module.groups = module.in_channels = shape[0]
    else:
        module.in_channels = shape[1]
    module.weight = torch.nn.Parameter(torch.zeros(shape))
    if norm is not None:
        fresh = torch.nn.BatchNorm2d(shape[0], eps=norm.eps, momentum=norm.momentum)
        norm.num_features = shape[0]
        norm.weight, norm.bias = fresh.weight, fresh.bias
        norm.running_mean, norm.running_var = fresh.running_mean, fresh.running_var


def _convolutions(graph: Path) -> dict[str, tuple[Any, Any]]:
    """Module name -> (weight, bias), float32, of every convolution of a graph that `training.export` made."""
    import openvino as ov  # type: ignore[import-untyped]

    found: dict[str, tuple[Any, Any]] = {}
    for op in ov.Core().read_model(graph).get_ordered_ops():
        if op.get_type_name() not in ("Convolution", "GroupConvolution") or "/aten::" not in op.get_friendly_name():
            continue
        place = op.get_friendly_name().split("/aten::")[0]
        weight = _constant(op.input_value(1).get_node())
        if op.get_type_name() == "GroupConvolution":  # (groups, outputs of one, ...)
            weight = weight.reshape(-1, *weight.shape[2:])
        user = next(iter(op.output(0).get_target_inputs())).get_node()
        own = user.get_type_name() == "Add" and user.get_friendly_name().startswith(f"{place}/")
        bias = _constant(user.input_value(1).get_node()) if own else np.zeros(len(weight))  # folded away where it is 0
        found[place.removeprefix(ROOT)] = weight, bias.reshape(-1).astype(np.float32)
    if not found:
        raise OkngError(f"{graph}: holds no convolution named as an export of the workshop")
    return found


def _constant(node: Any) -> Any:
    while node.get_type_name() != "Constant":  # f16 is stored, then converted
        node = node.input_value(0).get_node()
    return np.array(node.data, np.float32)


def _place_bias(modules: dict[str, Any], name: str, module: Any, bias: Any) -> None:
    """Into the convolution, or into the normalisation behind it, which is made to do nothing else."""
    import torch

    with torch.no_grad():
        norm = modules.get(f"{name.rpartition('.')[0]}.bn") if name.endswith(".conv") else None
        if module.bias is not None:
            module.bias.copy_(bias)
        elif norm is not None:
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0 - norm.eps)
            norm.weight.fill_(1.0)
            norm.bias.copy_(bias)


def _learn_statistics(model: Any, names: set[str], pictures: Sequence[Any]) -> None:
    """Mean and variance of every convolution's output over the pictures, into its normalisation."""
    import torch

    sums: dict[str, list[Any]] = {}
    modules = dict(model.named_modules())
    norms = {name: modules[f"{name.rpartition('.')[0]}.bn"] for name in names if name.endswith(".conv")
             and f"{name.rpartition('.')[0]}.bn" in modules}  # fmt: skip

    def watch(name: str) -> Any:
        def seen(_module: Any, _given: Any, output: Any) -> None:
            flat = output.double().transpose(0, 1).flatten(1)
            row = sums.setdefault(name, [0.0, 0.0, 0])
            row[0], row[1], row[2] = row[0] + flat.sum(1), row[1] + (flat**2).sum(1), row[2] + flat.shape[1]

        return seen

    hooks = [modules[name].register_forward_hook(watch(name)) for name in norms]
    model.eval()
    with torch.no_grad():
        for picture in pictures:
            model(torch.from_numpy(np.asarray(picture, np.float32)))
        for name, norm in norms.items():
            total, squares, count = sums[name]
            mean = (total / count).float()
            variance = ((squares / count) - (total / count) ** 2).clamp(min=1e-6).float()
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.add_(mean)
    for hook in hooks:
        hook.remove()
