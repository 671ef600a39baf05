"""The tree of commands of the command line. Deriving it from the signatures takes long, so it is done once per process."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer

from access_policy.entrypoints.cli.root import app


@cache
def commands_to_read() -> Any:
    """Return the root of all commands, for tests that only read them. Running a command changes it: it keeps, for example, the
    names of its help option."""
    return typer.main.get_command(app)
