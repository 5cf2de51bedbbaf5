"""Mean average precision as COCO defines it, by faster-coco-eval (numpy and its own C++, Apache-2.0).

101 recall points, mean over the classes that have defects, suppression class by class (as the look
does it), at most `MOST` detections a picture of a class (COCO's own limit of 100 is for its own pictures).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import OkngError
from training.evaluate.values import Seen

MOST = 300


@dataclass(frozen=True, slots=True)
class Precision:
    """Mean average precision, 0..1; None where there is not one defect."""

    map50: float | None
    map75: float | None
    map50_95: float | None
    by_class: Mapping[str, Mapping[str, float]]
    """label -> {"map50": ..., "map50_95": ...}, of the classes that have defects."""
    measured_by: str
    """Library and version."""
    most_detections: int = MOST


def library() -> str:
    """Name and version of what measures. Raises OkngError where it is not there."""
    try:
        import faster_coco_eval  # type: ignore[import-untyped]
    except ImportError as error:
        raise OkngError("mAP needs the extra measure: pip install 'okng[measure]' (faster-coco-eval)") from error
    return f"faster-coco-eval {faster_coco_eval.__version__}"


def precision(seen: Sequence[Seen], labels: Sequence[str]) -> Precision:
    """mAP of what was found. Raises OkngError where the library is not there."""
    name = library()
    if not any(one.truth for one in seen):
        return Precision(None, None, None, {}, name)
    table = _evaluated(sorted(seen, key=lambda one: one.name), labels)
    by_class = {
        label: {"map50": _mean(table[0, :, i]), "map50_95": _mean(table[:, :, i])}
        for i, label in enumerate(labels)
        if not math.isnan(_mean(table[:, :, i]))
    }
    return Precision(_mean(table[0]), _mean(table[5]), _mean(table), by_class, name)


def _evaluated(seen: Sequence[Seen], labels: Sequence[str]) -> Any:
    """(10 IoU from 0.50 to 0.95, 101 recalls, classes) of precision; -1 for a class without defects."""
    from faster_coco_eval import COCO, COCOeval_faster

    truth, found = COCO(_truth(seen, labels)), _found(seen, labels)
    judge = COCOeval_faster(truth, truth.loadRes(found) if found else COCO(_truth((), labels)), iouType="bbox")
    judge.params.maxDets = [1, 10, MOST]
    judge.params.imgIds = list(range(1, len(seen) + 1))
    judge.params.catIds = list(range(1, len(labels) + 1))
    judge.evaluate()
    judge.accumulate()
    return judge.eval["precision"][:, :, :, 0, -1]


def _mean(precisions: Any) -> float:
    counted = precisions[precisions > -1]
    return float(counted.mean()) if counted.size else math.nan


def _truth(seen: Sequence[Seen], labels: Sequence[str]) -> dict[str, Any]:
    index = {label: i + 1 for i, label in enumerate(labels)}
    boxes = [(i + 1, box, 0) for i, one in enumerate(seen) for box in one.truth]
    # COCO's word for "neither this nor what is found on it counts" is a crowd.
    boxes += [(i + 1, box, 1) for i, one in enumerate(seen) for box in one.beyond]
    return {
        "info": {},
        "images": [{"id": i + 1, "file_name": one.name, "width": 0, "height": 0} for i, one in enumerate(seen)],
        "categories": [{"id": i, "name": label} for label, i in index.items()],
        "annotations": [
            {
                "id": n + 1,
                "image_id": picture,
                "category_id": index[box.label],
                "bbox": [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1],
                "area": (box.x2 - box.x1) * (box.y2 - box.y1),
                "iscrowd": crowd,
            }
            for n, (picture, box, crowd) in enumerate(boxes)
        ],
    }


def _found(seen: Sequence[Seen], labels: Sequence[str]) -> list[dict[str, Any]]:
    index = {label: i + 1 for i, label in enumerate(labels)}
    return [
        {
            "image_id": i + 1,
            "category_id": index[d.label],
            "bbox": [d.x1, d.y1, d.x2 - d.x1, d.y2 - d.y1],
            "score": d.score,
        }
        for i, one in enumerate(seen)
        for d in one.found
    ]
