"""`access-policy entrances`: barriers and doors of a depot, at which the service decides plates, codes and other
identifiers."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.completion import Depot, chargers
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.identities import chargers_of, whole_id
from access_policy.entrypoints.cli.printing import columns, compact, detail, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)

Entrance = Annotated[str, typer.Argument(metavar="ENTRANCE", help="Whole id of the entrance")]
LeadsTo = Annotated[
    list[str] | None,
    typer.Option(
        autocompletion=chargers,
        help="Charger behind it: id, its beginning, or a pattern; repeatable [default: the whole depot]",
    ),
]
LeadsToGroup = Annotated[
    list[str] | None, typer.Option(help="Whole id of a reservation group whose chargers are behind it; repeatable")
]
Early = Annotated[
    int | None, typer.Option(help="How many minutes before a reservation's window its holder may enter [default: 15]")
]


@app.command("put")
def put_entrance(
    ctx: typer.Context,
    depot_id: Depot,
    entrance_id: Entrance,
    name: Annotated[str, typer.Option(help="Name that operators see")],
    charger: LeadsTo = None,
    group: LeadsToGroup = None,
    early: Early = None,
    if_match: IfMatch = None,
) -> None:
    """Create or replace an entrance and the chargers behind it. A charger or group that is left out is no longer behind
    it."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    leads_to = {"charger_ids": chargers_of(session, charger) if charger else [], "group_ids": group or []}
    body = {"name": name, **leads_to, **compact(early_entry_min=early)}
    answer = session.command("PUT", _path(depot_id, entrance_id), body, if_match=if_match)
    done(session, answer, f"entrance {entrance_id} leads to {counted(len(answer['leads_to']), 'charger')}")


@app.command("list")
def list_entrances(ctx: typer.Context, depot_id: Depot) -> None:
    """List the entrances of a depot, each with the chargers in service behind it."""
    session = session_of(ctx)
    rows = session.get(f"/v1/depots/{segment(depot_id)}/entrances")["items"]
    names = ("entrance_id", "name", "early_entry_min", "leads_to")
    table(session, rows, columns(*names), nothing="no entrances at this depot")


@app.command("show")
def show_entrance(ctx: typer.Context, depot_id: Depot, entrance_id: Entrance) -> None:
    """Show an entrance and the chargers in service behind it."""
    session = session_of(ctx)
    detail(session, session.get(_path(depot_id, entrance_id)))


@app.command("remove")
def remove_entrance(ctx: typer.Context, depot_id: Depot, entrance_id: Entrance, if_match: IfMatch = None) -> None:
    """Remove an entrance. Attempts that were decided there stay on record."""
    session = session_of(ctx)
    session.confirm(f"remove entrance {entrance_id}")
    answer = session.command("DELETE", _path(depot_id, entrance_id), if_match=if_match)
    done(session, answer, f"entrance {entrance_id} is removed")


def _path(depot_id: str, entrance_id: str) -> str:
    return f"/v1/depots/{segment(depot_id)}/entrances/{segment(entrance_id)}"
