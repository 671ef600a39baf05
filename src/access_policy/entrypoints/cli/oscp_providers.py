"""`access-policy oscp-providers`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.completion import Depot
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.identities import whole_id
from access_policy.entrypoints.cli.printing import columns, compact, detail, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

SHOWN = ("provider_id", "name", "state", "enabled", "there_until", "base_url")
KEPT = ("name", "heartbeat_interval_s", "enabled")
BOUND = ("group_id", "node_id", "voltage_v", "phases")

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="Whole id of the provider")]


@app.command("put")
def put_provider(
    ctx: typer.Context,
    depot_id: Depot,
    provider_id: Provider,
    name: Annotated[str | None, typer.Option(help="Name that people will see")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="GROUP=NODE, or GROUP=NODE,VOLTS,PHASES if it sends limits in A; repeatable"),
    ] = None,
    heartbeat: Annotated[int | None, typer.Option(help="Seconds between its heartbeats")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it may connect")] = None,
    if_match: IfMatch = None,
) -> None:
    """Add a provider and print its registration token once, or change the named settings. Requires the admin role."""
    session = session_of(ctx)
    path = _path(session, depot_id, provider_id)
    before = session.find(path)
    kept: dict[str, Any] = {} if before is None else {each: before[each] for each in KEPT}
    bound = [] if before is None else [{name: each[name] for name in BOUND} for each in before["groups"]]
    named = compact(name=name, heartbeat_interval_s=heartbeat, enabled=enabled)
    groups = [_group(session, each) for each in group] if group else bound
    version = if_match or (None if before is None else str(before["version"]))
    answer = session.command("PUT", path, {**kept, **named, "groups": groups}, if_match=version)
    token = answer.get("token")
    token_shown = f"; its registration token, shown only now: {token}" if token else ""
    done(session, answer, f"OSCP provider {answer['provider_id']} saved{token_shown}")


@app.command("list")
def list_providers(ctx: typer.Context, depot_id: Depot) -> None:
    """List the OSCP providers of a depot."""
    session = session_of(ctx)
    rows = session.get(f"/v1/depots/{segment(whole_id(session, 'depots', depot_id))}/oscp-providers")["items"]
    table(session, rows, columns(*SHOWN), nothing="no OSCP providers")


@app.command("show")
def show_provider(ctx: typer.Context, depot_id: Depot, provider_id: Provider) -> None:
    """Show an OSCP provider, its groups and the limits that it sent."""
    session = session_of(ctx)
    detail(session, session.get(_path(session, depot_id, provider_id)))


@app.command("invite")
def invite_provider(ctx: typer.Context, depot_id: Depot, provider_id: Provider, if_match: IfMatch = None) -> None:
    """Print a new registration token. This ends the connection and invalidates every earlier token."""
    session = session_of(ctx)
    session.confirm(f"end the connection of {provider_id} and issue a new registration token")
    answer = session.command("POST", f"{_path(session, depot_id, provider_id)}/token", if_match=if_match)
    done(session, answer, f"the registration token of {provider_id}, shown only now: {answer['token']}")


@app.command("register")
def register(
    ctx: typer.Context,
    depot_id: Depot,
    provider_id: Provider,
    base_url: Annotated[str, typer.Option(help="The provider's base URL of version 2.0, https://…")],
    provider_token: Annotated[
        str, typer.Option(help="The token that you agreed on", envvar="ACCESS_POLICY_OSCP_TOKEN")
    ],
) -> None:
    """Register at the provider, with the token that you agreed on."""
    session = session_of(ctx)
    body = {"base_url": base_url, "token": provider_token}
    answer = session.command("POST", f"{_path(session, depot_id, provider_id)}/register", body)
    done(session, answer, f"registered at {provider_id}: {answer['state']}")


@app.command("remove")
def remove_provider(ctx: typer.Context, depot_id: Depot, provider_id: Provider, if_match: IfMatch = None) -> None:
    """Remove a provider with its tokens, and withdraw the limits that it sent."""
    session = session_of(ctx)
    session.confirm(f"remove the OSCP provider {provider_id}, its tokens and the limits that it sent")
    answer = session.command("DELETE", _path(session, depot_id, provider_id), if_match=if_match)
    done(session, answer, f"OSCP provider {provider_id} is removed")


def _path(session: Session, depot_id: str, provider_id: str) -> str:
    depot_id = whole_id(session, "depots", depot_id)
    return f"/v1/depots/{segment(depot_id)}/oscp-providers/{segment(provider_id)}"


def _group(session: Session, text: str) -> dict[str, Any]:
    """Read a binding. A group id may contain `=`; the node's id follows the last one."""
    group_id, equals, place = text.rpartition("=")
    node_id, *conversion = place.split(",")
    if not equals or len(conversion) not in (0, 2) or not all(each.isdigit() for each in conversion):
        session.refuse(f"{text}: write GROUP=NODE or GROUP=NODE,VOLTS,PHASES")
    volts, phases = (int(each) for each in conversion) if conversion else (None, None)
    return {"group_id": group_id, "node_id": node_id, "voltage_v": volts, "phases": phases}
