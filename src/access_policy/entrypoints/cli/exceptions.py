"""`access-policy exceptions`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import Mode, ModeException
from access_policy.entrypoints.cli.choosing import Chargers, chosen, for_each
from access_policy.entrypoints.cli.completion import Charger
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.printing import columns, compact, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment

app = typer.Typer(no_args_is_help=True)


@app.command("add")
def add_exception(
    ctx: typer.Context,
    charger: Chargers,
    mode: Mode,
    reason: Annotated[str, typer.Option(help="Recorded with your name")],
    date: Annotated[str | None, typer.Option(help="Local date")] = None,
    until_date: Annotated[str | None, typer.Option(help="Last day, inclusive")] = None,
    calendar: Annotated[
        str | None, typer.Option(help="Apply to all days of this holiday calendar of the depot")
    ] = None,
    if_match: IfMatch = None,
) -> None:
    """Give chargers another mode on whole local days."""
    session = session_of(ctx)
    body = compact(mode=mode, reason=reason, date=date, until_date=until_date, calendar_id=calendar)

    def add(charger_id: str) -> tuple[Any, str]:
        answer = session.command("POST", f"/v1/chargers/{segment(charger_id)}/exceptions", body, if_match=if_match)
        return answer, f"exception {answer['exception_id']} on {charger_id}"

    for_each(session, chosen(session, charger), add)


@app.command("remove")
def remove_exception(
    ctx: typer.Context, charger_id: Charger, exception_id: ModeException, if_match: IfMatch = None
) -> None:
    """Remove an exception."""
    session = session_of(ctx)
    session.confirm(f"remove the exception {exception_id} of {charger_id}")
    path = f"/v1/chargers/{segment(charger_id)}/exceptions/{segment(exception_id)}"
    done(session, session.command("DELETE", path, if_match=if_match), f"removed exception {exception_id}")


@app.command("list")
def list_exceptions(ctx: typer.Context, charger_id: Charger) -> None:
    """List a charger's exceptions."""
    session = session_of(ctx)
    charger = session.get(f"/v1/chargers/{segment(charger_id)}")
    shown = columns("exception_id", "date", "until_date", "calendar_id", "mode", "reason")
    table(session, charger["exceptions"], shown, nothing="no exceptions")
