"""`access-policy timeline`, `override`, `lift`, `rules` and `exceptions`."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.chargers import results
from access_policy.entrypoints.cli.completion import Charger, Depot
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.printing import columns, document, done, given, session_of, table
from access_policy.entrypoints.cli.session import Session, part
from access_policy.entrypoints.cli.week import PLAIN, draw

app = typer.Typer()
rules = typer.Typer(no_args_is_help=True)
exceptions = typer.Typer(no_args_is_help=True)


@app.command()
def timeline(
    ctx: typer.Context,
    charger_id: Charger,
    begin: Annotated[str | None, typer.Option("--from", help="[default: today]")] = None,
    until: Annotated[str | None, typer.Option(help="[default: a week later]")] = None,
    as_of: Annotated[str | None, typer.Option(help="As it was planned at this time")] = None,
) -> None:
    """A picture of a charger's week: when anyone may charge, and why."""
    session = session_of(ctx)
    charger = session.get(f"/v1/chargers/{part(charger_id)}")
    zone = session.zone(charger["time_zone"])
    today = datetime.combine(datetime.now(zone).date(), time(), zone)
    starts = session.instant(begin, charger=charger_id) or _text(today)
    first = datetime.fromisoformat(starts).astimezone(zone)
    week = datetime.combine(first.date() + timedelta(days=7), time(), zone)
    answer = session.get(
        f"/v1/chargers/{part(charger_id)}/timeline",
        **{
            "from": starts,
            "until": session.instant(until, charger=charger_id) or _text(week),
            "as_of": session.instant(as_of, charger=charger_id),
        },
    )
    if document(session, answer):
        return
    session.out.print(f"{charger_id}, times of {zone.key}", markup=False)
    for line in draw(answer["segments"], zone, now=datetime.now(UTC), columns=session.out.width):
        session.out.print(line if session.out.encoding.startswith("utf") else line.plain.translate(PLAIN), markup=False)


@app.command()
def override(
    ctx: typer.Context,
    charger_id: Charger,
    mode: Annotated[str, typer.Argument(help="freevend or managed")],
    reason: Annotated[str, typer.Option(help="For the record")],
    begin: Annotated[str | None, typer.Option("--from", help="[default: now]")] = None,
    until: Annotated[str | None, typer.Option(help="A time")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="A span, such as 2h, 90m or PT2H")] = None,
    until_next_transition: Annotated[bool, typer.Option("--until-next-transition")] = False,
    if_match: IfMatch = None,
) -> None:
    """Put a charger into a mode for a while, whatever its schedule says."""
    session = session_of(ctx)
    body = given(
        mode=mode,
        reason=reason,
        until=session.instant(until, charger=charger_id),
        until_next_transition=until_next_transition or None,
    )
    body |= given(**{"from": session.instant(begin, charger=charger_id), "for": session.span(lasts)})
    answer = session.command("POST", f"/v1/chargers/{part(charger_id)}/overrides", body, if_match=if_match)
    done(session, answer, f"override {answer['override_id']} on {charger_id}")


@app.command()
def lift(
    ctx: typer.Context,
    charger_id: Charger,
    override_id: Annotated[str | None, typer.Argument(help="[default: the one there is]")] = None,
    if_match: IfMatch = None,
) -> None:
    """End an override now."""
    session = session_of(ctx)
    override_id = override_id or _only_override(session, charger_id)
    path = f"/v1/chargers/{part(charger_id)}/overrides/{part(override_id)}"
    done(session, session.command("DELETE", path, if_match=if_match), f"override {override_id} is lifted")


def _only_override(session: Session, charger_id: str) -> str:
    now = datetime.now(UTC)
    overrides = session.get(f"/v1/chargers/{part(charger_id)}")["overrides"]
    live: list[str] = [each["override_id"] for each in overrides if datetime.fromisoformat(each["until"]) > now]
    if not live:
        session.refuse(f"charger {charger_id} has no override that could be lifted")
    if len(live) > 1:
        session.refuse(f"charger {charger_id} has several overrides, name one of them: {', '.join(live)}")
    return live[0]


