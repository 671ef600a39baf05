"""The command line: an operator's commands, which call the HTTP API, and the commands that run the service.

Exit status 0: done, 1: refused or failed, 2: usage, 130: interrupted.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from typer.core import TyperGroup

from access_policy import __version__
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.cli import (
    access,
    agreements,
    api_keys,
    audit,
    backups,
    charger_calls,
    chargers,
    databases,
    depots,
    doctor,
    enrolment,
    exceptions,
    login_link,
    overrides,
    overview,
    profiles,
    registry,
    rules,
    running,
    schedules,
    tenant_data,
    tenants,
    vehicles,
    watch,
    webhooks,
    what_if,
)
from access_policy.entrypoints.cli.session import Session

_ANYWHERE = ("--json",)  # people write it at the end, scripts at the beginning


class _Root(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = args[: args.index("--")] if "--" in args else args
        hoisted = [each for each in options if each in _ANYWHERE]
        kept = [each for each in options if each not in _ANYWHERE]
        return super().parse_args(ctx, [*hoisted, *kept, *args[len(options) :]])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort):  # click raises Abort at a prompt
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Switches a depot's chargers between freevend and managed access, and decides who may charge.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"access-policy {__version__}")
        raise typer.Exit


@app.callback()
def connect(
    ctx: typer.Context,
    url: Annotated[
        str, typer.Option(envvar="ACCESS_POLICY_URL", help="Address of the service")
    ] = "http://127.0.0.1:8000",
    token: Annotated[
        str | None, typer.Option(envvar="ACCESS_POLICY_TOKEN", help="Bearer token", show_default=False)
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            "--as-tenant",
            "--tenant",
            envvar="ACCESS_POLICY_TENANT",
            help="Without --token: sign a token for this tenant",
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            "--keys-of", "--data", envvar="ACCESS_POLICY_DATA", help="Directory with the keys that sign the token"
        ),
    ] = "data",
    role: Annotated[Role, typer.Option(envvar="ACCESS_POLICY_ROLE", help="Role of the signed token")] = Role.OPERATOR,
    ca: Annotated[
        Path | None,
        typer.Option(envvar="ACCESS_POLICY_CA", help="CA certificate (PEM) of the service, beside those of the system"),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            envvar="ACCESS_POLICY_TIME_ZONE", help="Time zone of times without an offset [default: the depot's]"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the API's responses, for scripts; at any position")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit")
    ] = False,
) -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show must not fail
    session = Session(
        url=url,
        token=token,
        tenant=tenant,
        data=data,
        time_zone=time_zone,
        as_json=as_json,
        role=role,
        ca=ca,
        transport=ctx.obj if isinstance(ctx.obj, httpx.BaseTransport) else None,
    )
    ctx.call_on_close(session.close)
    if time_zone is not None:
        session.zone()  # end now if the name is unknown
    ctx.obj = session


chargers.app.registered_commands += charger_calls.app.registered_commands
for module in (running, login_link, databases, backups, doctor, overview, watch, access, what_if, overrides):
    app.registered_commands += module.app.registered_commands
app.add_typer(tenants.app, name="tenants", help="The tenants of the installation")
app.add_typer(tenant_data.app, name="tenant", help="Everything of one tenant, on the machine of the service")
app.add_typer(depots.app, name="depots", help="Sites with a time zone, and their holiday calendars")
app.add_typer(depots.calendars, name="calendars", help="Holiday calendars that the chargers of a depot share")
app.add_typer(chargers.app, name="chargers", help="Chargers and their status")
app.add_typer(profiles.app, name="profile", help="Your own capability profiles, which describe charger models")
app.add_typer(api_keys.app, name="api-keys", help="Keys for machines that call the API")
app.add_typer(rules.app, name="rules", help="Recurring windows with a mode")
app.add_typer(schedules.app, name="schedules", help="Schedules that many chargers of a depot follow")
app.add_typer(exceptions.app, name="exceptions", help="Whole days with another mode")
app.add_typer(agreements.app, name="agreements", help="Other fleets' contracts with the depot owner")
app.add_typer(vehicles.app, name="vehicles", help="The vehicle registry")
app.add_typer(registry.app, name="registry", help="Import and export the registry as CSV")
app.add_typer(enrolment.denied, name="denied", help="Denied identifiers that no vehicle has")
app.add_typer(
    enrolment.app, name="enrolment", help="Enrolment sessions: offer the next unknown identifier at a charger"
)
app.add_typer(access.sessions, name="sessions", help="Charging sessions")
app.add_typer(access.attempts, name="attempts", help="Access attempts, their decisions and sessions")
app.add_typer(audit.app, name="audit", help="Who changed and read what, and the chain that proves it")
app.add_typer(webhooks.app, name="webhooks", help="URLs to which events are delivered, signed")
