"""`access-policy vehicles` and `agreements`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.printing import columns, detail, document, done, given, session_of, table
from access_policy.entrypoints.cli.session import Session, part

vehicles = typer.Typer(no_args_is_help=True)
agreements = typer.Typer(no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="For the record")]
Values = Annotated[list[str] | None, typer.Option()]


@vehicles.command("put")
def put_vehicle(
    ctx: typer.Context,
    vehicle_id: str,
    name: Annotated[str, typer.Option()],
    agreement: Annotated[str | None, typer.Option(help="Of another fleet under this agreement [default: own]")] = None,
    valid_from: Annotated[str | None, typer.Option()] = None,
    valid_until: Annotated[str | None, typer.Option()] = None,
    rfid: Values = None,
    mac: Values = None,
    emaid: Values = None,
    pin: Values = None,
    plate: Values = None,
    other: Values = None,
    if_match: IfMatch = None,
) -> None:
    """Register a vehicle, or describe it anew with exactly these identifiers."""
    session = session_of(ctx)
    kinds = {"rfid": rfid, "mac": mac, "emaid": emaid, "pin": pin, "plate": plate, "other": other}
    body = given(
        name=name,
        access_class="own" if agreement is None else "agreement",
        agreement_id=agreement,
        valid_from=session.instant(valid_from),
        valid_until=session.instant(valid_until),
    )
    body["identifiers"] = [{"kind": kind, "value": value} for kind, values in kinds.items() for value in values or []]
    answer = session.command("PUT", f"/v1/vehicles/{part(vehicle_id)}", body, if_match=if_match)
    for hint in answer.get("hints", []):
        session.err.print(f"note: {hint['message']}", markup=False)
    done(session, answer, f"vehicle {vehicle_id} has {len(answer['identifiers'])} identifiers")


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
    name: Annotated[str, typer.Option()],
    fleet: Annotated[str, typer.Option()],
    valid_from: Annotated[str, typer.Option()],
    valid_until: Annotated[str | None, typer.Option()] = None,
    charger: Annotated[list[str] | None, typer.Option(help="Where it holds [default: everywhere]")] = None,
    depot: Annotated[list[str] | None, typer.Option()] = None,
    hours: Annotated[
        list[str] | None, typer.Option(help="DAYS START-END, such as 'MO,TU 22:00-06:00' [default: always]")
    ] = None,
    identifier_kind: Annotated[
        list[str] | None, typer.Option(help="Kinds that identify its vehicles [default: all]")
    ] = None,
    if_match: IfMatch = None,
) -> None:
    """Record an agreement, or correct it."""
    session = session_of(ctx)
    body = given(
        name=name,
        fleet=fleet,
        valid_from=session.instant(valid_from),
        valid_until=session.instant(valid_until),
        charger_ids=charger,
        depot_ids=depot,
        hours=[_hours(session, each) for each in hours or []],
        identifier_kinds=identifier_kind,
    )
    answer = session.command("PUT", f"/v1/agreements/{part(agreement_id)}", body, if_match=if_match)
    done(session, answer, f"agreement {agreement_id} is set")


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
