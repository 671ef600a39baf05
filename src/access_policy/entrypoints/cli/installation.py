"""The installation on this machine: its settings, its keys, and how commands that use them end.

A command imports the service's libraries when it runs, so that help and completion need none of them.
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from access_policy.application.ports.identity import Role

if TYPE_CHECKING:
    from access_policy.settings import Settings

Answer = TypeVar("Answer")

Data = Annotated[Path | None, typer.Option(help="Directory of the SQLite files and keys [default: ./data]")]
Http = Annotated[str | None, typer.Option(help="Where the HTTP API listens [default: 127.0.0.1:8000]")]
Ocpp = Annotated[str | None, typer.Option(help="Where chargers connect [default: 127.0.0.1:9000]")]


def signed_token(data: Path, tenant: str, role: Role) -> str:
    """Return a token that is valid for some minutes, signed with the installation's keys. Ends the command if there are
    no keys."""
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens
    from access_policy.domain.errors import Refused

    if not (data / "keys").is_dir():
        refuse(ValueError(f"there are no keys in {data / 'keys'}; name the service's directory with --keys-of"))
    try:
        tokens = open_embedded_tokens(data / "keys", SystemClock())
        return tokens.issue(tenant, role, subject="cli", ttl=timedelta(minutes=10))
    except (ValueError, Refused, KeyFileUnsafe, OSError) as error:
        refuse(error)


def settings_of(**flags: object) -> Settings:
    """Return the settings of the environment with these flags. Ends the command with status 2 if one is invalid."""
    from pydantic import ValidationError

    from access_policy.settings import Settings

    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        typer.echo(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", err=True)
        raise typer.Exit(2) from error


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run the work. An error that the operator can fix is printed as one line; any other error is a bug and shows its
    traceback."""
    from access_policy.entrypoints.processes import loops
    from access_policy.entrypoints.processes.failures import CannotRun, explained

    try:
        with explained():
            return loops.run(work)
    except CannotRun as failure:
        refuse(failure)


def refuse(error: Exception) -> NoReturn:
    typer.echo(f"access-policy: {error}", err=True)
    raise typer.Exit(1) from error
