"""The child process of `parquet`: reads a report from standard input, and writes a Parquet file to standard output."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
import pyarrow
from pyarrow import parquet

TYPES: Final = {
    "text": pyarrow.string(),
    "date": pyarrow.date32(),
    "integer": pyarrow.int64(),
    "number": pyarrow.float64(),
    "instant": pyarrow.timestamp("us", tz="UTC"),
    "local": pyarrow.timestamp("us"),  # as shown by the depot's clock
}


def main() -> None:
    columns, *rows = (msgspec.json.decode(line) for line in sys.stdin.buffer)
    schema = pyarrow.schema([(name, TYPES[type_]) for name, type_ in columns])
    arrays = [_array(type_, [row[index] for row in rows]) for index, (_, type_) in enumerate(columns)]
    parquet.write_table(pyarrow.table(arrays, schema=schema), sys.stdout.buffer, compression="zstd")


def _array(type_: str, cells: Sequence[Any]) -> Any:
    match type_:
        case "date":
            cells = [None if cell is None else date.fromisoformat(cell) for cell in cells]
        case "instant":
            cells = [None if cell is None else datetime.fromisoformat(cell) for cell in cells]
        case "local":
            cells = [None if cell is None else datetime.fromisoformat(cell).replace(tzinfo=None) for cell in cells]
    return pyarrow.array(cells, TYPES[type_])


if __name__ == "__main__":
    main()
