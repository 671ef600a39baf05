"""`login-link`: another one-time link to the console of a running service."""

from __future__ import annotations

from typing import Annotated

import typer

from access_policy.application.ports.identity import NO_TENANT, Identity, Role
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, checked_id
from access_policy.domain.tenants.tenant import checked_tenant_id
from access_policy.entrypoints.cli.installation import Data, Http, refuse, run, settings_of

app = typer.Typer()


@app.command("login-link")
def login_link(
    role: Annotated[Role, typer.Option(help="What the session may do")],
    tenant: Annotated[
        str | None, typer.Option(help="The tenant of the session; leave it out with --role installation")
    ] = None,
    data: Data = None,
    http: Http = None,
    subject: Annotated[str, typer.Option(help="Who signs in; recorded with every command")] = "operator",
    qr: Annotated[bool, typer.Option("--qr", help="Also print a QR code of the link")] = False,
) -> None:
    """Print a link that opens one session of the console within ten minutes, for an installation without an OIDC issuer."""
    from access_policy.entrypoints.processes.one_time_links import one_time_link, qr_code

    settings = settings_of(data=data, http=http)
    if tenant is None and role is not Role.INSTALLATION:
        raise typer.BadParameter("name the tenant", param_hint="--tenant")
    if settings.oidc_issuer is not None:
        refuse(ValueError("people sign in at the issuer in ACCESS_POLICY_OIDC_ISSUER; open /login of the service"))
    if not (settings.data / "keys").is_dir():
        refuse(ValueError(f"there are no keys in {settings.data / 'keys'}; name the service's directory with --data"))
    try:
        identity = Identity(
            tenant_id=NO_TENANT if role is Role.INSTALLATION else checked_tenant_id(tenant or "", "tenant"),
            role=role,
            subject=ActorId(checked_id(subject, "subject")),
        )
    except Refused as error:
        refuse(error)
    url = run(one_time_link(settings, identity, settings.http.port))
    print(f"{url}\n{qr_code(url)}" if qr else url)
