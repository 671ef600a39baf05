"""Parquet files, written by a short-lived child process.

Loading pyarrow holds the interpreter for a third of a second, and so does converting a long column. The process with the event
loop therefore never imports it (ADR 0044).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec

WRITER: Final = "access_policy.adapters.report_files.parquet_writer"
AT_A_TIME: Final = 2
TIMEOUT_S: Final = 120.0


class ParquetNotWritten(RuntimeError):
    """The child process failed or took too long."""


class ParquetFiles:
    """Writes at most `AT_A_TIME` files at once; further callers wait."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def file(self, columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Return a Parquet file. `columns` are names and types (of `parquet_writer.TYPES`), and are written even without rows.
        Raises `ParquetNotWritten`.
        """
        async with self._turns, _child() as child:
            sent = await asyncio.to_thread(_encoded, columns, rows)
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    written, said = await child.communicate(sent)
            except TimeoutError:
                raise ParquetNotWritten(f"the file was not written within {TIMEOUT_S:.0f} s") from None
        if child.returncode != 0:
            raise ParquetNotWritten(said.decode(errors="replace")[-500:])
        return written


@asynccontextmanager
async def _child() -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", WRITER, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield child
    finally:
        if child.returncode is None:  # cancelled, or too slow
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _encoded(columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Encode one line with the columns, and one line for each row."""
    encode, names = msgspec.json.encode, [name for name, _ in columns]
    body = bytearray(encode(columns))
    for row in rows:
        body += b"\n" + encode([row[name] for name in names])
    return bytes(body)
