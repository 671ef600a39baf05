"""`access-policy reservations import`, `plan`, `apply` and `export`: a depot's dispatch sheet."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.entrypoints.cli.completion import Depot
from access_policy.entrypoints.cli.identities import whole_id
from access_policy.entrypoints.cli.import_commands import Apply, Bom, File, Partial, Plan
from access_policy.entrypoints.cli.imports import Imported, apply_plan, plan_file, show_plan
from access_policy.entrypoints.cli.printing import session_of
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.saving import Output, save

app = typer.Typer()

SHEET = Imported("/v1/reservations", "reservations", "reservation", "cancel", "a dispatch sheet", "assignment_id")
Replace = Annotated[
    bool, typer.Option("--replace", help="Cancel entries on the file's operating days that are not in the file")
]
Removals = Annotated[
    int | None, typer.Option("--confirm-removals", help="The exact number, if many entries would be cancelled")
]
Entries = Annotated[
    list[str] | None,
    typer.Option(
        "--entry", help="Reservation that may be changed or cancelled even if it is ad hoc or has begun; repeatable"
    ),
]


@app.command("import")
def import_sheet(
    ctx: typer.Context,
    depot_id: Depot,
    file: File,
    replace: Replace = False,
    apply: Apply = False,
    partial: Partial = False,
    confirm_removals: Removals = None,
    entry: Entries = None,
) -> None:
    """Plan an import of a dispatch sheet (CSV), show its changes, and apply it after confirmation."""
    session = session_of(ctx)
    plan_file(
        session,
        SHEET,
        file,
        replace=replace,
        apply=apply,
        partial=partial,
        confirm_removals=confirm_removals,
        depot_id=whole_id(session, "depots", depot_id),
        entries=entry or (),
    )


@app.command("plan")
def show_sheet_plan(ctx: typer.Context, plan_id: Plan) -> None:
    """Show a plan of a dispatch sheet and its state."""
    session = session_of(ctx)
    show_plan(session, SHEET, session.get(f"{SHEET.path}/imports/{segment(plan_id)}"))


@app.command("apply")
def apply_sheet_plan(
    ctx: typer.Context,
    plan_id: Plan,
    partial: Partial = False,
    confirm_removals: Removals = None,
    entry: Entries = None,
) -> None:
    """Apply a plan of a dispatch sheet. After a crash, apply it again to resume."""
    apply_plan(session_of(ctx), SHEET, plan_id, partial, confirm_removals, entry or ())


@app.command("export")
def export_sheet(
    ctx: typer.Context,
    depot_id: Depot,
    start: Annotated[str | None, typer.Option("--from", help="Start of the period [default: now]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: the depot's horizon]")] = None,
    output: Output = None,
    bom: Bom = True,
) -> None:
    """Export a depot's own reservations of whole operating days as CSV. Importing the file again changes nothing."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    query = {
        "depot_id": depot_id,
        "from": session.instant(start, depot=depot_id),
        "until": session.instant(until, depot=depot_id),
        "bom": None if bom else "false",
    }
    save(session, session.request("GET", f"{SHEET.path}/export", query=query).content, output)
