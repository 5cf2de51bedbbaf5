"""What a bundle says of itself, as lines for a person. A stranger's texts are shown, never obeyed."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.station.models.bundle import Manifest, Promise

_MOST_FIGURES = 60
_MOST_CHARACTERS = 160


def describe(manifest: Manifest, digest: str, signature: str, sizes: Mapping[str, int]) -> str:
    """Everything a person decides by, a line each. `sizes`: bytes by file."""
    rows = [*_model(manifest), ("signature", signature), ("sha256", f"{digest} (of manifest.json: the model's hash)")]
    lines = [f"{manifest.name}-{manifest.version}"]
    lines += [f"  {name:<11} {clean(value)}" for name, value in rows]
    lines.append(f"  files       {len(sizes)}, {sum(sizes.values())} bytes")
    lines += [f"    {size:>12}  {clean(name)}" for name, size in sorted(sizes.items())]
    figures = list(_flat(manifest.figures, ""))
    lines += ["  figures"] if figures else []
    lines += [f"    {clean(name)}: {clean(value)}" for name, value in figures[:_MOST_FIGURES]]
    if len(figures) > _MOST_FIGURES:
        lines.append(f"    and {len(figures) - _MOST_FIGURES} more: --json shows them")
    return "\n".join(lines)


def clean(text: str) -> str:
    """Text of a stranger for a terminal: on one line, of a bounded length, no control characters."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: _MOST_CHARACTERS + 1])
    return shown if len(shown) <= _MOST_CHARACTERS else shown[: _MOST_CHARACTERS - 1] + "…"


def _model(manifest: Manifest) -> Iterator[tuple[str, str]]:
    there = manifest.input
    size = f"{there.width_px} x {there.height_px} px{', or others' if there.dynamic else ''}"
    yield "pipeline", manifest.pipeline
    yield "labels", ", ".join(manifest.labels)
    others = [f"{label} {limit:g}" for label, limit in sorted(manifest.thresholds.items())]
    yield "thresholds", "; ".join([f"{manifest.threshold:g}", *others])
    yield "promise", _promise(manifest.promise)
    yield "input", f"{size}, {there.colour}; head {manifest.head}"
    graphs = [f"{precision}: {file}" for precision, file in sorted(manifest.variants.items())]
    yield "graphs", "; ".join([f"{manifest.graph} judges", *graphs])
    yield "golden", _golden(manifest)
    yield "data", manifest.data
    yield "licence", manifest.licence


def _golden(manifest: Manifest) -> str:
    if not manifest.golden:
        return "none: it cannot prove itself"
    expected = sum(len(golden.expected) for golden in manifest.golden)
    said = f"{len(manifest.golden)} pictures, {expected} things to be found on them"
    return said if manifest.proves else f"{said}: it cannot prove itself"


def _promise(promise: Promise | None) -> str:
    if promise is None:
        return "none"
    what = {"escape": "escapes at most", "miss": "missed defects at most"}[promise.kind]
    said = f"{what} {promise.limit:.2%} with {promise.confidence:.0%} confidence, by {promise.parts} bad parts"
    if promise.groups:
        said += f" of {', '.join(promise.groups)}"
    if promise.overkill is not None:
        cost = promise.overkill
        said += f"; overkills {cost.measured:.2%} ({cost.low:.2%} to {cost.high:.2%}) of {cost.parts} good parts"
    return f"{said}; {promise.method} ({promise.source})"


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}".lstrip("."))
    else:
        yield name, str(value)
