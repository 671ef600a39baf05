"""The commands `import`, `plan`, `apply` and `export` of vehicles and of chargers."""

from pathlib import Path
from typing import Annotated

import typer

from access_policy.entrypoints.cli.imports import Imported, apply_plan, plan_file, show_plan
from access_policy.entrypoints.cli.printing import session_of
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.saving import Output, save

File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV file")]
Plan = Annotated[str, typer.Argument(metavar="PLAN", help="Plan id that the import printed")]
Partial = Annotated[bool, typer.Option("--partial", help="Skip rows with errors and apply the others")]
Apply = Annotated[bool, typer.Option("--apply", "--yes", "-y", help="Apply without a prompt")]
Bom = Annotated[bool, typer.Option("--bom/--no-bom", help="Begin with a byte order mark, so that Excel detects UTF-8")]


def import_commands(of: Imported) -> typer.Typer:
    """Return a group with the four commands. Annotations are evaluated here, because some depend on the subject."""
    app = typer.Typer(no_args_is_help=True)
    replaces = f"{of.remove.capitalize()} {of.subject}s that are not in the file"
    replace_option = Annotated[bool, typer.Option("--replace", help=replaces)]
    guard = f"The exact number, if many {of.subject}s would be {of.remove}d"
    removals_option = Annotated[int | None, typer.Option("--confirm-removals", help=guard)]

    @app.command("import")
    def _import_file(
        ctx: typer.Context,
        file: File,
        replace: replace_option = False,
        apply: Apply = False,
        partial: Partial = False,
        confirm_removals: removals_option = None,
    ) -> None:
        """Plan an import of a CSV file, show its changes, and apply it after confirmation."""
        plan_file(
            session_of(ctx),
            of,
            file,
            replace=replace,
            apply=apply,
            partial=partial,
            confirm_removals=confirm_removals,
        )

    @app.command("plan")
    def _show_plan(ctx: typer.Context, plan_id: Plan) -> None:
        """Show a plan and its state."""
        session = session_of(ctx)
        show_plan(session, of, session.get(f"{of.path}/imports/{segment(plan_id)}"))

    @app.command("apply")
    def _apply_plan(
        ctx: typer.Context,
        plan_id: Plan,
        partial: Partial = False,
        confirm_removals: removals_option = None,
    ) -> None:
        """Apply a plan. After a crash, apply it again to resume."""
        apply_plan(session_of(ctx), of, plan_id, partial, confirm_removals)

    @app.command("export", help=f"Export {of.exported} as CSV. Importing the file again changes nothing.")
    def _export(ctx: typer.Context, output: Output = None, bom: Bom = True) -> None:
        session = session_of(ctx)
        query = {"bom": None if bom else "false"}
        save(session, session.request("GET", f"{of.path}/export", query=query).content, output)

    return app
