"""`access-policy registry`: plan an import, review the plan, apply it; export."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.entrypoints.cli import imports
from access_policy.entrypoints.cli.printing import session_of
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)

VEHICLES = imports.Imported("/v1/registry", "registry", "vehicle")
Removals = Annotated[
    int | None, typer.Option("--confirm-removals", help="The exact number, if many vehicles would be removed")
]


@app.command("import")
def import_file(
    ctx: typer.Context,
    file: imports.File,
    replace: Annotated[bool, typer.Option("--replace", help="Remove vehicles that are not in the file")] = False,
    apply: imports.Apply = False,
    partial: imports.Partial = False,
    confirm_removals: Removals = None,
) -> None:
    """Plan an import of a CSV file, show its changes, and apply it after confirmation."""
    imports.plan_file(
        session_of(ctx),
        VEHICLES,
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
    imports.show_plan(session, VEHICLES, session.get(f"/v1/registry/imports/{segment(plan_id)}"))


@app.command("apply")
def apply_plan(
    ctx: typer.Context, plan_id: str, partial: imports.Partial = False, confirm_removals: Removals = None
) -> None:
    """Apply a plan. After a crash, apply it again to resume."""
    imports.apply_plan(session_of(ctx), VEHICLES, plan_id, partial, confirm_removals)


@app.command("export")
def export(
    ctx: typer.Context,
    output: imports.Output = None,
    bom: imports.Bom = True,
    excel: Annotated[bool, typer.Option("--excel", hidden=True)] = False,  # the former name of --bom
) -> None:
    """Export all vehicles as CSV, including identifier values. An import of the file changes nothing."""
    imports.export_file(session_of(ctx), VEHICLES, output, bom=bom or excel)
