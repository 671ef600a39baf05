"""`access-policy agreements`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.amending import amend, print_changes
from access_policy.entrypoints.cli.arguments import Agreement, NewAgreement
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.printing import columns, compact, detail, done, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

AGREEMENT_FIELDS = (
    "name",
    "fleet",
    "valid_from",
    "valid_until",
    "charger_ids",
    "depot_ids",
    "hours",
    "identifier_kinds",
)


@app.command("put")
def put_agreement(
    ctx: typer.Context,
    agreement_id: NewAgreement,
    name: Annotated[str | None, typer.Option(help="Required for a new agreement")] = None,
    fleet: Annotated[str | None, typer.Option(help="Required for a new agreement")] = None,
    valid_from: Annotated[str | None, typer.Option(help="Required for a new agreement")] = None,
    valid_until: Annotated[str | None, typer.Option(help="End of its validity [default: none]")] = None,
    no_end: Annotated[bool, typer.Option("--no-end", help="Valid without an end date")] = False,
    charger: Annotated[
        list[str] | None, typer.Option(help="Charger where it is valid; repeatable [default: everywhere]")
    ] = None,
    depot: Annotated[list[str] | None, typer.Option(help="Depot where it is valid; repeatable")] = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Valid at all chargers of all depots")] = False,
    hours: Annotated[
        list[str] | None, typer.Option(help="DAYS START-END, such as 'MO,TU 22:00-06:00' [default: always]")
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="Valid at all hours")] = False,
    identifier_kind: Annotated[
        list[str] | None, typer.Option(help="Kind that identifies its vehicles; repeatable [default: all]")
    ] = None,
    any_kind: Annotated[
        bool, typer.Option("--any-kind", help="All kinds of identifiers identify its vehicles")
    ] = False,
    if_match: IfMatch = None,
) -> None:
    """Record an agreement, or change the named fields and print the changes.

    Only --everywhere, --always, --any-kind and --no-end remove limits.
    """
    session = session_of(ctx)
    named = compact(
        name=name,
        fleet=fleet,
        valid_from=session.instant(valid_from),
        valid_until=session.instant(valid_until),
        charger_ids=charger,
        depot_ids=depot,
        hours=[_hours(session, each) for each in hours or []],
        identifier_kinds=identifier_kind,
    )
    emptied = {
        "--everywhere": (everywhere, ("charger_ids", "depot_ids")),
        "--always": (always, ("hours",)),
        "--any-kind": (any_kind, ("identifier_kinds",)),
        "--no-end": (no_end, ("valid_until",)),
    }
    for option, (is_given, fields) in emptied.items():
        if is_given and any(field in named for field in fields):
            session.refuse(f"{option} contradicts another option; give one of them")
        named |= dict.fromkeys(fields) if is_given else {}
    before, answer = amend(
        session,
        f"/v1/agreements/{segment(agreement_id)}",
        AGREEMENT_FIELDS,
        named,
        needed={"name": "--name", "fleet": "--fleet", "valid_from": "--valid-from"},
        if_match=if_match,
    )
    print_changes(session, f"agreement {agreement_id} saved", before, answer, AGREEMENT_FIELDS)


@app.command("list")
def list_agreements(ctx: typer.Context, limit: Limit = None) -> None:
    """List agreements."""
    session = session_of(ctx)
    shown = columns(
        "agreement_id", "name", "fleet", "valid_from", "valid_until", "ended_at", "depot_ids", "charger_ids"
    )
    table(session, session.pages("/v1/agreements", limit), shown, nothing="no agreements")


@app.command("show")
def show_agreement(ctx: typer.Context, agreement_id: Agreement) -> None:
    """Show an agreement."""
    session = session_of(ctx)
    detail(session, session.get(f"/v1/agreements/{segment(agreement_id)}"))


@app.command("end")
def end_agreement(ctx: typer.Context, agreement_id: Agreement, if_match: IfMatch = None) -> None:
    """End an agreement now."""
    session = session_of(ctx)
    session.confirm(f"end the agreement {agreement_id}")
    answer = session.command("DELETE", f"/v1/agreements/{segment(agreement_id)}", if_match=if_match)
    done(session, answer, f"agreement {agreement_id} has ended")


def _hours(session: Session, text: str) -> dict[str, Any]:
    days, _, span = text.partition(" ")
    start, separator, end = span.partition("-")
    if not separator:
        session.refuse(f"{text!r} are not valid hours; write 'MO,TU 22:00-06:00'")
    return {"days": days.split(","), "start": start.strip(), "end": end.strip()}
