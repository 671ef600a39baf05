"""The commands of the command line, derived from their signatures once for the tests of a process, which takes long."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer

from access_policy.entrypoints.cli.root import app


@cache
def commands_to_read() -> Any:
    """The root of all commands, for tests that read them and run none: a command keeps what its first run told it, such as the
    names of its option for help."""
    return typer.main.get_command(app)