# --- rules -------------------------------------------------------------------------------------------------------------

Name = Annotated[str, typer.Option()]
Mode = Annotated[str, typer.Option(help="freevend or managed")]
Recurrence = Annotated[str, typer.Option(help="RRULE, such as 'FREQ=WEEKLY;BYDAY=MO,TU'")]
Clock = Annotated[str, typer.Option(help="Local time, such as 22:00")]
EndDay = Annotated[
    int | None, typer.Option("--end-day-offset", help="[default: the next day if it ends before it starts]")
]
Zone = Annotated[str | None, typer.Option("--rule-time-zone", help="[default: the depot's]")]
Applies = Annotated[str | None, typer.Option(help="Local date or instant")]
Priority = Annotated[int | None, typer.Option(help="The greater one wins [default: 0]")]
Dates = Annotated[list[str] | None, typer.Option(help="Local date")]
Calendars = Annotated[list[str] | None, typer.Option(help="Holiday calendar of the depot")]


_FIELDS = {
    "rule_time_zone": "time_zone",
    "except_date": "except_dates",
    "extra_date": "extra_dates",
    "except_calendar": "except_calendars",
    "extra_calendar": "extra_calendars",
}
_AS_THEY_ARE = (
    "name",
    "mode",
    "recurrence",
    "start",
    "end",
    "end_day_offset",
    "applies_from",
    "applies_until",
    "priority",
)


def _rule(ctx: typer.Context) -> dict[str, Any]:
    """The fields of a rule that were given as options of the command."""
    fields = {**{name: name for name in _AS_THEY_ARE}, **_FIELDS}
    return given(**{field: ctx.params.get(option) for option, field in fields.items()})


@rules.command("add")
def add_rule(
    ctx: typer.Context,
    charger_id: Charger,
    name: Name,
    mode: Mode,
    recurrence: Recurrence,
    start: Clock,
    end: Clock,
    end_day_offset: EndDay = None,
    rule_time_zone: Zone = None,
    applies_from: Applies = None,
    applies_until: Applies = None,
    priority: Priority = None,
    except_date: Dates = None,
    extra_date: Dates = None,
    except_calendar: Calendars = None,
    extra_calendar: Calendars = None,
    if_match: IfMatch = None,
) -> None:
    """Schedule a mode in recurring windows."""
    session = session_of(ctx)
    body = _rule(ctx)
    answer = session.command("POST", f"/v1/chargers/{part(charger_id)}/mode-rules", body, if_match=if_match)
    done(session, answer, f"rule {answer['rule_id']} on {charger_id}")


