"""`access-policy tenants`: the records of the installation's tenants."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.entrypoints.cli.amending import amend, print_changes
from access_policy.entrypoints.cli.arguments import Tenant
from access_policy.entrypoints.cli.printing import columns, compact, detail, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)

FIELDS = ("name", "data_region")
PATH = "/v1/tenants"

Name = Annotated[str | None, typer.Option(help="Name that people will see [default: its id]")]
DataRegion = Annotated[str | None, typer.Option(help="A note on where its data is stored, such as eu-central-1")]


@app.command("create")
def create_tenant(ctx: typer.Context, tenant: Tenant, name: Name = None, data_region: DataRegion = None) -> None:
    """Create a tenant's record, including for a tenant that has data but no record."""
    session = session_of(ctx).as_installation()
    path = f"{PATH}/{segment(tenant)}"
    before = session.get_or_none(path)
    if before is not None and before["version"] > 0:
        session.refuse(f"tenant {tenant} already exists; change it with: access-policy tenants amend")
    answer = session.command("PUT", path, compact(name=name or tenant, data_region=data_region), if_match=None)
    done(session, answer, f"tenant {tenant} created")


@app.command("amend")
def amend_tenant(ctx: typer.Context, tenant: Tenant, name: Name = None, data_region: DataRegion = None) -> None:
    """Change the name or the note of a tenant."""
    session = session_of(ctx).as_installation()
    path = f"{PATH}/{segment(tenant)}"
    session.get(path)
    named = compact(name=name, data_region=data_region)
    before, answer = amend(session, path, FIELDS, named, needed={}, if_match=None)
    print_changes(session, f"tenant {tenant} saved", before, answer, FIELDS)


@app.command("list")
def list_tenants(ctx: typer.Context) -> None:
    """List the tenants of the installation, including erased ones with the date."""
    session = session_of(ctx).as_installation()
    table(session, session.pages(PATH, None), columns("tenant_id", "name", "data_region", "created_at", "erased_at"))


@app.command("show")
def show_tenant(ctx: typer.Context, tenant: Tenant) -> None:
    """Show a tenant's record."""
    session = session_of(ctx).as_installation()
    detail(session, session.get(f"{PATH}/{segment(tenant)}"))
