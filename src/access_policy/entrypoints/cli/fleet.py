"""`access-policy vehicles` and `agreements`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.amending import amend, said
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.printing import columns, detail, document, done, given, session_of, table
from access_policy.entrypoints.cli.session import Session, part

vehicles = typer.Typer(no_args_is_help=True)
agreements = typer.Typer(no_args_is_help=True)

VEHICLE_FIELDS = ("name", "access_class", "agreement_id", "valid_from", "valid_until")
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
Reason = Annotated[str, typer.Option(help="For the record")]
Values = Annotated[list[str] | None, typer.Option()]


@vehicles.command("put")
def put_vehicle(
    ctx: typer.Context,
    vehicle_id: str,
    name: Annotated[str | None, typer.Option(help="Needed for a new vehicle")] = None,
    agreement: Annotated[str | None, typer.Option(help="Of another fleet under this agreement [default: own]")] = None,
    own: Annotated[bool, typer.Option("--own", help="No longer under an agreement")] = False,
    valid_from: Annotated[str | None, typer.Option()] = None,
    valid_until: Annotated[str | None, typer.Option()] = None,
    no_end: Annotated[bool, typer.Option("--no-end", help="Valid without an end")] = False,
    rfid: Values = None,
    mac: Values = None,
    emaid: Values = None,
    pin: Values = None,
    plate: Values = None,
    other: Values = None,
    if_match: IfMatch = None,
) -> None:
    """Register a vehicle, or amend it: what is not named stays as it is. Where an identifier is named, it has exactly those
    that are named."""
    session = session_of(ctx)
    kinds = {"rfid": rfid, "mac": mac, "emaid": emaid, "pin": pin, "plate": plate, "other": other}
    identifiers = [{"kind": kind, "value": value} for kind, values in kinds.items() for value in values or []]
    if own and agreement is not None:
        session.refuse("--own and --agreement contradict each other; give one of them")
    named = given(
        name=name,
        valid_from=session.instant(valid_from),
        valid_until=session.instant(valid_until),
        identifiers=identifiers,
    )
    if own or agreement is not None:
        named |= {"access_class": "own" if own else "agreement", "agreement_id": agreement}
    if no_end:
        named["valid_until"] = None
    path = f"/v1/vehicles/{part(vehicle_id)}"
    before, answer = amend(
        session,
        path,
        VEHICLE_FIELDS,
        named,
        defaults={"access_class": "own", "identifiers": []},
        kept_by_null=() if identifiers else ("identifiers",),
        needed={"name": "--name"},
        if_match=if_match,
    )
    for hint in answer.get("hints", []):
        session.err.print(f"note: {hint['message']}", markup=False)
    sentence = f"vehicle {vehicle_id} has {len(answer['identifiers'])} identifiers"
    said(session, sentence, _masked(before), _masked(answer), (*VEHICLE_FIELDS, "identifiers"))


def _masked(vehicle: Any) -> Any:
    """With its identifiers as they may be shown, in any order."""
    if vehicle is None:
        return None
    return {**vehicle, "identifiers": sorted(f"{each['kind']} {each['masked']}" for each in vehicle["identifiers"])}


@vehicles.command("list")
def list_vehicles(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="Part of the name")] = None,
    access_class: Annotated[str | None, typer.Option("--class", help="own or agreement")] = None,
    agreement: Annotated[str | None, typer.Option()] = None,
    limit: Limit = None,
) -> None:
    session = session_of(ctx)
    rows = session.pages("/v1/vehicles", limit, name=name, access_class=access_class, agreement_id=agreement)
    _vehicles(session, rows)


@vehicles.command("find")
def find_vehicle(ctx: typer.Context, identifier: Annotated[str, typer.Argument(help="In any spelling")]) -> None:
    """Which vehicle has this identifier?"""
    session = session_of(ctx)
    found = session.get("/v1/vehicles", identifier=identifier)
    if document(session, found):
        return
    for hint in found["hints"]:
        session.err.print(f"note: {hint['message']}", markup=False)
    _vehicles(session, found["items"])


@vehicles.command("show")
def show_vehicle(ctx: typer.Context, vehicle_id: str) -> None:
    session = session_of(ctx)
    detail(session, session.get(f"/v1/vehicles/{part(vehicle_id)}"))


@vehicles.command("remove")
def remove_vehicle(ctx: typer.Context, vehicle_id: str, if_match: IfMatch = None) -> None:
    """Forget a vehicle and the values of its identifiers."""
    session = session_of(ctx)
    answer = session.command("DELETE", f"/v1/vehicles/{part(vehicle_id)}", if_match=if_match)
    done(session, answer, f"vehicle {vehicle_id} is forgotten")


@vehicles.command("suspend")
def suspend_vehicle(ctx: typer.Context, vehicle_id: str, reason: Reason, if_match: IfMatch = None) -> None:
    session = session_of(ctx)
    path = f"/v1/vehicles/{part(vehicle_id)}/suspend"
    done(
        session,
        session.command("POST", path, {"reason": reason}, if_match=if_match),
        f"vehicle {vehicle_id} is suspended",
    )


@vehicles.command("reinstate")
def reinstate_vehicle(ctx: typer.Context, vehicle_id: str, reason: Reason, if_match: IfMatch = None) -> None:
    session = session_of(ctx)
    path = f"/v1/vehicles/{part(vehicle_id)}/reinstate"
    done(
        session,
        session.command("POST", path, {"reason": reason}, if_match=if_match),
        f"vehicle {vehicle_id} may charge again",
    )


def _vehicles(session: Session, rows: Any) -> None:
    table(
        session,
        rows,
        [
            *columns("vehicle_id", "name", "access_class", "agreement_id", "suspended"),
            (
                "identifiers",
                lambda row: [f"{each['kind']} {each.get('value') or each['masked']}" for each in row["identifiers"]],
            ),
        ],
        nothing="no vehicles",
    )


# --- agreements --------------------------------------------------------------------------------------------------------


@agreements.command("put")
def put_agreement(
    ctx: typer.Context,
    agreement_id: str,
    name: Annotated[str | None, typer.Option(help="Needed for a new agreement")] = None,
    fleet: Annotated[str | None, typer.Option(help="Needed for a new agreement")] = None,
    valid_from: Annotated[str | None, typer.Option(help="Needed for a new agreement")] = None,
    valid_until: Annotated[str | None, typer.Option()] = None,
    no_end: Annotated[bool, typer.Option("--no-end", help="Valid until it is ended")] = False,
    charger: Annotated[list[str] | None, typer.Option(help="Where it holds [default: everywhere]")] = None,
    depot: Annotated[list[str] | None, typer.Option()] = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="At all chargers of all depots")] = False,
    hours: Annotated[
        list[str] | None, typer.Option(help="DAYS START-END, such as 'MO,TU 22:00-06:00' [default: always]")
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="At all hours")] = False,
    identifier_kind: Annotated[
        list[str] | None, typer.Option(help="Kinds that identify its vehicles [default: all]")
    ] = None,
    any_kind: Annotated[bool, typer.Option("--any-kind", help="Identifiers of all kinds")] = False,
    if_match: IfMatch = None,
) -> None:
    """Record an agreement, or amend it: what is not named stays as it is, and what changed is printed. Places, hours, kinds and
    the end are taken away with --everywhere, --always, --any-kind and --no-end only."""
    session = session_of(ctx)
    named = given(
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
        f"/v1/agreements/{part(agreement_id)}",
        AGREEMENT_FIELDS,
        named,
        needed={"name": "--name", "fleet": "--fleet", "valid_from": "--valid-from"},
        if_match=if_match,
    )
    said(session, f"agreement {agreement_id} is set", before, answer, AGREEMENT_FIELDS)


@agreements.command("list")
def list_agreements(ctx: typer.Context, limit: Limit = None) -> None:
    session = session_of(ctx)
    shown = columns(
        "agreement_id", "name", "fleet", "valid_from", "valid_until", "ended_at", "depot_ids", "charger_ids"
    )
    table(session, session.pages("/v1/agreements", limit), shown, nothing="no agreements")


@agreements.command("show")
def show_agreement(ctx: typer.Context, agreement_id: str) -> None:
    session = session_of(ctx)
    detail(session, session.get(f"/v1/agreements/{part(agreement_id)}"))


@agreements.command("end")
def end_agreement(ctx: typer.Context, agreement_id: str, if_match: IfMatch = None) -> None:
    """From now on it covers nothing."""
    session = session_of(ctx)
    answer = session.command("DELETE", f"/v1/agreements/{part(agreement_id)}", if_match=if_match)
    done(session, answer, f"agreement {agreement_id} has ended")


def _hours(session: Session, text: str) -> dict[str, Any]:
    days, _, span = text.partition(" ")
    start, separator, end = span.partition("-")
    if not separator:
        session.refuse(f"{text!r} are no hours; write 'MO,TU 22:00-06:00'")
    return {"days": days.split(","), "start": start.strip(), "end": end.strip()}
