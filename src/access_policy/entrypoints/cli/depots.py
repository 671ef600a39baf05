"""`access-policy depots` and `calendars`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.amending import amend, said
from access_policy.entrypoints.cli.completion import Depot
from access_policy.entrypoints.cli.printing import columns, detail, document, done, given, session_of, table
from access_policy.entrypoints.cli.session import part

app = typer.Typer(no_args_is_help=True)
calendars = typer.Typer(no_args_is_help=True)

IfMatch = Annotated[str | None, typer.Option(help="Only if this is still the version")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many [default: all]")]

DEPOT_FIELDS = (
    "name",
    "time_zone",
    "language",
    "longest_override_days",
    "session_max_age_hours",
    "identifier_kinds",
    "exclusive_kinds",
)


@app.command("put")
def put_depot(
    ctx: typer.Context,
    depot_id: str,
    name: Annotated[str | None, typer.Option(help="Needed for a new depot")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="IANA name, such as Europe/Berlin; needed for a new depot")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of what drivers read: en, de, fr, es, nl")] = None,
    longest_override_days: Annotated[int | None, typer.Option()] = None,
    session_max_age_hours: Annotated[
        int | None, typer.Option(help="A session without energy for so long is ended as lost [default: 48]")
    ] = None,
    identifier_kind: Annotated[list[str] | None, typer.Option(help="Kinds that count here [default: all]")] = None,
    any_kind: Annotated[bool, typer.Option("--any-kind", help="Identifiers of all kinds count")] = False,
    exclusive_kind: Annotated[list[str] | None, typer.Option(help="Kinds that charge at one charger at a time")] = None,
    if_match: IfMatch = None,
) -> None:
    """Register a depot, or amend it: what is not named stays as it is, and what changed is printed."""
    session = session_of(ctx)
    named = given(
        name=name,
        time_zone=time_zone,
        language=language,
        longest_override_days=longest_override_days,
        session_max_age_hours=session_max_age_hours,
        identifier_kinds=identifier_kind,
        exclusive_kinds=exclusive_kind,
    )
    if any_kind and identifier_kind:
        session.refuse("--any-kind contradicts --identifier-kind; give one of them")
    named |= {"identifier_kinds": None} if any_kind else {}
    needed = {"name": "--name", "time_zone": "--time-zone"}
    before, answer = amend(
        session, f"/v1/depots/{part(depot_id)}", DEPOT_FIELDS, named, needed=needed, if_match=if_match
    )
    said(session, f"depot {depot_id} is set", before, answer, DEPOT_FIELDS)


@app.command("list")
def list_depots(ctx: typer.Context, limit: Limit = None) -> None:
    session = session_of(ctx)
    table(session, session.pages("/v1/depots", limit), columns("depot_id", "name", "time_zone", "language"))


@app.command("show")
def show_depot(ctx: typer.Context, depot_id: Depot) -> None:
    session = session_of(ctx)
    detail(session, session.get(f"/v1/depots/{part(depot_id)}"))


# --- holiday calendars -------------------------------------------------------------------------------------------------


@calendars.command("put")
def put_calendar(
    ctx: typer.Context,
    depot_id: Depot,
    calendar_id: str,
    day: Annotated[list[str], typer.Argument(help="DATE=REASON or DATE..DATE=REASON, such as '2026-12-25=Christmas'")],
    name: Annotated[str, typer.Option()],
    if_match: IfMatch = None,
) -> None:
    """Set a calendar's days."""
    session = session_of(ctx)
    body = {"name": name, "days": [_day(session, each) for each in day]}
    answer = session.command("PUT", _address(depot_id, calendar_id), body, if_match=if_match)
    done(session, answer, f"calendar {calendar_id} has {len(body['days'])} entries")


@calendars.command("import")
def import_calendar(
    ctx: typer.Context,
    depot_id: Depot,
    calendar_id: str,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An .ics file")],
    name: Annotated[str | None, typer.Option(help="[default: the file's own]")] = None,
    years: Annotated[str | None, typer.Option(help="For which its repeating days are taken, such as 2026-2028")] = None,
    timed: Annotated[
        bool, typer.Option("--timed", help="Also take the days of events with times, such as 8 to 17")
    ] = False,
    if_match: IfMatch = None,
) -> None:
    """Set a calendar's days from an .ics file."""
    session = session_of(ctx)
    answer = session.command(
        "PUT",
        _address(depot_id, calendar_id),
        file=file.read_bytes(),
        file_type="text/calendar",
        if_match=if_match,
        name=name,
        years=years,
        timed=timed or None,
    )
    left = [each for each in answer.get("timed_events", []) if not each["imported"]]
    for each in left:
        text = f"not taken: {each['summary']} ({each['starts_at']}) has times; --timed takes it as whole days"
        session.err.print(text, markup=False)
    done(session, answer, f"calendar {calendar_id} has {len(answer.get('days', []))} entries")


@calendars.command("list")
def list_calendars(ctx: typer.Context, depot_id: Depot) -> None:
    session = session_of(ctx)
    answer = session.get(f"/v1/depots/{part(depot_id)}/calendars")
    table(session, answer["items"], columns("calendar_id", "name", "day_count"), nothing="no calendars")


@calendars.command("show")
def show_calendar(ctx: typer.Context, depot_id: Depot, calendar_id: str) -> None:
    session = session_of(ctx)
    answer = session.get(_address(depot_id, calendar_id))
    if not document(session, answer):
        session.out.print(f"{answer['name']} ({calendar_id})", markup=False)
        table(session, answer["days"], columns("date", "until_date", "reason"))


@calendars.command("remove")
def remove_calendar(ctx: typer.Context, depot_id: Depot, calendar_id: str, if_match: IfMatch = None) -> None:
    session = session_of(ctx)
    answer = session.command("DELETE", _address(depot_id, calendar_id), if_match=if_match)
    done(session, answer, f"calendar {calendar_id} is gone")


def _address(depot_id: str, calendar_id: str) -> str:
    return f"/v1/depots/{part(depot_id)}/calendars/{part(calendar_id)}"


def _day(session: Any, text: str) -> dict[str, str]:
    dates, separator, reason = text.partition("=")
    if not separator or not reason:
        session.refuse(f"{text!r} is no DATE=REASON; write 2026-12-25=Christmas")
    first, _, last = dates.partition("..")
    return given(date=first, until_date=last or None, reason=reason)
