"""Save a response of the service as a file, or print it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.session import Session

Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to save [default: standard output]")]


def save(session: Session, content: bytes, file: Path | None) -> None:
    """Write the file and name it on standard error; without a file, print the content."""
    if file is None:
        sys.stdout.buffer.write(content)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        session.refuse(f"{file} cannot be written: {error.strerror}; name another file")
    session.err.print(f"saved {file} ({counted(len(content), 'byte')})", markup=False)
