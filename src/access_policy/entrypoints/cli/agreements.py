"""`access-policy agreements`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from access_policy.entrypoints.cli.amending import amend, print_changes
from access_policy.entrypoints.cli.arguments import Agreement, NewAgreement
from access_policy.entrypoints.cli.completion import chargers, depots
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.identities import chargers_of, identities
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


_LIMITS: Final = {
    "everywhere": ("charger_ids", "depot_ids"),
    "always": ("hours",),
    "any_kind": ("identifier_kinds",),
    "no_end": ("valid_until",),
}

Name = Annotated[str | None, typer.Option(help="Required for a new agreement")]
ValidFrom = Annotated[str | None, typer.Option(help="Start of its validity; required for a new agreement")]
ValidUntil = Annotated[str | None, typer.Option(help="End of its validity [default: none]")]
NoEnd = Annotated[bool, typer.Option("--no-end", help="Valid without an end date")]
Places = Annotated[
    list[str] | None,
    typer.Option(
        autocompletion=chargers, help="Id or pattern of a charger where it is valid; repeatable [default: everywhere]"
    ),
]
Sites = Annotated[
    list[str] | None,
    typer.Option(autocompletion=depots, help="Depot where it is valid, or the beginning of its id; repeatable"),
]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="Valid at all chargers of all depots")]
Hours = Annotated[list[str] | None, typer.Option(help="DAYS START-END, such as 'MO,TU 22:00-06:00' [default: always]")]
Always = Annotated[bool, typer.Option("--always", help="Valid at all hours")]
Kinds = Annotated[list[str] | None, typer.Option(help="Kind that identifies its vehicles; repeatable [default: all]")]
AnyKind = Annotated[bool, typer.Option("--any-kind", help="All kinds of identifiers may identify its vehicles")]


@app.command("put")
def put_agreement(
    ctx: typer.Context,
    agreement_id: NewAgreement,
    name: Name = None,
    fleet: Name = None,
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    no_end: NoEnd = False,
    charger: Places = None,
    depot: Sites = None,
    everywhere: Everywhere = False,
    hours: Hours = None,
    always: Always = False,
    identifier_kind: Kinds = None,
    any_kind: AnyKind = False,
    if_match: IfMatch = None,
) -> None:
    """Record an agreement, or change the named fields and print the changes.

    Only --everywhere, --always, --any-kind and --no-end remove limits.
    """
    session = session_of(ctx)
    path, needed = f"/v1/agreements/{segment(agreement_id)}", {"name": "--name", "fleet": "--fleet"}
    named = _without_limits(session, _named(session, ctx.params), ctx.params)
    before, answer = amend(
        session,
        path,
        AGREEMENT_FIELDS,
        named,
        needed={**needed, "valid_from": "--valid-from"},
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


def _named(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the options name."""
    return compact(
        name=given["name"],
        fleet=given["fleet"],
        valid_from=session.instant(given["valid_from"]),
        valid_until=session.instant(given["valid_until"]),
        charger_ids=chargers_of(session, given["charger"]),
        depot_ids=identities(session, "depots", given["depot"]),
        hours=[_hours(session, each) for each in given["hours"] or []],
        identifier_kinds=given["identifier_kind"],
    )


def _without_limits(session: Session, named: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with null for each limit that an option removes. Ends the command if another option sets it."""
    fields = dict(named)
    for option, limits in _LIMITS.items():
        if not given[option]:
            continue
        if any(each in named for each in limits):
            session.refuse(f"--{option.replace('_', '-')} contradicts another option; give one of them")
        fields |= dict.fromkeys(limits)
    return fields


def _hours(session: Session, text: str) -> dict[str, Any]:
    days, _, span = text.partition(" ")
    start, separator, end = span.partition("-")
    if not separator:
        session.refuse(f"{text!r} is not valid; write hours like 'MO,TU 22:00-06:00'")
    return {"days": days.split(","), "start": start.strip(), "end": end.strip()}