@rules.command("add-many")
def add_rule_to_many(
    ctx: typer.Context,
    depot_id: Depot,
    name: Name,
    mode: Mode,
    recurrence: Recurrence,
    start: Clock,
    end: Clock,
    charger: Annotated[list[str] | None, typer.Option(help="[default: all of the depot]")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and record nothing")] = False,
    end_day_offset: EndDay = None,
    rule_time_zone: Zone = None,
    applies_from: Applies = None,
    applies_until: Applies = None,
    priority: Priority = None,
    except_date: Dates = None,
    extra_date: Dates = None,
    except_calendar: Calendars = None,
    extra_calendar: Calendars = None,
) -> None:
    """The same rule for many chargers of a depot."""
    session = session_of(ctx)
    rule = _rule(ctx)
    body = {"charger_ids": charger or "all", "rule": rule, "dry_run": dry_run}
    results(session, session.command("POST", f"/v1/depots/{part(depot_id)}/mode-rules", body))


@rules.command("amend")
def amend_rule(
    ctx: typer.Context,
    charger_id: Charger,
    rule_id: str,
    name: Annotated[str | None, typer.Option()] = None,
    mode: Annotated[str | None, typer.Option(help="freevend or managed")] = None,
    recurrence: Annotated[str | None, typer.Option()] = None,
    start: Annotated[str | None, typer.Option()] = None,
    end: Annotated[str | None, typer.Option()] = None,
    end_day_offset: EndDay = None,
    rule_time_zone: Zone = None,
    applies_from: Applies = None,
    applies_until: Applies = None,
    priority: Priority = None,
    except_date: Dates = None,
    extra_date: Dates = None,
    except_calendar: Calendars = None,
    extra_calendar: Calendars = None,
    if_match: IfMatch = None,
) -> None:
    """Correct a rule: what is left out stays as it is."""
    session = session_of(ctx)
    kept = next((each for each in _rules(session, charger_id) if each["rule_id"] == rule_id), None)
    if kept is None:
        session.refuse(f"charger {charger_id} has no rule {rule_id}; see: access-policy rules list {charger_id}")
    changes = _rule(ctx)
    if end_day_offset is None and (start is not None or end is not None):
        kept = {**kept, "end_day_offset": None}  # follows from the new times
    body = {key: value for key, value in {**kept, **changes}.items() if key != "rule_id"}
    path = f"/v1/chargers/{part(charger_id)}/mode-rules/{part(rule_id)}"
    done(session, session.command("PUT", path, body, if_match=if_match), f"rule {rule_id} is amended")


@rules.command("withdraw")
def withdraw_rule(ctx: typer.Context, charger_id: Charger, rule_id: str, if_match: IfMatch = None) -> None:
    session = session_of(ctx)
    path = f"/v1/chargers/{part(charger_id)}/mode-rules/{part(rule_id)}"
    done(session, session.command("DELETE", path, if_match=if_match), f"rule {rule_id} is withdrawn")


@rules.command("list")
def list_rules(ctx: typer.Context, charger_id: Charger) -> None:
    session = session_of(ctx)
    shown = columns(
        "rule_id", "name", "mode", "recurrence", "start", "end", "applies_from", "applies_until", "priority"
    )
    table(session, _rules(session, charger_id), shown, nothing="no rules")


def _rules(session: Session, charger_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.get(f"/v1/chargers/{part(charger_id)}")["mode_rules"]
    return found


# --- exceptions --------------------------------------------------------------------------------------------------------


@exceptions.command("add")
def add_exception(
    ctx: typer.Context,
    charger_id: Charger,
    mode: Annotated[str, typer.Argument(help="freevend or managed")],
    reason: Annotated[str, typer.Option()],
    date: Annotated[str | None, typer.Option(help="Local date")] = None,
    until_date: Annotated[str | None, typer.Option(help="Its last day, included")] = None,
    calendar: Annotated[str | None, typer.Option(help="All days of this calendar of the depot")] = None,
    if_match: IfMatch = None,
) -> None:
    """Give a charger a mode on whole local days."""
    session = session_of(ctx)
    body = given(mode=mode, reason=reason, date=date, until_date=until_date, calendar_id=calendar)
    answer = session.command("POST", f"/v1/chargers/{part(charger_id)}/exceptions", body, if_match=if_match)
    done(session, answer, f"exception {answer['exception_id']} on {charger_id}")


@exceptions.command("remove")
def remove_exception(ctx: typer.Context, charger_id: Charger, exception_id: str, if_match: IfMatch = None) -> None:
    session = session_of(ctx)
    path = f"/v1/chargers/{part(charger_id)}/exceptions/{part(exception_id)}"
    done(session, session.command("DELETE", path, if_match=if_match), f"exception {exception_id} is gone")


@exceptions.command("list")
def list_exceptions(ctx: typer.Context, charger_id: Charger) -> None:
    session = session_of(ctx)
    charger = session.get(f"/v1/chargers/{part(charger_id)}")
    shown = columns("exception_id", "date", "until_date", "calendar_id", "mode", "reason")
    table(session, charger["exceptions"], shown, nothing="no exceptions")


@app.command("overrides")
def list_overrides(ctx: typer.Context, charger_id: Charger) -> None:
    """Overrides of a charger, past ones too."""
    session = session_of(ctx)
    charger = session.get(f"/v1/chargers/{part(charger_id)}")
    shown = columns("override_id", "mode", "from", "until", "reason", "made_by")
    table(session, charger["overrides"], shown, about=charger, nothing="no overrides")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
