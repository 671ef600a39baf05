"""`access-policy rules`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import Rule
from access_policy.entrypoints.cli.choosing import OrAllOfDepot
from access_policy.entrypoints.cli.completion import Charger, Depot
from access_policy.entrypoints.cli.depots import IfMatch
from access_policy.entrypoints.cli.identities import chargers_of
from access_policy.entrypoints.cli.many_results import results
from access_policy.entrypoints.cli.printing import columns, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.rule_options import (
    Clock,
    Mode,
    Name,
    NewClock,
    NewMode,
    NewRecurrence,
    Recurrence,
    rule_of,
    with_rule_options,
)
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)


@app.command("add")
@with_rule_options
def add_rule(
    ctx: typer.Context,
    charger_id: Charger,
    name: Name,
    mode: Mode,
    recurrence: Recurrence,
    start: Clock,
    end: Clock,
    if_match: IfMatch = None,
) -> None:
    """Schedule a mode in recurring windows."""
    session = session_of(ctx)
    body = rule_of(ctx)
    answer = session.command("POST", f"/v1/chargers/{segment(charger_id)}/mode-rules", body, if_match=if_match)
    done(session, answer, f"rule {answer['rule_id']} on {charger_id}")


@app.command("add-many")
@with_rule_options
def add_rule_to_many(
    ctx: typer.Context,
    depot_id: Depot,
    name: Name,
    mode: Mode,
    recurrence: Recurrence,
    start: Clock,
    end: Clock,
    charger: OrAllOfDepot = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and record nothing")] = False,
) -> None:
    """Add the same rule to many chargers of a depot."""
    session = session_of(ctx)
    rule = rule_of(ctx)
    body = {"charger_ids": chargers_of(session, charger) or "all", "rule": rule, "dry_run": dry_run}
    results(session, session.command("POST", f"/v1/depots/{segment(depot_id)}/mode-rules", body))


@app.command("amend")
@with_rule_options
def amend_rule(
    ctx: typer.Context,
    charger_id: Charger,
    rule_id: Rule,
    name: Annotated[str | None, typer.Option(help="New name")] = None,
    mode: NewMode = None,
    recurrence: NewRecurrence = None,
    start: NewClock = None,
    end: NewClock = None,
    if_match: IfMatch = None,
) -> None:
    """Change the named fields of a rule."""
    session = session_of(ctx)
    kept = next((each for each in _rules(session, charger_id) if each["rule_id"] == rule_id), None)
    if kept is None:
        session.refuse(f"charger {charger_id} has no rule {rule_id}; see: access-policy rules list {charger_id}")
    changes = rule_of(ctx)
    if ctx.params["end_day_offset"] is None and (start is not None or end is not None):
        kept = {**kept, "end_day_offset": None}  # the service derives it from the new times
    body = {key: value for key, value in {**kept, **changes}.items() if key != "rule_id"}
    path = f"/v1/chargers/{segment(charger_id)}/mode-rules/{segment(rule_id)}"
    done(session, session.command("PUT", path, body, if_match=if_match), f"rule {rule_id} is amended")


@app.command("withdraw")
def withdraw_rule(ctx: typer.Context, charger_id: Charger, rule_id: Rule, if_match: IfMatch = None) -> None:
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
