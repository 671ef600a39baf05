"""`access-policy schedules`: schedules of a depot that many chargers follow."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.choosing import Everyone, Followers, SomeChargers
from access_policy.entrypoints.cli.completion import Depot, Schedule
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.history import DepotOption
from access_policy.entrypoints.cli.identities import chargers_of, identity, whole_id
from access_policy.entrypoints.cli.many_results import results
from access_policy.entrypoints.cli.printing import columns, compact, detail, document, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.rule_options import (
    Clock,
    Mode,
    NewClock,
    NewMode,
    NewRecurrence,
    Recurrence,
    RuleName,
    ScheduleName,
    rule_of,
    with_rule_options,
)
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change and record nothing")]
WhatIf = Annotated[
    int | None,
    typer.Option(
        "--what-if", metavar="DAYS", help="With --dry-run: count the attempts of the last DAYS that would differ"
    ),
]


@app.command("create")
@with_rule_options
def create_schedule(
    ctx: typer.Context,
    depot_id: Depot,
    name: ScheduleName,
    rule: RuleName,
    mode: Mode,
    recurrence: Recurrence,
    start: Clock,
    end: Clock,
    charger: Followers = None,
    everyone: Everyone = False,
    dry_run: DryRun = False,
    what_if: WhatIf = None,
) -> None:
    """Create a schedule with its first rule, and let chargers follow it."""
    session = session_of(ctx)
    rules = [{**rule_of(ctx), "name": rule}]
    followers = _chosen(session, charger, everyone) or []
    depot_id = whole_id(session, "depots", depot_id)
    body = {"depot_id": depot_id, "name": name, "rules": rules, "charger_ids": followers, **_tried(dry_run, what_if)}
    answer = session.command("POST", "/v1/schedules", body)
    _put(session, answer, f"schedule {answer['schedule_id']} ({name}) is created")


@app.command("add-rule")
@with_rule_options
def add_rule(
    ctx: typer.Context,
    schedule_id: Schedule,
    rule: RuleName,
    mode: Mode,
    recurrence: Recurrence,
    start: Clock,
    end: Clock,
    dry_run: DryRun = False,
    what_if: WhatIf = None,
) -> None:
    """Add a rule to a schedule and to all chargers that follow it."""
    session = session_of(ctx)
    known = _schedule(session, schedule_id)
    if any(each["name"] == rule for each in known["rules"]):
        session.refuse(f"schedule {schedule_id} already has a rule {rule}; amend it, or choose another name")
    rules = [*known["rules"], {**rule_of(ctx), "name": rule}]
    _amend(session, known, {"rules": rules}, dry_run, what_if, f"schedule {schedule_id} has the rule {rule}")


@app.command("amend-rule")
@with_rule_options
def amend_rule(
    ctx: typer.Context,
    schedule_id: Schedule,
    rule: RuleName,
    name: Annotated[str | None, typer.Option(help="New name of the rule")] = None,
    mode: NewMode = None,
    recurrence: NewRecurrence = None,
    start: NewClock = None,
    end: NewClock = None,
    dry_run: DryRun = False,
    what_if: WhatIf = None,
) -> None:
    """Change the named fields of a rule for all chargers that follow the schedule."""
    session = session_of(ctx)
    known = _schedule(session, schedule_id)
    kept = _rule(session, known, rule)
    if ctx.params["end_day_offset"] is None and (start is not None or end is not None):
        kept = {**kept, "end_day_offset": None}  # the service derives it from the new times
    amended = {**kept, **rule_of(ctx)}
    rules = [amended if each["name"] == rule else each for each in known["rules"]]
    _amend(session, known, {"rules": rules}, dry_run, what_if, f"the rule {rule} is amended")


@app.command("withdraw-rule")
def withdraw_rule(
    ctx: typer.Context, schedule_id: Schedule, rule: RuleName, dry_run: DryRun = False, what_if: WhatIf = None
) -> None:
    """Withdraw a rule from a schedule and from all chargers that follow it."""
    session = session_of(ctx)
    known = _schedule(session, schedule_id)
    _rule(session, known, rule)
    rules = [each for each in known["rules"] if each["name"] != rule]
    if not rules:
        session.refuse("a schedule needs at least one rule; let the chargers leave it, and then remove it")
    if not dry_run:
        session.confirm(f"withdraw the rule {rule} from {known['name']}")
    _amend(session, known, {"rules": rules}, dry_run, what_if, f"the rule {rule} is withdrawn")


@app.command("rename")
def rename_schedule(ctx: typer.Context, schedule_id: Schedule, name: ScheduleName) -> None:
    """Give a schedule another name."""
    session = session_of(ctx)
    known = _schedule(session, schedule_id)
    _amend(session, known, {"name": name}, False, None, f"schedule {schedule_id} is now called {name}")


@app.command("list")
def list_schedules(ctx: typer.Context, depot: DepotOption = None) -> None:
    """List schedules."""
    session = session_of(ctx)
    rows = session.get("/v1/schedules", depot_id=identity(session, "depots", depot))["items"]
    shown = columns("schedule_id", "name", "depot_id", "rule_count", "charger_count")
    table(session, rows, shown, nothing="no schedules; create one: access-policy schedules create --help")


@app.command("show")
def show_schedule(ctx: typer.Context, schedule_id: Schedule) -> None:
    """Show a schedule, its rules and the chargers that follow it."""
    session = session_of(ctx)
    detail(session, _schedule(session, schedule_id))


@app.command("follow")
def follow_schedule(
    ctx: typer.Context,
    schedule_id: Schedule,
    charger: SomeChargers = None,
    everyone: Everyone = False,
    dry_run: DryRun = False,
    what_if: WhatIf = None,
) -> None:
    """Let chargers follow a schedule."""
    _following(ctx, schedule_id, charger, everyone, dry_run, what_if, follows=True)


@app.command("leave")
def leave_schedule(
    ctx: typer.Context,
    schedule_id: Schedule,
    charger: SomeChargers = None,
    everyone: Everyone = False,
    dry_run: DryRun = False,
    what_if: WhatIf = None,
) -> None:
    """Let chargers leave a schedule."""
    _following(ctx, schedule_id, charger, everyone, dry_run, what_if, follows=False)


@app.command("remove")
def remove_schedule(ctx: typer.Context, schedule_id: Schedule, if_match: IfMatch = None) -> None:
    """Remove a schedule that no charger follows."""
    session = session_of(ctx)
    session.confirm(f"remove the schedule {schedule_id}")
    answer = session.command("DELETE", f"/v1/schedules/{segment(schedule_id)}", if_match=if_match)
    done(session, answer, f"schedule {schedule_id} is removed")


def _following(
    ctx: typer.Context,
    schedule_id: str,
    charger: list[str] | None,
    everyone: bool,
    dry_run: bool,
    what_if: int | None,
    *,
    follows: bool,
) -> None:
    session = session_of(ctx)
    named = _chosen(session, charger, everyone)
    if named is None:
        session.refuse("name the chargers, or give --all")
    body = {"charger_ids": named, "follows": follows, **_tried(dry_run, what_if)}
    answer = session.command("POST", f"/v1/schedules/{segment(schedule_id)}/chargers", body)
    _put(session, answer, None)


def _chosen(session: Session, charger: list[str] | None, everyone: bool) -> list[str] | str | None:
    if everyone and charger:
        session.refuse("--all contradicts the named chargers; give one of them")
    return "all" if everyone else chargers_of(session, charger)


def _tried(dry_run: bool, what_if: int | None) -> dict[str, Any]:
    return {"dry_run": dry_run, **compact(what_if_days=what_if)}


def _amend(
    session: Session, known: Any, changes: dict[str, Any], dry_run: bool, what_if: int | None, sentence: str
) -> None:
    """Amend the version that was read, so that an amendment made in between is not lost."""
    body = {"name": known["name"], "rules": known["rules"], **changes, **_tried(dry_run, what_if)}
    path = f"/v1/schedules/{segment(known['schedule_id'])}"
    answer = session.command("PUT", path, body, if_match=f'"{known["version"]}"')
    _put(session, answer, sentence)


def _put(session: Session, answer: Any, sentence: str | None) -> None:
    if document(session, answer):
        return
    if sentence is not None and not answer["dry_run"]:
        session.out.print(sentence, markup=False)
    results(session, answer)
    if (differing := answer.get("what_if")) is not None:
        session.out.print(
            f"{differing['different']} of {counted(differing['attempts'], 'attempt')} would have been decided differently: "
            f"{differing['newly_allowed']} newly allowed, {differing['newly_denied']} newly denied",
            markup=False,
        )


def _schedule(session: Session, schedule_id: str) -> Any:
    return session.get(f"/v1/schedules/{segment(schedule_id)}")


def _rule(session: Session, known: Any, name: str) -> dict[str, Any]:
    found = next((each for each in known["rules"] if each["name"] == name), None)
    if found is None:
        names = ", ".join(each["name"] for each in known["rules"])
        session.refuse(f"schedule {known['schedule_id']} has no rule {name}; it has {names}")
    return dict(found)
