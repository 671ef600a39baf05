"""`access-policy chargers import`, `plan`, `apply` and `export`."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.entrypoints.cli import imports
from access_policy.entrypoints.cli.printing import session_of
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)

CHARGERS = imports.Imported("/v1/chargers", "chargers", "charger")
Removals = Annotated[
    int | None, typer.Option("--confirm-removals", help="The exact number, if many chargers would be retired")
]


@app.command("import")
def import_file(
    ctx: typer.Context,
    file: imports.File,
    replace: Annotated[bool, typer.Option("--replace", help="Retire chargers that are not in the file")] = False,
    apply: imports.Apply = False,
    partial: imports.Partial = False,
    confirm_removals: Removals = None,
) -> None:
    """Plan an import of a CSV file, show its changes, and apply it after confirmation."""
    imports.plan_file(
        session_of(ctx),
        CHARGERS,
        file,
        replace=replace,
        apply=apply,
        partial=partial,
        confirm_removals=confirm_removals,
    )


@app.command("plan")
def show_plan(ctx: typer.Context, plan_id: str) -> None:
    """Show a plan and its state."""
    session = session_of(ctx)
    imports.show_plan(session, CHARGERS, session.get(f"/v1/chargers/imports/{segment(plan_id)}"))


@app.command("apply")
def apply_plan(
    ctx: typer.Context, plan_id: str, partial: imports.Partial = False, confirm_removals: Removals = None
) -> None:
    """Apply a plan, one charger after the other. After a crash, apply it again to resume."""
    imports.apply_plan(session_of(ctx), CHARGERS, plan_id, partial, confirm_removals)


@app.command("export")
def export(
    ctx: typer.Context,
    output: imports.Output = None,
    bom: imports.Bom = True,
) -> None:
    """Export all chargers in service as CSV, without their passwords. An import of the file changes nothing."""
    imports.export_file(session_of(ctx), CHARGERS, output, bom=bom)
