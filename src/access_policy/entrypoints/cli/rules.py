"""`access-policy rules`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.completion import Charger, Depot
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.many_results import results
from access_policy.entrypoints.cli.printing import columns, compact, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.recurrences import rrule
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Option()]
Mode = Annotated[str, typer.Option(help="freevend or managed")]
Recurrence = Annotated[str, typer.Option(help="daily, weekdays, weekends, mon,wed, mon-fri, or an RRULE")]
Clock = Annotated[str, typer.Option(help="Local time, such as 22:00")]
EndDay = Annotated[
    int | None, typer.Option("--end-day-offset", help="[default: 1 if the end is before the start, else 0]")
]
Zone = Annotated[str | None, typer.Option("--rule-time-zone", help="[default: the depot's]")]
Applies = Annotated[str | None, typer.Option(help="Local date or instant")]
Priority = Annotated[int | None, typer.Option(help="The rule with the greater number applies [default: 0]")]
Dates = Annotated[list[str] | None, typer.Option(help="Local date; repeatable")]
Calendars = Annotated[list[str] | None, typer.Option(help="The depot's holiday calendar; repeatable")]


_FIELDS_BY_OPTION = {
    "rule_time_zone": "time_zone",
    "except_date": "except_dates",
    "extra_date": "extra_dates",
    "except_calendar": "except_calendars",
    "extra_calendar": "extra_calendars",
}
_SAME_NAMES = (
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


def rule_of(ctx: typer.Context) -> dict[str, Any]:
    """Return the rule's fields that the command's options name."""
    fields = {**{name: name for name in _SAME_NAMES}, **_FIELDS_BY_OPTION}
    named = compact(**{field: ctx.params.get(option) for option, field in fields.items()})
    return {**named, "recurrence": rrule(named["recurrence"])} if "recurrence" in named else named


@app.command("add")
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
    body = rule_of(ctx)
    answer = session.command("POST", f"/v1/chargers/{segment(charger_id)}/mode-rules", body, if_match=if_match)
    done(session, answer, f"rule {answer['rule_id']} on {charger_id}")


@app.command("add-many")
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
    """Add the same rule to many chargers of a depot."""
    session = session_of(ctx)
    rule = rule_of(ctx)
    body = {"charger_ids": charger or "all", "rule": rule, "dry_run": dry_run}
    results(session, session.command("POST", f"/v1/depots/{segment(depot_id)}/mode-rules", body))


@app.command("amend")
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
    """Change the named fields of a rule."""
    session = session_of(ctx)
    kept = next((each for each in _rules(session, charger_id) if each["rule_id"] == rule_id), None)
    if kept is None:
        session.refuse(f"charger {charger_id} has no rule {rule_id}; see: access-policy rules list {charger_id}")
    changes = rule_of(ctx)
    if end_day_offset is None and (start is not None or end is not None):
        kept = {**kept, "end_day_offset": None}  # the service derives it from the new times
    body = {key: value for key, value in {**kept, **changes}.items() if key != "rule_id"}
    path = f"/v1/chargers/{segment(charger_id)}/mode-rules/{segment(rule_id)}"
    done(session, session.command("PUT", path, body, if_match=if_match), f"rule {rule_id} is amended")


@app.command("withdraw")
def withdraw_rule(ctx: typer.Context, charger_id: Charger, rule_id: str, if_match: IfMatch = None) -> None:
    """Withdraw a rule."""
    session = session_of(ctx)
    session.confirm(f"withdraw the rule {rule_id} of {charger_id}")
    path = f"/v1/chargers/{segment(charger_id)}/mode-rules/{segment(rule_id)}"
    done(session, session.command("DELETE", path, if_match=if_match), f"rule {rule_id} is withdrawn")


@app.command("list")
def list_rules(ctx: typer.Context, charger_id: Charger) -> None:
    """List a charger's rules."""
    session = session_of(ctx)
    shown = columns(
        "rule_id", "name", "mode", "recurrence", "start", "end", "applies_from", "applies_until", "priority"
    )
    table(session, _rules(session, charger_id), shown, nothing="no rules")


def _rules(session: Session, charger_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.get(f"/v1/chargers/{segment(charger_id)}")["mode_rules"]
    return found
