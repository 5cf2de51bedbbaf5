"""What a model takes: time a stage, memory, bytes on disk."""

import os
import platform
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from agent.machine import read_machine
from agent.station.meters import percentile
from agent.station.models.bundle import Bundle
from agent.version import __version__
from pipelines.values import Stages
from training.evaluate.eye import Eye, Shown

TIMED = 200
"""Pictures that the times are of."""
WARM = 10
"""Pictures before them that are not counted, where there are more than twice as many."""
_STAGES = {"quality_ms": "quality", "prepare_ms": "prepare", "infer_ms": "infer", "decode_ms": "decode",
           "judge_ms": "judge", "total_ms": "total"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class StageTime:
    """ms."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one part, pictures already decoded, one after the other, detections kept as a station keeps them."""

    stages: Mapping[str, StageTime]
    """quality, prepare (letterbox; alignment too), infer, decode, judge; total is all of them."""
    pictures: int
    peak_mb: float
    """Resident memory of this process at its highest, so far; with all that the evaluation itself keeps."""
    model_mb: float
    """What loading and compiling the model added to it."""
    runtime: str
    threads: int
    """Asked of the device, 0: its own choice."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int
    load: float
    """Mean number of runnable processes in the last minute, at the end: above the cores, times are too long."""
    software: str
    python: str


def cost(eye: Eye, pictures: Iterable[Shown], model_mb: float, threads: int) -> Cost:
    """Time the station's path. Each picture is judged twice and the second time counts.

    A station meets its reference once and then has it ready; here every picture may bring its own.
    """
    taken: list[Stages] = []
    for shown in islice(pictures, WARM + TIMED):
        eye.judge(shown.pixels, shown.reference)
        taken.append(eye.judge(shown.pixels, shown.reference)[0].stages)
    taken = taken[WARM:] if len(taken) > 2 * WARM else taken
    return Cost(
        stages={name: _time([getattr(s, field) for s in taken]) for field, name in _STAGES.items()},
        pictures=len(taken),
        peak_mb=peak_mb(),
        model_mb=model_mb,
        runtime=eye.runtime,
        threads=threads,
    )


def _time(taken: list[float]) -> StageTime:
    ordered = sorted(taken)
    return StageTime(round(percentile(ordered, 0.5), 3), round(percentile(ordered, 0.99), 3))


def peak_mb() -> float:
    """Highest resident memory of this process, MB (getrusage(2): kB on Linux)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, 1)


def machine() -> Machine:
    """This machine, now."""
    return Machine(
        cpu=read_machine().cpu or platform.machine(),
        cores=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        software=f"okng {__version__}",
        python=platform.python_version(),
    )


def file_bytes(bundle: Bundle) -> dict[str, int]:
    """Bytes of the bundle and of each of its graphs with its weights, by precision."""
    manifest = bundle.manifest
    graphs = {"graph": manifest.graph} | {k: v for k, v in manifest.variants.items() if v != manifest.graph}
    sizes = {name: _size(bundle, graph) for name, graph in graphs.items()}
    return {"bundle": sum((bundle.folder / name).stat().st_size for name in manifest.files), **sizes}


def _size(bundle: Bundle, graph: str) -> int:
    names = [graph, graph.removesuffix(".xml") + ".bin"] if graph.endswith(".xml") else [graph]
    return sum((bundle.folder / name).stat().st_size for name in names if name in bundle.manifest.files)
