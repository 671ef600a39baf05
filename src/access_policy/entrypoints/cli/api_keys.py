"""`access-policy api-keys`: keys for machines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.cli.arguments import ApiKey
from access_policy.entrypoints.cli.completion import depots
from access_policy.entrypoints.cli.identities import identities
from access_policy.entrypoints.cli.printing import columns, compact, document, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.durations import span_of

app = typer.Typer(no_args_is_help=True)


@app.command("create")
def create_api_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Machine or program that uses it, such as yard-display")],
    key_role: Annotated[Role, typer.Option("--with-role", help="What its bearer may do")],
    depot: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=depots,
            help="Depot that it is valid for, or its beginning; repeatable [default: all]",
        ),
    ] = None,
    expires_in: Annotated[str, typer.Option(help="How long it is valid, such as 30d")] = "90d",
) -> None:
    """Create a key and print only the key to standard output. It is shown only this once. Needs --role admin."""
    session = session_of(ctx)
    try:
        expires_at = datetime.now(UTC) + span_of(expires_in)
    except (ValueError, OverflowError) as error:
        session.refuse(str(error))
    body: dict[str, Any] = {"name": name, "role": key_role.value, "expires_at": expires_at.isoformat()}
    answer = session.command("POST", "/v1/api-keys", body | compact(depot_ids=identities(session, "depots", depot)))
    if document(session, answer):
        return
    session.err.print(f"API key {answer['key_id']} ({name}); store it now; it is not shown again:", markup=False)
    typer.echo(answer["key"])


@app.command("list")
def list_api_keys(ctx: typer.Context) -> None:
    """List all keys, including expired and revoked ones, and when each was last used."""
    session = session_of(ctx)
    shown = columns("key_id", "name", "role", "depot_ids", "state", "expires_at", "last_used_at", "created_by")
    table(session, session.get("/v1/api-keys")["items"], shown, nothing="no API keys")


@app.command("revoke")
def revoke_api_key(ctx: typer.Context, key_id: ApiKey) -> None:
    """Revoke a key; the service refuses it from now on."""
    session = session_of(ctx)
    session.confirm(f"revoke the API key {key_id}")
    answer = session.command("DELETE", f"/v1/api-keys/{segment(key_id)}")
    done(session, answer, f"API key {key_id} is revoked")
