"""`access-policy calendars`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.arguments import Calendar
from access_policy.entrypoints.cli.completion import Depot
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.printing import columns, compact, document, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)


@app.command("put")
def put_calendar(
    ctx: typer.Context,
    depot_id: Depot,
    calendar_id: Calendar,
    day: Annotated[
        list[str],
        typer.Argument(metavar="DAY...", help="DATE=REASON or DATE..DATE=REASON, such as '2026-12-25=Christmas'"),
    ],
    name: Annotated[str, typer.Option(help="Name that people will see")],
    if_match: IfMatch = None,
) -> None:
    """Replace a calendar's days."""
    session = session_of(ctx)
    body = {"name": name, "days": [_day(session, each) for each in day]}
    answer = session.command("PUT", _path(depot_id, calendar_id), body, if_match=if_match)
    done(session, answer, f"calendar {calendar_id} has {counted(len(body['days']), 'entry', 'entries')}")


@app.command("add-day")
def add_holiday(
    ctx: typer.Context,
    depot_id: Depot,
    day: Annotated[
        str, typer.Argument(metavar="DAY", help="DATE=REASON or DATE..DATE=REASON, such as '2026-12-25=Christmas'")
    ],
    calendar: Annotated[
        list[str] | None, typer.Option(help="Id of a calendar; repeatable [default: the depot's only one]")
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="All calendars of the depot")] = False,
) -> None:
    """Add one holiday to calendars of a depot."""
    session = session_of(ctx)
    if everywhere and calendar:
        session.refuse("--all contradicts --calendar; give one of them")
    into = "all" if everywhere else calendar or [_only_calendar(session, depot_id)]
    body = {**_day(session, day), "calendar_ids": into}
    answer = session.command("POST", f"/v1/depots/{segment(depot_id)}/holidays", body)
    names = ", ".join(each["calendar_id"] for each in answer["items"])
    done(session, answer, f"{body['reason']} is in {names}")


def _only_calendar(session: Session, depot_id: str) -> str:
    known = [each["calendar_id"] for each in session.get(f"/v1/depots/{segment(depot_id)}/calendars")["items"]]
    if len(known) != 1:
        choose = (
            f"give --calendar with one of {', '.join(known)}, or --all" if known else "make one: calendars put --help"
        )
        session.refuse(f"depot {depot_id} has {counted(len(known), 'calendar')}; {choose}")
    return str(known[0])


@app.command("import")
def import_calendar(
    ctx: typer.Context,
    depot_id: Depot,
    calendar_id: Calendar,
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An .ics file")],
    name: Annotated[str | None, typer.Option(help="Name that people will see [default: the name in the file]")] = None,
    years: Annotated[str | None, typer.Option(help="Years to import for repeating days, such as 2026-2028")] = None,
    timed: Annotated[bool, typer.Option("--timed", help="Also import events with times, as whole days")] = False,
    if_match: IfMatch = None,
) -> None:
    """Replace a calendar's days with those of an .ics file."""
    session = session_of(ctx)
    answer = session.command(
        "PUT",
        _path(depot_id, calendar_id),
        file=file.read_bytes(),
        file_type="text/calendar",
        if_match=if_match,
        name=name,
        years=years,
        timed=timed or None,
    )
    left = [each for each in answer.get("timed_events", []) if not each["imported"]]
    for each in left:
        text = f"not imported: {each['summary']} ({each['starts_at']}) has times; --timed imports it as whole days"
        session.err.print(text, markup=False)
    done(session, answer, f"calendar {calendar_id} has {counted(len(answer.get('days', [])), 'entry', 'entries')}")


@app.command("list")
def list_calendars(ctx: typer.Context, depot_id: Depot) -> None:
    """List a depot's holiday calendars."""
    session = session_of(ctx)
    answer = session.get(f"/v1/depots/{segment(depot_id)}/calendars")
    table(session, answer["items"], columns("calendar_id", "name", "day_count"), nothing="no calendars")


@app.command("show")
def show_calendar(ctx: typer.Context, depot_id: Depot, calendar_id: Calendar) -> None:
    """Show a calendar's days."""
    session = session_of(ctx)
    answer = session.get(_path(depot_id, calendar_id))
    if not document(session, answer):
        session.out.print(f"{answer['name']} ({calendar_id})", markup=False)
        table(session, answer["days"], columns("date", "until_date", "reason"))


@app.command("remove")
def remove_calendar(ctx: typer.Context, depot_id: Depot, calendar_id: Calendar, if_match: IfMatch = None) -> None:
    """Remove a calendar that no rule uses."""
    session = session_of(ctx)
    session.confirm(f"remove the calendar {calendar_id}")
    answer = session.command("DELETE", _path(depot_id, calendar_id), if_match=if_match)
    done(session, answer, f"removed calendar {calendar_id}")


def _path(depot_id: str, calendar_id: str) -> str:
    return f"/v1/depots/{segment(depot_id)}/calendars/{segment(calendar_id)}"


def _day(session: Any, text: str) -> dict[str, str]:
    dates, separator, reason = text.partition("=")
    if not separator or not reason:
        session.refuse(f"{text!r} is not DATE=REASON; write 2026-12-25=Christmas")
    first, _, last = dates.partition("..")
    return compact(date=first, until_date=last or None, reason=reason)
