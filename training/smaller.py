"""Smaller and faster beyond plain quantisation: quantisation-aware training, and distillation from a teacher.

Quantisation-aware: B. Jacob et al., arXiv:1712.05877. The raw head is trained a little further with INT8's
rounding simulated (nncf's fake quantisers, their ranges held), so that the weights come to lie where rounding
does no harm. Exported are the weights alone; `training.quantise` then finds the ranges anew, so that a model
goes to INT8 by one way only, whatever its history.

Distillation: the student's feature maps are pulled towards a larger teacher's while it trains (Ultralytics'
`distill_model`): it is a part of `training.fit` and costs nothing afterwards.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from training.raw import boxes_and_scores, fused, labels, load, save
from training.tune import Tuned, Tuning, calibration_batches, tune

Say = Callable[[str], None]

RATE = 2e-5
"""Of quantisation-aware training: the weights are to move by roundings, not to learn anew."""
CALIBRATION_BATCHES = 32


def quantisation_aware(weights: Path, to: Path, how: Tuning, say: Say = print) -> Tuned:
    """Trains `weights` (.pt) further under simulated INT8 and writes what came of it as `to` (.pt).

    nncf compiles its fake quantisers with the machine's C++ compiler where there is one, else they are slow.
    """
    # Compiling takes minutes on a busy machine, and nncf would give up after 60 s.
    os.environ.setdefault("NNCF_EXTENSION_LOAD_TIMEOUT", "900")
    import nncf
    import torch

    nncf.set_log_level(logging.ERROR)
    how = replace(how, bf16=False)
    detector = fused(load(weights))
    raw = boxes_and_scores(detector).eval()
    for parameter in raw.parameters():
        parameter.requires_grad_(True)
    given = calibration_batches(how, to.parent, CALIBRATION_BATCHES)
    with torch.no_grad():
        ignored = _box_convolutions(raw, given[0], len(detector.model) - 1)
    simulated = nncf.quantize(
        raw,
        nncf.Dataset(given),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(given),
        ignored_scope=nncf.IgnoredScope(names=ignored),
    )
    for name, parameter in simulated.named_parameters():
        parameter.requires_grad_("hooks" not in name and parameter.is_floating_point())
    tuned = tune(detector, simulated, how, to.parent, say)
    trained = {name: value for name, value in simulated.state_dict().items() if "hooks" not in name}
    missing = detector.load_state_dict(trained, strict=False).missing_keys
    if any(name.endswith("weight") for name in missing):
        raise OkngError(f"nncf has named the layers otherwise: {missing[0]} did not come back")
    save(detector, to)
    return tuned


def _box_convolutions(raw: Any, pictures: Any, head: int) -> list[str]:
    """nncf's names of the operations of the head's box branch: its convolutions, found by their weights."""
    import copy

    from nncf.torch.function_hook import wrap_model
    from nncf.torch.function_hook.nncf_graph.nncf_graph_builder import build_nncf_graph

    graph = build_nncf_graph(wrap_model(copy.deepcopy(raw)), pictures)
    found = {
        user.node_name
        for node in graph.get_all_nodes()
        if node.node_name.startswith(f"model.{head}.cv2.")
        for user in graph.get_next_nodes(node)
    }
    return sorted(found)


def from_teacher(teacher: Path, student_labels: int) -> Mapping[str, object]:
    """Arguments of `training.fit` that distil from `teacher` (.pt).

    Raises OkngError where the teacher is no detector, or one that was trained on other labels: its scores
    weigh what is learnt, so a teacher of another task teaches to look elsewhere.
    """
    known = labels(load(teacher))
    if len(known) != student_labels:
        raise OkngError(f"teacher {teacher}: {len(known)} labels, the data set has {student_labels}; train it on these")
    return {"distill_model": str(teacher.resolve())}
