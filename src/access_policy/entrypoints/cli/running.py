"""`serve`, `token` and the demo: commands that run on the machine of the service itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from access_policy.application.ports.identity import NO_TENANT, Identity, Role
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.cli.installation import Data, Http, Ocpp, refuse, run, settings_of
from access_policy.entrypoints.durations import span_of
from access_policy.process_roles import ProcessRole

if TYPE_CHECKING:
    from access_policy.settings import Settings

app = typer.Typer()


@app.command()
def serve(
    data: Data = None,
    http: Http = None,
    ocpp: Ocpp = None,
    role: Annotated[
        list[ProcessRole] | None, typer.Option(help="What this process does if several share one store [default: all]")
    ] = None,
    instance: Annotated[str | None, typer.Option(help="Name of this process among several")] = None,
    single_process: Annotated[
        bool, typer.Option("--single-process", help="Run one process instead of a gateway and an office")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Add a demo depot and simulated chargers")] = False,
) -> None:
    """Run the service until SIGTERM or Ctrl-C: a gateway for the chargers and an office for the rest, or one part with
    --role."""
    from rich.console import Console

    from access_policy.entrypoints.processes.logs import configure_logs

    roles = ",".join(role) if role else None
    flags = {"data": data, "http": http, "ocpp": ocpp, "roles": roles, "instance": instance}
    settings = settings_of(**flags)
    if demo:
        _require_demo_extra()
        from access_policy.entrypoints.demo.run import serve_demo

        configure_logs(settings, process="demo", quiet=True)
        settings = settings.model_copy(update={"oidc_issuer": None})  # the demo signs its own tokens
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
        str | None, typer.Option(help="The tenant of the token; leave it out with --role installation")
    ] = None,
    depot: Annotated[
        list[str] | None,
        typer.Option(help="Limit the token to this depot; repeatable [default: all depots of the tenant]"),
    ] = None,
    data: Data = None,
    subject: Annotated[str, typer.Option(help="Who uses it; recorded with every command")] = "operator",
    ttl: Annotated[str, typer.Option(help="How long it is valid, such as 1h, 30m or 7d")] = "1h",
) -> None:
    """Print only a bearer token, signed with the embedded key of the data directory."""
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.identity.embedded import KeyFileUnsafe, open_embedded_tokens
    from access_policy.domain.errors import Refused

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
    data: Annotated[Path | None, typer.Option(help="Where to keep the demo's data [default: nowhere]")] = None,
) -> None:
    """Run the demo for about a minute, check its results, and exit with 0 or 1."""
    _require_demo_extra()
    from rich.console import Console

    from access_policy.entrypoints.demo.run import demo_once as run_once
    from access_policy.entrypoints.processes.logs import configure_logs

    settings = settings_of(data=data, http="127.0.0.1:0", ocpp="127.0.0.1:0")
    configure_logs(settings, process="demo", quiet=True)
    if not run(run_once(settings, Console(), keep=data is not None)):
        raise typer.Exit(1)


def _require_embedded_key(settings: Settings) -> None:
    """End the command with one line if the service does not accept tokens of its embedded key."""
    if settings.oidc_issuer is not None:
        refuse(ValueError(f"the service accepts only tokens of {settings.oidc_issuer}; get one there"))


def _require_demo_extra() -> None:
    """End the command with one line if the simulated chargers are not installed."""
    from access_policy.entrypoints.demo import DemoExtraMissing, require_demo_extra

    try:
        require_demo_extra()
    except DemoExtraMissing as error:
        refuse(error)


async def _serve(settings: Settings) -> None:
    from access_policy.entrypoints.processes.safety import check_issuer, refuse_unsafe
    from access_policy.entrypoints.processes.service import Service

    refuse_unsafe(settings)
    await check_issuer(settings)
    await Service(settings).run(_say_ready)


def _supervise(settings: Settings, flags: Mapping[str, object]) -> None:
    import asyncio

    from access_policy.entrypoints.processes.failures import CannotRun, explained
    from access_policy.entrypoints.processes.listening import must_be_free
    from access_policy.entrypoints.processes.safety import check_issuer, refuse_unsafe
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
    """Print a one-time link to the console. The service also runs without a link; `login-link` prints another."""
    from access_policy.entrypoints.processes.failures import CannotRun, explained
    from access_policy.entrypoints.processes.one_time_links import one_time_link, qr_code

    admin = Identity(tenant_id=TenantId(settings.console_tenant), role=Role.ADMIN, subject=ActorId("operator"))
    try:
        with explained():
            url = await one_time_link(settings, admin, port)
    except CannotRun as trouble:
        logging.getLogger(__name__).warning("the one-time link to the console cannot be made: %s", trouble)
        return
    print(f"Console   {url}   (once, within ten minutes)\n{qr_code(url)}", flush=True)
