"""The table at the end of a run: what each step cost and gained."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One step's model."""

    step: str
    bytes: int
    ms: float | None
    """Median of one inference on this machine's CPU through OpenVINO; all rows in turns on the same pictures."""
    map50: float | None
    """0..1, on the held-out pictures."""
    map50_95: float | None
    accuracy: float | None
    """Of parts, at the best single threshold of these very pictures."""
    seconds: float
    """That making it took."""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


HEAD = ("step", "MB", "of f32", "ms", "mAP50", "mAP50-95", "parts right", "made in", "note")


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The table as text, its head first. Sizes stand beside the first row's too."""
    whole = rows[0].bytes if rows else 0
    return [HEAD, *(_cells(row, whole) for row in rows)]


def _cells(row: Row, whole: int) -> tuple[str, ...]:
    return (
        row.step,
        f"{row.bytes / 1e6:.2f}" if row.bytes else "-",
        f"{100 * row.bytes / whole:.0f} %" if whole and row.bytes else "-",
        _number(row.ms, 1, 1),
        _number(row.map50, 100, 2),
        _number(row.map50_95, 100, 2),
        "-" if row.accuracy is None else f"{100 * row.accuracy:.2f} %",
        f"{row.seconds:.0f} s",
        row.note,
    )


def _number(value: float | None, factor: float, digits: int) -> str:
    return "-" if value is None else f"{factor * value:.{digits}f}"


def as_text(rows: Sequence[Row]) -> str:
    """For a terminal."""
    table = cells(rows)
    wide = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    lines = []
    for row in table:
        first, *middle, last = row
        inner = "  ".join(cell.rjust(w) for cell, w in zip(middle, wide[1:-1], strict=True))
        lines.append(f"{first.ljust(wide[0])}  {inner}  {last}".rstrip())
    return "\n".join(lines)


def as_markdown(rows: Sequence[Row]) -> str:
    """For a file."""
    head, *body = cells(rows)
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(HEAD) - 2) + "|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in body]
    return "\n".join(lines) + "\n"
