"""Rows as a CSV file that spreadsheets open as it is meant."""

import csv
import io
from collections.abc import Iterable, Sequence

from fastapi.responses import Response

BOM = "\N{BYTE ORDER MARK}"
"""Without it Excel takes the file for one in the machine's old code page."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as a text: it came from outside."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def written(rows: Iterable[Sequence[object]]) -> str:
    """RFC 4180: commas, quotes where needed, CR LF."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def csv_answer(name: str, rows: Iterable[Sequence[object]]) -> Response:
    """A small file, whole."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(BOM + written(rows), media_type="text/csv; charset=utf-8", headers=headers)
