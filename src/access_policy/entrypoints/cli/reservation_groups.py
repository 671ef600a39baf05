"""`access-policy reservation-groups`: sets of a depot's chargers, any free one of which satisfies a reservation."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.completion import Depot, chargers
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.identities import chargers_of, whole_id
from access_policy.entrypoints.cli.printing import columns, detail, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Whole id of the group")]
InGroup = Annotated[
    list[str], typer.Option(autocompletion=chargers, help="Charger id, its beginning, or a pattern; repeatable")
]


@app.command("put")
def put_group(
    ctx: typer.Context,
    depot_id: Depot,
    group_id: Group,
    name: Annotated[str, typer.Option(help="Name that dispatchers see")],
    charger: InGroup,
    if_match: IfMatch = None,
) -> None:
    """Create or replace a group. A charger that is left out leaves the group."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    body = {"name": name, "charger_ids": chargers_of(session, charger)}
    path = f"/v1/depots/{segment(depot_id)}/reservation-groups/{segment(group_id)}"
    answer = session.command("PUT", path, body, if_match=if_match)
    done(session, answer, f"group {group_id} has {counted(len(answer['charger_ids']), 'charger')}")


@app.command("list")
def list_groups(ctx: typer.Context, depot_id: Depot) -> None:
    """List the groups of a depot."""
    session = session_of(ctx)
    rows = session.get(f"/v1/depots/{segment(depot_id)}/reservation-groups")["items"]
    table(session, rows, columns("group_id", "name", "charger_ids"), nothing="no groups at this depot")


@app.command("show")
def show_group(ctx: typer.Context, depot_id: Depot, group_id: Group) -> None:
    """Show a group and its chargers."""
    session = session_of(ctx)
    path = f"/v1/depots/{segment(depot_id)}/reservation-groups/{segment(group_id)}"
    detail(session, session.get(path))
