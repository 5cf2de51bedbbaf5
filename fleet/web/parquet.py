"""Rows as a Parquet file (zstd): typed columns, times in UTC."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING

from agent.errors import OkngError
from fleet.web.tables import Column, Row

if TYPE_CHECKING:
    import pyarrow as pa

GROUP = 50_000
"""Rows in a row group: so many are in memory at a time."""


class TooMany(OkngError):
    """More rows than one file may have."""


def write_parquet(out: IO[bytes], columns: Sequence[Column], rows: Iterable[Row], most: int) -> None:
    """Raises TooMany for more than `most` rows, and what the rows raise."""
    import pyarrow.parquet as pq  # half a second: only who asks for a file waits for it

    schema, left, turn = _schema(columns), most, iter(rows)
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := tuple(islice(turn, GROUP)):
            left -= len(group)
            if left < 0:
                raise TooMany(f"more than {most:,} rows: choose a shorter time or a smaller place")
            writer.write_table(_table(schema, group))


def _schema(columns: Sequence[Column]) -> "pa.Schema":
    import pyarrow as pa

    types = {"text": pa.string(), "moment": pa.timestamp("ms", tz="UTC"), "count": pa.int64(), "number": pa.float64()}
    return pa.schema([pa.field(column.name, types[column.kind]) for column in columns])


def _table(schema: "pa.Schema", rows: Sequence[Row]) -> "pa.Table":
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )
