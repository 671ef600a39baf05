"""`serve`, `token` and the demo: commands that run on the machine of the service itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console

from access_policy.application.ports.identity import NO_TENANT, Identity, Role
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.http.fields import duration
from access_policy.entrypoints.processes import loops
from access_policy.entrypoints.processes.failures import CannotRun, explained
from access_policy.entrypoints.processes.listening import must_be_free
from access_policy.entrypoints.processes.logs import configure_logs
from access_policy.entrypoints.processes.safety import check_issuer, refuse_unsafe
from access_policy.settings import Settings
from access_policy.settings_values import ProcessRole

log = logging.getLogger(__name__)

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
    single_process: Annotated[
        bool, typer.Option("--single-process", help="Everything in one process instead of a gateway and an office")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="With a demo depot and simulated chargers")] = False,
) -> None:
    """Run the service until SIGTERM or Ctrl-C: a gateway for the chargers and an office for the rest, or with --role a part."""
    roles = ",".join(role) if role else None
    flags = {"data": data, "http": http, "ocpp": ocpp, "roles": roles, "instance": instance}
    settings = settings_of(**flags)
    if demo:
        _require_demo_extra()
        from access_policy.entrypoints.demo.run import serve_demo

        configure_logs(settings, process="demo", quiet=True)
        settings = settings.model_copy(update={"oidc_issuer": None})  # the demo signs tokens of its own
        run(serve_demo(settings, Console()))
    elif single_process or settings.roles != frozenset(ProcessRole):
        configure_logs(settings, process=settings.instance or "service")
        run(_serve(settings))
    else:
        configure_logs(settings, process="supervisor")
        _supervise(settings, flags)


@app.command()
def token(
    role: Annotated[Role, typer.Option(help="What its bearer may do")],
    tenant: Annotated[
        str | None, typer.Option(help="The tenant whose data the token is for; left out with --role installation")
    ] = None,
    depot: Annotated[
        list[str] | None, typer.Option(help="Only this depot, may be repeated; without it, all depots of the tenant")
    ] = None,
    data: Data = None,
    subject: Annotated[str, typer.Option(help="Who bears it; recorded with every command")] = "operator",
    ttl: Annotated[str, typer.Option(help="How long it is valid, such as 1h, 30m or 7d")] = "1h",
) -> None:
    """Print a bearer token signed with the embedded key of the data directory, and nothing else."""
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens

    settings = settings_of(data=data)
    _require_embedded_key(settings)
    if tenant is None and role is not Role.INSTALLATION:
        raise typer.BadParameter("name the tenant", param_hint="--tenant")
    try:
        tokens = open_embedded_tokens(settings.data / "keys", SystemClock())
        print(tokens.issue(tenant or NO_TENANT, role, subject=subject, ttl=span_of(ttl), depots=depot or None))
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
    configure_logs(settings, process="demo", quiet=True)
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


def _require_embedded_key(settings: Settings) -> None:
    """End the command with one line if the service accepts no tokens of its embedded key."""
    if settings.oidc_issuer is not None:
        refuse(ValueError(f"the service accepts tokens of {settings.oidc_issuer} only; get one there"))


def _require_demo_extra() -> None:
    """End the command with one line if the simulated chargers are not installed."""
    from access_policy.entrypoints.demo import DemoExtraMissing, require_demo_extra

    try:
        require_demo_extra()
    except DemoExtraMissing as error:
        refuse(error)


async def _serve(settings: Settings) -> None:
    from access_policy.entrypoints.processes.service import Service

    refuse_unsafe(settings)
    await check_issuer(settings)
    await Service(settings).run(_say_ready)


def _supervise(settings: Settings, flags: Mapping[str, object]) -> None:
    from access_policy.entrypoints.processes.supervisor import Supervisor, environment_of

    try:
        with explained():
            refuse_unsafe(settings)
            asyncio.run(check_issuer(settings))
        must_be_free(settings.http, "the HTTP API")
        must_be_free(settings.ocpp, "the OCPP server")
    except (CannotRun, OSError) as failure:
        refuse(failure)
    supervisor = Supervisor(environment_of(flags), drain_s=settings.drain_s)
    try:
        if not asyncio.run(supervisor.run(lambda ports: _say_where(settings, ports))):
            raise typer.Exit(1)
    except CannotRun as failure:
        refuse(failure)


async def _say_ready(service: object) -> None:
    from access_policy.entrypoints.processes.service import Service

    assert isinstance(service, Service)
    await _say_where(service.settings, service.ports())


async def _say_where(settings: Settings, ports: Mapping[str, int]) -> None:
    if "http" in ports:
        scheme = "http" if settings.http_tls_certificate is None else "https"
        print(f"HTTP API  {scheme}://{settings.http.reached_at}:{ports['http']}/v1   (documentation: /docs)")
    if "ocpp" in ports:
        scheme = "ws" if settings.ocpp_tls_certificate is None else "wss"
        print(f"Chargers  {scheme}://{settings.ocpp.reached_at}:{ports['ocpp']}/ocpp/{{charge_point_id}}")
    if settings.roles == {ProcessRole.PROJECTOR}:
        print("Read models are followed")
    if settings.roles == {ProcessRole.PUBLISHER}:
        print(f"Events are published to {settings.bus_name}")
    if settings.oidc_issuer is None:
        print(f"Token     access-policy token --tenant T --role admin --data {settings.data}", flush=True)
        if "http" in ports:
            await _say_link(settings, ports["http"])
    else:
        print(f"Tokens    of {settings.oidc_issuer}", flush=True)


async def _say_link(settings: Settings, port: int) -> None:
    """The service goes on without a link; `login-link` prints another."""
    from access_policy.entrypoints.processes.one_time_links import one_time_link, qr_code

    admin = Identity(tenant_id=TenantId(settings.console_tenant), role=Role.ADMIN, subject=ActorId("operator"))
    try:
        with explained():
            url = await one_time_link(settings, admin, port)
    except CannotRun as trouble:
        log.warning("there is no one-time link to the console: %s", trouble)
        return
    print(f"Console   {url}   (once, within ten minutes)\n{qr_code(url)}", flush=True)


def settings_of(**flags: object) -> Settings:
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
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
        raise ValueError(f"{text!r} is not a duration; write 1h, 30m or 7d")
    return span


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Print an error that the operator can mend as one line; let any other error show its traceback, since it is a bug."""
    try:
        with explained():
            return loops.run(work)
    except CannotRun as failure:
        refuse(failure)


def refuse(error: Exception) -> NoReturn:
    typer.echo(f"access-policy: {error}", err=True)
    raise typer.Exit(1) from error
