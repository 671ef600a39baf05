"""`serve`, `token` and the demo: what runs on the machine of the service itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.logging import RichHandler

from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.domain.errors import Refused
from access_policy.entrypoints.http.bodies import duration
from access_policy.settings import ProcessRole, Settings

Answer = TypeVar("Answer")

app = typer.Typer()

Data = Annotated[Path | None, typer.Option(help="Directory of the SQLite files and keys [default: ./data]")]
Http = Annotated[str | None, typer.Option(help="Where the HTTP API listens [default: 127.0.0.1:8000]")]
Ocpp = Annotated[str | None, typer.Option(help="Where chargers connect [default: 127.0.0.1:9000]")]


@app.command()
def serve(
    data: Data = None,
    http: Http = None,
    ocpp: Ocpp = None,
    role: Annotated[
        list[ProcessRole] | None, typer.Option(help="What this process does, for several on one store [default: all]")
    ] = None,
    instance: Annotated[str | None, typer.Option(help="Name of this process among several")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="With a demo depot and simulated chargers")] = False,
) -> None:
    """Run the service until SIGTERM or Ctrl-C: all of it in one process, or with --role a part of it."""
    settings = settings_of(data=data, http=http, ocpp=ocpp, roles=",".join(role) if role else None, instance=instance)
    _log_to_terminal(settings, quiet=demo)
    if demo:
        _require_demo_extra()
        from access_policy.entrypoints.demo.run import serve_demo

        run(serve_demo(settings, Console()))
    else:
        run(_serve(settings))


@app.command()
def token(
    role: Annotated[Role, typer.Option(help="What its bearer may do")],
    tenant: Annotated[
        str | None, typer.Option(help="The tenant whose data the token is for; left out with --role installation")
    ] = None,
    data: Data = None,
    subject: Annotated[str, typer.Option(help="Who bears it; recorded with every command")] = "operator",
    ttl: Annotated[str, typer.Option(help="How long it is valid, such as 1h, 30m or 7d")] = "1h",
) -> None:
    """Print a bearer token signed with the embedded key of the data directory, and nothing else."""
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens

    settings = settings_of(data=data)
    if tenant is None and role is not Role.INSTALLATION:
        raise typer.BadParameter("name the tenant", param_hint="--tenant")
    try:
        tokens = open_embedded_tokens(settings.data / "keys", SystemClock())
        print(tokens.issue(tenant or NO_TENANT, role, subject=subject, ttl=span_of(ttl)))
    except (ValueError, Refused, KeyFileUnsafe, OSError) as error:
        refuse(error)


@app.command("demo-once")
def demo_once(
    data: Annotated[Path | None, typer.Option(help="Where to keep what the demo makes [default: nowhere]")] = None,
) -> None:
    """Run the demo for about a minute, check what it should show, and exit with 0 or 1."""
    _require_demo_extra()
    from access_policy.entrypoints.demo.run import demo_once as run_once

    settings = settings_of(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0")
    _log_to_terminal(settings, quiet=True)
    if not run(run_once(settings, Console(), keep=data is not None)):
        raise typer.Exit(1)


def signed_token(data: Path, tenant: str, role: Role) -> str:
    """A token for some minutes, for who can read the installation's keys. Ends the command where there is none."""
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens

    if not (data / "keys").is_dir():
        refuse(ValueError(f"there are no keys in {data / 'keys'}; name the service's directory with --keys-of"))
    try:
        tokens = open_embedded_tokens(data / "keys", SystemClock())
        return tokens.issue(tenant, role, subject="cli", ttl=timedelta(minutes=10))
    except (ValueError, Refused, KeyFileUnsafe, OSError) as error:
        refuse(error)


def _require_demo_extra() -> None:
    """End the command with one line if the simulated chargers are not installed."""
    from access_policy.entrypoints.demo import DemoExtraMissing, require_demo_extra

    try:
        require_demo_extra()
    except DemoExtraMissing as error:
        refuse(error)


async def _serve(settings: Settings) -> None:
    from access_policy.entrypoints.processes.service import Service

    await Service(settings).run(_say_where)


def _say_where(service: object) -> None:
    from access_policy.entrypoints.processes.service import Service

    assert isinstance(service, Service)
    roles = service.settings.process_roles
    if ProcessRole.API in roles:
        print(f"HTTP API  http://127.0.0.1:{service.http_port}/v1   (documentation: /docs)")
    if ProcessRole.GATEWAY in roles:
        print(f"Chargers  ws://127.0.0.1:{service.ocpp_port}/ocpp/{{charge_point_id}}")
    if roles == {ProcessRole.PROJECTOR}:
        print("Read models are followed")
    if roles == {ProcessRole.PUBLISHER}:
        print(f"Events are published to {service.settings.bus_url.partition('?')[0]}")
    print(f"Token     access-policy token --tenant T --role admin --data {service.settings.data}", flush=True)


def settings_of(**flags: object) -> Settings:
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        typer.echo(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", err=True)
        raise typer.Exit(2) from error


def span_of(text: str) -> timedelta:
    """`90s`, `30m`, `1h`, `7d` or an ISO 8601 duration. Raises `ValueError`."""
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}.get(text[-1:].lower())
    if unit is not None and text[:-1].isdigit():
        return timedelta(**{unit: int(text[:-1])})
    span = duration(text)
    if span is None:
        raise ValueError(f"{text!r} is no span of time; write 1h, 30m or 7d")
    return span


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Errors that a person can do something about are one line; everything else is a bug and shows itself."""
    from eventsourcing.persistence import PersistenceError
    from sqlalchemy.exc import SQLAlchemyError

    from access_policy.adapters.event_stores.postgres import LosesEvents
    from access_policy.adapters.event_stores.sqlite import NotDurable
    from access_policy.adapters.identity.embedded import KeyFileUnsafe
    from access_policy.adapters.ocpp.transport.tls import TlsUnusable
    from access_policy.adapters.read_models.rebuilding import RebuildOvertaken
    from access_policy.adapters.secrets.key_files import KeyFileUnusable
    from access_policy.adapters.sql.migrations import MigrationNeeded
    from access_policy.application.ports.event_store import StoreUnavailable
    from access_policy.entrypoints.processes.safety import NotAllowed

    of_settings = (NotAllowed, TlsUnusable, KeyFileUnsafe, KeyFileUnusable, LosesEvents)
    of_stores = (NotDurable, MigrationNeeded, RebuildOvertaken, StoreUnavailable, PersistenceError, SQLAlchemyError)
    try:
        return asyncio.run(work)
    except* (*of_settings, *of_stores, OSError) as group:
        refuse(_first(group))


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, Exception)
    return first


def _log_to_terminal(settings: Settings, *, quiet: bool) -> None:
    level = "ERROR" if quiet and settings.log_level == "INFO" else settings.log_level
    handler = RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler], force=True)
    for noisy in ("websockets", "uvicorn", "asyncio", "botocore", "aiobotocore", "alembic"):
        logging.getLogger(noisy).setLevel("WARNING" if not quiet else "ERROR")


def refuse(error: Exception) -> NoReturn:
    typer.echo(f"access-policy: {error}", err=True)
    raise typer.Exit(1) from error
