"""Engines side by side: the same model and pictures through each, in turn, in one process.

    python -m benchmarks.engines --bundle BUNDLE [--bundle ANOTHER] [--kinds openvino onnxruntime torch]
                                 [--pictures 40] [--device CPU] [--precision f32] [--json FILE]

Every bundle needs an ONNX graph for onnxruntime and torch; OpenVINO runs its own graph (INT8, where it is that
one) and, so that formats and engines are told apart, the ONNX graph as well. The golden pictures are judged
by each first, as a station does. Each picture goes through all of them before the next, so that whatever else
the machine does slows all alike: quote the ratios, and the load beside them.

A run is what the engine's port does: the uint8 picture in its buffer, its answer in ours.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.ports import Session
from agent.station.engines.engine import onnx_of
from agent.station.engines.table import ENGINES
from agent.station.meters import percentile
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.golden import Prover, golden_size, read_picture

WARM = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One engine with one graph."""

    bundle: str
    engine: str
    graph: str
    runtime: str
    golden: str
    """"pass", or how the golden pictures fail."""
    p50_ms: float
    p99_ms: float
    times: float
    """Median of this one's time over the first row's of its bundle, picture by picture."""
    apart: float
    """Largest difference of a score from that of OpenVINO on the ONNX graph."""


def candidates(bundle: Bundle, kinds: list[str]) -> Iterator[tuple[str, Bundle]]:
    """(kind, bundle with the graph that it shall run)."""
    for kind in kinds:
        yield kind, bundle
        if kind == "openvino" and not bundle.manifest.graph.endswith(".onnx"):
            graph = onnx_of(bundle).name
            yield kind, replace(bundle, manifest=bundle.manifest.model_copy(update={"graph": graph}))


def measure(bundle: Bundle, options: argparse.Namespace, cache: Path) -> list[Row]:
    """All engines on one bundle. One that cannot load it is left out, and said so."""
    size, opened = golden_size(bundle), []
    for kind, one in candidates(bundle, options.kinds):
        config = EngineConfig(kind=kind, precision=options.precision, threads=options.threads, cache_mb=0)
        graph = one.manifest.graph if kind == "openvino" else onnx_of(one).name
        try:
            loaded = ENGINES[kind](config, cache).load(one, [options.device], size)
        except EngineFailed as error:
            print(f"{bundle.id}: {kind} is left out: {error}")
            continue
        session = loaded.model.session()
        golden = Prover(one, session, SystemClock()).all() or "pass"
        opened.append((kind, graph, loaded.runtime, golden, session))
    times, apart = run([session for *_, session in opened], bundle, options.pictures)
    exact = next((i for i, o in enumerate(opened) if o[0] == "openvino" and o[1].endswith(".onnx")), 0)
    return [
        Row(
            bundle.id, *opened[i][:4],
            p50_ms=round(percentile(sorted(times[i]), 0.5), 2),
            p99_ms=round(percentile(sorted(times[i]), 0.99), 2),
            times=round(float(np.median(np.divide(times[i], times[0]))), 2),
            apart=round(apart[exact][i], 5),
        )
        for i in range(len(opened))
    ]  # fmt: skip


def run(sessions: list[Session], bundle: Bundle, pictures: int) -> tuple[list[list[float]], list[list[float]]]:
    """(ms by session and picture, largest difference of scores by pair of sessions)."""
    height, width = golden_size(bundle)
    golden = [read_picture(bundle.folder / g.file)[:height, :width] for g in bundle.manifest.golden]
    times: list[list[float]] = [[] for _ in sessions]
    apart = [[0.0] * len(sessions) for _ in sessions]
    for n in range(WARM + pictures):
        picture = np.roll(golden[n % len(golden)], n, axis=1)
        outputs = []
        for i, session in enumerate(sessions):
            session.inputs[0][:] = bundle.manifest.input.pad
            session.inputs[0][: picture.shape[0], : picture.shape[1]] = picture
            begun = time.perf_counter()
            output = session.run()[0]
            if n >= WARM:
                times[i].append((time.perf_counter() - begun) * 1000)
            outputs.append(np.array(output[:, 4:] if bundle.manifest.head == "raw" else output[..., 4]))
        for i, one in enumerate(outputs):
            for k, other in enumerate(outputs):
                apart[i][k] = max(apart[i][k], float(np.abs(one - other).max()))
    return times, apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, action="append", required=True)
    parser.add_argument("--kinds", nargs="+", default=["openvino", "onnxruntime"], choices=sorted(ENGINES))
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--device", default="CPU")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        rows = [row for folder in options.bundle for row in measure(read_bundle(folder), options, Path(scratch))]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {options.pictures} pictures")
    for row in rows:
        named = f"{row.bundle:16} {row.engine:12} {row.graph:12}"
        took = f"{row.p50_ms:8.2f} / {row.p99_ms:8.2f} ms, {row.times:.2f} x"
        print(f"{named} {took}  apart {row.apart:.5f}  golden: {row.golden}  [{row.runtime}]")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
