"""`access-policy tenant`: operations on all data of one tenant, on the machine of the service."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.arguments import Tenant
from access_policy.entrypoints.cli.installation import Data, run, settings_of

app = typer.Typer(no_args_is_help=True)


@app.command("export")
def export(
    ctx: typer.Context,
    tenant: Tenant,
    to: Annotated[Path, typer.Option("--to", help="A directory that does not exist yet")],
    data: Data = None,
) -> None:
    """Export a tenant's events, registry and read models as files, with a manifest of their SHA-256 hashes.

    The registry contains values of identifiers: only you can read the files, and the audit shows the export.
    """
    from rich.console import Console
    from rich.progress import Progress

    from access_policy.entrypoints.processes.tenant_export import export_tenant

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Exporting events", total=None)
        files = run(
            export_tenant(
                settings_of(data=data),
                TenantId(tenant),
                to,
                actor=ActorId(getpass.getuser()),
                progress=lambda at, of: progress.update(task, completed=at, total=of),
            )
        )
    print(json.dumps({"tenant_id": tenant, "files": files}) if ctx.obj.as_json else f"{counted(files, 'file')} in {to}")


@app.command("erase")
def erase(
    ctx: typer.Context,
    tenant: Tenant,
    data: Data = None,
    although_connected: Annotated[
        bool, typer.Option("--although-connected", help="Erase it even if its chargers were connected at the end")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(help="The tenant's id once more, for scripts [default: ask for it]")
    ] = None,
) -> None:
    """Erase all data of a tenant from a stopped service: events, keys, records, read models. This cannot be undone.

    Backups, and files of the service's processes on other machines, are not erased. If the command is interrupted, run
    it again to continue.
    """
    from access_policy.entrypoints.processes.tenant_data import erase_tenant

    def confirmed(tenant_id: TenantId) -> bool:
        asked = f"All data of the tenant {tenant_id} will be erased permanently. Type its id to continue"
        return (typer.prompt(asked, err=True) if confirm is None else confirm) == tenant_id

    actor = ActorId(getpass.getuser())
    settings = settings_of(data=data)
    erased = run(
        erase_tenant(settings, TenantId(tenant), actor=actor, although_connected=although_connected, confirm=confirmed)
    )
    if erased is None:
        typer.echo("access-policy: the tenant's id was not repeated; nothing was erased", err=True)
        raise typer.Exit(1)
    removed = {each.place: each.rows for each in erased.removed if each.rows}
    if ctx.obj.as_json:
        print(json.dumps({"tenant_id": tenant, "removed": removed, "statement": erased.statement}))
        return
    for place, rows in removed.items():
        print(f"{place}: {rows} removed")
    print(f"The tenant {tenant} is erased. Signed record: {erased.statement}")
