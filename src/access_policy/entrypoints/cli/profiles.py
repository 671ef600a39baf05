"""`access-policy profile` and `access-policy chargers probe`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import ProfileName
from access_policy.entrypoints.cli.completion import Charger
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.printing import columns, detail, document, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)
chargers = typer.Typer()


@app.command("show")
def show_profile(ctx: typer.Context, name: ProfileName) -> None:
    """Show a profile."""
    session = session_of(ctx)
    detail(session, session.get(f"/v1/profiles/{segment(name)}"))


@app.command("put")
def put_profile(
    ctx: typer.Context,
    name: ProfileName,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A TOML or JSON file with the fields in docs/chargers.md")
    ],
    if_match: IfMatch = None,
) -> None:
    """Add or replace your own profile; its chargers adopt the change."""
    session = session_of(ctx)
    answer = session.command("PUT", f"/v1/profiles/{segment(name)}", _definition(file), if_match=if_match)
    done(session, answer, f"profile {name} saved")


@app.command("remove")
def remove_profile(ctx: typer.Context, name: ProfileName, if_match: IfMatch = None) -> None:
    """Remove your own profile. No charger may be using it."""
    session = session_of(ctx)
    session.confirm(f"remove the profile {name}")
    answer = session.command("DELETE", f"/v1/profiles/{segment(name)}", if_match=if_match)
    done(session, answer, f"profile {name} is removed")


@chargers.command("probe")
def probe(ctx: typer.Context, charger_id: Charger) -> None:
    """Read a connected charger's settings, change none, and propose capability profiles."""
    session = session_of(ctx)
    answer = session.command("POST", f"/v1/chargers/{segment(charger_id)}/probe")
    if document(session, answer):
        return
    about = " ".join(str(answer[name]) for name in ("vendor", "model", "firmware", "protocol") if answer[name])
    session.out.print(f"{about}: proposed profile: {answer['proposed'] or 'none'}", markup=False)
    rows = [{**each, "because": " ".join(each["because"])} for each in answer["candidates"]]
    table(session, rows, columns("profile", "fit", "evidence", "because"), nothing="no profile matches")
    table(session, answer["settings"], columns("name", "value", "writable"), nothing="no settings about access")


def _definition(file: Path) -> dict[str, Any]:
    """Read the profile's file. End the command if it cannot be read."""
    try:
        text = file.read_text("utf-8-sig")
        loaded: dict[str, Any] = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from error
    return loaded
