"""Mutated bundles against the reader of `.okng` files: how many are accepted (none may), how many crash it.

    python -m benchmarks.mutations                 10,000 of them; exit code 1 if one was accepted
    python -m benchmarks.mutations --count 500 --seed 7
    python -m benchmarks.mutations --every-bit     every single bit of it flipped, and every shorter length

Accepted is a file that `unpack` takes and that differs from the signed original in any bit, the same
contents in another form included. A crash is anything but BundleRefused. Left behind is any file in the
folder that it unpacks into, or beside it. The original is small, so that the harm hits everything in it.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import cv2
import numpy as np

from agent.errors import BundleRefused
from agent.station.models.archive import pack, unpack
from agent.station.models.bundle import MANIFEST
from agent.station.models.signing import SigningKey, Trust, key_id, new_key, sign_folder, text_of, trust_in
from benchmarks.harm.families import FAMILIES
from benchmarks.harm.original import Original

_IR = """<?xml version="1.0"?>
<net name="nothing" version="11">
\t<layers>
\t\t<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,3,32,32" element_type="f32"/></layer>
\t\t<layer id="1" name="c" type="Const" version="opset1"><data shape="64" offset="0" size="64"/></layer>
\t\t<layer id="2" name="y" type="Result" version="opset1"/>
\t</layers>
</net>
"""
_ONNX = b"\x08\x08\x3a\x0d\x0a\x09\x0a\x01x\x12\x01y\x22\x01A\x12\x00\x42\x04\x0a\x00\x10\x0d"
"""A model of one node, as protobuf."""


@dataclass(slots=True)
class Count:
    """What became of the mutated bundles of one family."""

    tried: int = 0
    accepted: int = 0
    crashed: int = 0
    left_behind: int = 0
    longest_ms: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)


def small_bundle(folder: Path, key: SigningKey) -> Path:
    """A signed bundle's folder with a file of every kind."""
    folder.mkdir(parents=True)
    picture = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    cv2.imwrite(str(folder / "golden-1.png"), picture)
    (folder / "model.xml").write_text(_IR)
    (folder / "model.bin").write_bytes(bytes(range(64)))
    (folder / "model.onnx").write_bytes(_ONNX)
    (folder / "evaluation.json").write_text('{"mAP50": 0.5}\n')
    (folder / "licence.txt").write_text("Apache-2.0\n")
    body = {
        "schema": "okng.bundle/1",
        "name": "small",
        "version": "1",
        "labels": ["open", "short"],
        "head": "raw",
        "input": {"width_px": 32, "height_px": 32},
        "graph": "model.xml",
        "variants": {"onnx": "model.onnx"},
        "threshold": 0.5,
        "golden": [{"file": "golden-1.png", "expected": [["open", 0.9, 4.0, 4.0, 20.0, 20.0]]}],
        "data": "none",
        "licence": "Apache-2.0",
        "files": {f.name: sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())},
    }
    (folder / MANIFEST).write_text(json.dumps(body, indent=1) + "\n")
    sign_folder(folder, key)
    return folder


def original(work: Path) -> tuple[Original, Trust]:
    """The signed original with what a forger may have: another key, and another bundle by the right key."""
    key, foreign = new_key(work / "key.pem"), new_key(work / "foreign.pem")
    folder = small_bundle(work / "small", key)
    packed = pack(folder, work / "small-1.okng")
    contents = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    return Original(packed.read_bytes(), contents, key, foreign), trust_in({"workshop": text_of(key.public)})


def try_out(start: Original, trust: Trust, work: Path, count: int, seed: int) -> dict[str, Count]:
    """`count` mutated bundles, the families in turn. The original must be taken, before and after."""
    counts = {name: Count() for name in FAMILIES}
    into, file = work / "in" / "models", work / "in" / "mutated.okng"
    into.mkdir(parents=True)
    _must_be_taken(start, trust, work / "before")
    random = Random(seed)
    names = list(FAMILIES)
    for number in range(count):
        name = names[number % len(names)]
        mutated = FAMILIES[name](random, start)
        while mutated == start.packed:
            mutated = FAMILIES[name](random, start)
        file.write_bytes(mutated)
        _try(file, into, trust, counts[name])
    _must_be_taken(start, trust, work / "after")
    return counts


def every_bit(start: Original, trust: Trust, work: Path) -> dict[str, Count]:
    """Each bit flipped alone, and the file cut at each length."""
    counts = {"each bit flipped": Count(), "cut at each length": Count()}
    into, file = work / "each" / "models", work / "each" / "mutated.okng"
    into.mkdir(parents=True)
    for bit in range(8 * len(start.packed)):
        mutated = bytearray(start.packed)
        mutated[bit // 8] ^= 1 << bit % 8
        file.write_bytes(mutated)
        _try(file, into, trust, counts["each bit flipped"])
    for length in range(len(start.packed)):
        file.write_bytes(start.packed[:length])
        _try(file, into, trust, counts["cut at each length"])
    return counts


def _must_be_taken(start: Original, trust: Trust, into: Path) -> None:
    file = into.with_suffix(".okng")
    file.write_bytes(start.packed)
    bundle = unpack(file, into, trust).bundle
    assert {f.name: f.read_bytes() for f in bundle.folder.iterdir()} == start.contents


def _try(file: Path, into: Path, trust: Trust, count: Count) -> None:
    count.tried += 1
    begun = time.perf_counter()
    try:
        unpack(file, into, trust)
    except BundleRefused as error:
        count.reasons[error.problems[0].what[:60]] += 1
    except Exception as error:  # that there is none is what is measured
        count.crashed += 1
        count.reasons[f"CRASH {type(error).__name__}: {error}"[:100]] += 1
    else:
        count.accepted += 1
        count.reasons["ACCEPTED"] += 1
    count.longest_ms = max(count.longest_ms, (time.perf_counter() - begun) * 1e3)
    count.left_behind += sorted(p.name for p in file.parent.rglob("*")) != ["models", file.name]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every-bit", action="store_true")
    parser.add_argument("--reasons", action="store_true", help="print why they were refused")
    options = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        start, trust = original(Path(name))
        if options.every_bit:
            counts = every_bit(start, trust, Path(name))
        else:
            counts = try_out(start, trust, Path(name), options.count, options.seed)
    print(f"a signed bundle of {len(start.packed)} bytes, key {key_id(start.key.public)}, seed {options.seed}")
    print(f"{'mutation':<32} {'tried':>6} {'accepted':>9} {'crashed':>8} {'left behind':>12} {'longest ms':>11}")
    for family, count in counts.items():
        row = (
            f"{count.tried:>6} {count.accepted:>9} {count.crashed:>8} {count.left_behind:>12} {count.longest_ms:>11.1f}"
        )
        print(f"{family:<32} {row}")
        for reason, times in count.reasons.most_common(6) if options.reasons else ():
            print(f"    {times:>5}  {reason}")
    every = list(counts.values())
    accepted, crashed, left = (sum(getattr(c, n) for c in every) for n in ("accepted", "crashed", "left_behind"))
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{sum(c.tried for c in every)} tried, {accepted} accepted, {crashed} crashed, {left} left something behind")
    print(f"{time.perf_counter() - begun:.0f} s, peak memory {memory_mb:.0f} MiB")
    return int(accepted + crashed + left > 0)


if __name__ == "__main__":
    sys.exit(main())
