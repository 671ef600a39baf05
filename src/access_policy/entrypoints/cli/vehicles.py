"""`access-policy vehicles`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.amending import amend, print_changes
from access_policy.entrypoints.cli.arguments import NewVehicle, Vehicle
from access_policy.entrypoints.cli.choosing import Vehicles, chosen, for_each
from access_policy.entrypoints.cli.completion import agreements
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.identities import identity
from access_policy.entrypoints.cli.printing import columns, compact, detail, document, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

VEHICLE_FIELDS = ("name", "access_class", "agreement_id", "valid_from", "valid_until")
Reason = Annotated[str, typer.Option(help="Recorded with your name")]


_KINDS: Final = ("rfid", "mac", "emaid", "pin", "plate", "other")

Name = Annotated[str | None, typer.Option(help="Required for a new vehicle")]
AgreementOption = Annotated[
    str | None,
    typer.Option(autocompletion=agreements, help="Agreement of its fleet [default: an own vehicle]"),
]
Own = Annotated[bool, typer.Option("--own", help="Make it an own vehicle, without an agreement")]
ValidFrom = Annotated[str | None, typer.Option(help="Start of its validity [default: now]")]
ValidUntil = Annotated[str | None, typer.Option(help="End of its validity")]
NoEnd = Annotated[bool, typer.Option("--no-end", help="Valid without an end")]
Rfids = Annotated[list[str] | None, typer.Option(help="Card number; repeatable")]
Macs = Annotated[list[str] | None, typer.Option(help="MAC address of the vehicle; repeatable")]
Emaids = Annotated[list[str] | None, typer.Option(help="EMAID of a contract; repeatable")]
Pins = Annotated[list[str] | None, typer.Option(help="PIN; repeatable")]
Plates = Annotated[list[str] | None, typer.Option(help="Number plate; repeatable")]
Others = Annotated[list[str] | None, typer.Option(help="Identifier of another kind; repeatable")]


@app.command("put")
def put_vehicle(
    ctx: typer.Context,
    vehicle_id: NewVehicle,
    name: Name = None,
    agreement: AgreementOption = None,
    own: Own = False,
    valid_from: ValidFrom = None,
    valid_until: ValidUntil = None,
    no_end: NoEnd = False,
    rfid: Rfids = None,
    mac: Macs = None,
    emaid: Emaids = None,
    pin: Pins = None,
    plate: Plates = None,
    other: Others = None,
    if_match: IfMatch = None,
) -> None:
    """Register a vehicle, or change the named fields. Named identifiers replace all identifiers of the vehicle."""
    session = session_of(ctx)
    named = _named(session, ctx.params)
    before, answer = amend(
        session,
        f"/v1/vehicles/{segment(vehicle_id)}",
        VEHICLE_FIELDS,
        named,
        defaults={"access_class": "own", "identifiers": []},
        kept_by_null=() if "identifiers" in named else ("identifiers",),
        needed={"name": "--name"},
        if_match=if_match,
    )
    for note in answer.get("hints", []):
        session.err.print(f"note: {note['message']}", markup=False)
    sentence = f"vehicle {vehicle_id} has {counted(len(answer['identifiers']), 'identifier')}"
    print_changes(session, sentence, _masked(before), _masked(answer), (*VEHICLE_FIELDS, "identifiers"))


def _named(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the options name."""
    own, agreement = given["own"], given["agreement"]
    if own and agreement is not None:
        session.refuse("--own and --agreement contradict each other; give one of them")
    named = compact(
        name=given["name"],
        valid_from=session.instant(given["valid_from"]),
        valid_until=session.instant(given["valid_until"]),
        identifiers=[{"kind": kind, "value": value} for kind in _KINDS for value in given[kind] or []],
    )
    if own or agreement is not None:
        agreement_id = identity(session, "agreements", agreement)
        named |= {"access_class": "own" if own else "agreement", "agreement_id": agreement_id}
    return named | ({"valid_until": None} if given["no_end"] else {})


def _masked(vehicle: Any) -> Any:
    """Return the vehicle with its identifiers masked and sorted."""
    if vehicle is None:
        return None
    return {**vehicle, "identifiers": sorted(f"{each['kind']} {each['masked']}" for each in vehicle["identifiers"])}


@app.command("list")
def list_vehicles(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="Part of the name")] = None,
    access_class: Annotated[str | None, typer.Option("--class", help="own or agreement")] = None,
    agreement: Annotated[str | None, typer.Option(autocompletion=agreements, help="Under this agreement")] = None,
    limit: Limit = None,
) -> None:
    """List vehicles."""
    session = session_of(ctx)
    agreement_id = identity(session, "agreements", agreement)
    rows = session.pages("/v1/vehicles", limit, name=name, access_class=access_class, agreement_id=agreement_id)
    _vehicles(session, rows)


@app.command("find")
def find_vehicle(
    ctx: typer.Context,
    identifier: Annotated[str, typer.Argument(metavar="IDENTIFIER", help="The identifier, in any spelling")],
) -> None:
    """Find the vehicle that has this identifier."""
    session = session_of(ctx)
    found = session.get("/v1/vehicles", identifier=identifier)
    if document(session, found):
        return
    for note in found["hints"]:
        session.err.print(f"note: {note['message']}", markup=False)
    _vehicles(session, found["items"])


@app.command("show")
def show_vehicle(ctx: typer.Context, vehicle_id: Vehicle) -> None:
    """Show a vehicle."""
    session = session_of(ctx)
    detail(session, session.get(f"/v1/vehicles/{segment(vehicle_id)}"))


@app.command("remove")
def remove_vehicles(ctx: typer.Context, vehicle: Vehicles, if_match: IfMatch = None) -> None:
    """Remove vehicles and erase the values of their identifiers."""
    session = session_of(ctx)
    ids = chosen(session, vehicle, "vehicle")
    them = "the vehicle" if len(ids) == 1 else "the vehicles"
    session.confirm(f"remove {them} {', '.join(ids)} with the values of all identifiers")

    def remove(vehicle_id: str) -> tuple[Any, str]:
        answer = session.command("DELETE", f"/v1/vehicles/{segment(vehicle_id)}", if_match=if_match)
        return answer, f"removed vehicle {vehicle_id}"

    for_each(session, ids, remove)


@app.command("suspend")
def suspend_vehicles(ctx: typer.Context, vehicle: Vehicles, reason: Reason, if_match: IfMatch = None) -> None:
    """Suspend vehicles."""
    _change_each(session_of(ctx), vehicle, "suspend", reason, if_match, "is suspended")


@app.command("reinstate")
def reinstate_vehicles(ctx: typer.Context, vehicle: Vehicles, reason: Reason, if_match: IfMatch = None) -> None:
    """Reinstate suspended vehicles."""
    _change_each(session_of(ctx), vehicle, "reinstate", reason, if_match, "may charge again")


def _change_each(
    session: Session, vehicles: list[str], change: str, reason: str, if_match: str | None, result: str
) -> None:
    def change_one(vehicle_id: str) -> tuple[Any, str]:
        path = f"/v1/vehicles/{segment(vehicle_id)}/{change}"
        answer = session.command("POST", path, {"reason": reason}, if_match=if_match)
        return answer, f"vehicle {vehicle_id} {result}"

    for_each(session, chosen(session, vehicles, "vehicle"), change_one)


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
