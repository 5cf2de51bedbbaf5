"""What the shift's pages give to spreadsheets: CSV, sent as it is read."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from fastapi.responses import Response, StreamingResponse

from agent.store.challenges import StoredRun
from agent.web.shift.desk import ShiftDesk

PAGE = 2000


def hold_csv(shift: ShiftDesk, run: StoredRun) -> Response:
    """The parts to hold after a failed run; times in the plant's zone, ISO 8601."""

    def rows() -> Iterator[Sequence[object]]:
        yield "record", "part_id", "outcome", "captured", "lane", "run"
        after = 0
        while found := shift.held(run.id, after, PAGE):
            for part in found:
                at = shift.local(part.captured_utc_us).isoformat(timespec="milliseconds")
                yield part.id, part.part_id, str(part.outcome), at, run.lane, run.id
            after = found[-1].id

    return csv_of(f"hold-{run.lane}-run{run.id}.csv", rows())


def csv_of(name: str, rows: Iterable[Sequence[object]]) -> Response:
    """A download; a cell that a spreadsheet would take for a formula is text."""

    def lines() -> Iterator[str]:
        for row in rows:
            line = io.StringIO()
            csv.writer(line).writerow([_plain(cell) for cell in row])
            yield line.getvalue()

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell
