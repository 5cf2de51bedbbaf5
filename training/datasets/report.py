"""What `check` found, for people and for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from training.datasets.values import Finding, Severity

SHOWN = 8
"""Findings of one code that are printed; the others are counted, and stand in the JSON file."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread: 5th, 50th and 95th percentile."""

    p5: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Split:
    """What one split holds."""

    pictures: int
    bad: int
    good: int
    """Known to be good: said so, or labelled and empty."""
    unknown: int
    boxes: int
    groups: int
    """Different groups; 0 where there are none."""


@dataclass(frozen=True, slots=True)
class Class:
    """One label."""

    boxes: Mapping[str, int]
    """By split."""
    pictures: int
    longest_px: Spread | None
    """Of the boxes' longest sides; None without boxes."""
    shortest_px: Spread | None


@dataclass(frozen=True, slots=True)
class Report:
    """A data set, counted and checked."""

    root: str
    kind: str
    splits: Mapping[str, Split]
    classes: Mapping[str, Class]
    sizes: Mapping[str, int]
    """"640 x 640" -> pictures."""
    references: int
    """Pictures with a golden picture."""
    findings: tuple[Finding, ...]
    facts: Mapping[str, object]

    @property
    def errors(self) -> int:
        return sum(f.severity is Severity.ERROR for f in self.findings)

    @property
    def warnings(self) -> int:
        return sum(f.severity is Severity.WARNING for f in self.findings)

    @property
    def ok(self) -> bool:
        """Whether it may be trained on: no errors."""
        return not self.errors

    def as_json(self) -> dict[str, object]:
        """For a JSON file."""
        return asdict(self) | {"errors": self.errors, "warnings": self.warnings, "ok": self.ok}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.root}: {self.kind}, {sum(s.pictures for s in self.splits.values())} pictures"
        for name, one in self.splits.items():
            groups = f", {one.groups} groups" if one.groups else ""
            parts = f"{one.bad} bad, {one.good} good, {one.unknown} not known"
            yield f"  {name or '(no split)':10} {one.pictures:7} pictures: {parts}; {one.boxes} boxes{groups}"
        shown = sorted(self.sizes.items(), key=lambda item: -item[1])
        more = f", {len(shown) - 4} more sizes" if len(shown) > 4 else ""
        yield "  sizes: " + (", ".join(f"{n} of {size} px" for size, n in shown[:4]) or "none") + more
        if self.references:
            yield f"  {self.references} pictures with their golden picture"
        if self.classes:
            yield from self._class_lines()
        for key, value in self.facts.items():
            yield f"  {key}: {value}"
        yield from self._finding_lines()
        yield f"{self.errors} error(s), {self.warnings} warning(s)"

    def _class_lines(self) -> Iterator[str]:
        wide = max(map(len, self.classes), default=5)
        splits = [name for name in self.splits if any(name in one.boxes for one in self.classes.values())]
        head = "".join(f"{name or '-':>9}" for name in splits)
        yield f"  {'class':{wide}}{head}  pictures   longest side, px (5, 50, 95 %)"
        for label, one in self.classes.items():
            counts = "".join(f"{one.boxes.get(name, 0):9}" for name in splits)
            side = one.longest_px
            sides = f"{side.p5:9.0f} {side.p50:7.0f} {side.p95:7.0f}" if side is not None else "        -"
            yield f"  {label:{wide}}{counts}{one.pictures:10} {sides}"

    def _finding_lines(self) -> Iterator[str]:
        counts = Counter((f.severity, f.code) for f in self.findings)
        left = dict.fromkeys(counts, SHOWN)
        for severity in Severity:
            for finding in self.findings:
                key = (finding.severity, finding.code)
                if finding.severity is not severity or not left[key]:
                    continue
                left[key] -= 1
                yield str(finding)
                if not left[key] and counts[key] > SHOWN:
                    yield f"{severity}: ... and {counts[key] - SHOWN} more of {finding.code}"
