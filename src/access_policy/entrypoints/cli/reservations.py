"""`access-policy reservations list|show|make|change|replace|cancel`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import Reservation
from access_policy.entrypoints.cli.completion import Depot, chargers, vehicles
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.history import DepotOption
from access_policy.entrypoints.cli.identities import identity, whole_id
from access_policy.entrypoints.cli.printing import compact, detail, done, field, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()

Vehicle = Annotated[
    str | None, typer.Option(autocompletion=vehicles, help="Vehicle of the registry that may charge, or its beginning")
]
Rfid = Annotated[list[str] | None, typer.Option(help="Card that may charge; repeatable")]
Plate = Annotated[list[str] | None, typer.Option(help="Number plate that may charge; repeatable")]
Pin = Annotated[list[str] | None, typer.Option(help="Code that may be entered at the charger; repeatable")]
Charger = Annotated[str | None, typer.Option(autocompletion=chargers, help="Charger id, or its beginning")]
Connector = Annotated[int | None, typer.Option(min=1, help="Connector of the charger [default: the whole charger]")]
InGroup = Annotated[str | None, typer.Option("--group", help="Reservation group, for any free charger of the group")]
Start = Annotated[str, typer.Option("--from", help="Start of the window")]
NewStart = Annotated[str | None, typer.Option("--from", help="New start of the window")]
Until = Annotated[str, typer.Option("--until", help="End of the window")]
NewUntil = Annotated[str | None, typer.Option("--until", help="New end of the window")]
Block = Annotated[str | None, typer.Option(help="Block of work that the vehicle serves")]
NeededKwh = Annotated[float | None, typer.Option(help="Energy that the block needs, in kWh")]
Note = Annotated[str | None, typer.Option(help="Note for dispatchers")]
Reason = Annotated[str, typer.Option(help="Shown wherever the reservation is shown")]


@app.command("list")
def list_reservations(
    ctx: typer.Context,
    depot: DepotOption = None,
    start: Annotated[str | None, typer.Option("--from", help="Start [default: the present operating day]")] = None,
    until: Annotated[str | None, typer.Option(help="End [default: the depot's horizon]")] = None,
    status: Annotated[list[str] | None, typer.Option(help="Such as at_risk, due or missed; repeatable")] = None,
    holder: Annotated[
        str | None,
        typer.Option(autocompletion=vehicles, help="Vehicle, or any spelling of an identifier, that may charge"),
    ] = None,
    limit: Limit = None,
) -> None:
    """List reservations by start, with their status and the reasons for a risk."""
    session = session_of(ctx)
    depot = identity(session, "depots", depot)
    query = {
        "depot_id": depot,
        "from": session.instant(start, depot=depot),
        "until": session.instant(until, depot=depot),
        "status": status,
        "holder": holder,
    }
    layout = [
        ("from", field("start")),
        ("until", field("end")),
        ("at", _place),
        ("holder", _holder),
        ("block", lambda row: (row["assignment"] or {}).get("block_id") or ""),
        ("status", _status),
        ("reservation", field("reservation_id")),
    ]
    rows = session.pages("/v1/reservations", limit, **query)
    table(session, rows, layout, nothing="no reservations in this period")


@app.command("show")
def show_reservation(ctx: typer.Context, reservation_id: Reservation) -> None:
    """Show a reservation, and the vehicles that it replaced or that replaced it."""
    session = session_of(ctx)
    path = f"/v1/reservations/{segment(reservation_id)}"
    shown = session.get(path)
    detail(session, shown)
    if session.as_json:
        return
    chain = session.get(f"{path}/history")["items"]
    if len(chain) > 1:
        session.out.print("history:")
        for each in chain:
            because = f", replaced: {each['reason']}" if each["replaced_by"] else ""
            line = f"  - {each['reservation']['reservation_id']} {_holder(each['reservation'])}{because}"
            session.out.print(line, markup=False)


@app.command("make")
def make_reservation(
    ctx: typer.Context,
    depot_id: Depot,
    start: Start,
    until: Until,
    charger: Charger = None,
    connector: Connector = None,
    group: InGroup = None,
    vehicle: Vehicle = None,
    rfid: Rfid = None,
    plate: Plate = None,
    pin: Pin = None,
    block: Block = None,
    needed_kwh: NeededKwh = None,
    note: Note = None,
) -> None:
    """Reserve a charger, or any free charger of a group, for a vehicle or identifiers."""
    session = session_of(ctx)
    depot_id = whole_id(session, "depots", depot_id)
    body = {
        "depot_id": depot_id,
        "holder": _holder_of(session, vehicle, rfid, plate, pin),
        "start": session.instant(start, depot=depot_id),
        "end": session.instant(until, depot=depot_id),
        **compact(charger_id=identity(session, "chargers", charger), connector_id=connector, group_id=group, note=note),
    }
    if assignment := compact(block_id=block, needed_kwh=needed_kwh):
        body["assignment"] = assignment
    answer = session.command("POST", "/v1/reservations", body)
    done(session, answer, f"reservation {answer['reservation_id']}: {_place(answer)} for {_holder(answer)}")


@app.command("change")
def change_reservation(
    ctx: typer.Context,
    reservation_id: Reservation,
    start: NewStart = None,
    until: NewUntil = None,
    charger: Charger = None,
    connector: Connector = None,
    group: InGroup = None,
    block: Block = None,
    needed_kwh: NeededKwh = None,
    note: Note = None,
    if_match: IfMatch = None,
) -> None:
    """Change a reservation's window, place or block; options that are left out keep their values. To change the
    vehicle, use replace."""
    session = session_of(ctx)
    reservation_id, known = _known(session, reservation_id)
    assignment = {**(known["assignment"] or {}), **compact(block_id=block, needed_kwh=needed_kwh)}
    body = {
        **{name: known[name] for name in ("charger_id", "connector_id", "group_id", "start", "end", "note")},
        "holder": {"vehicle_id": known["holder"]["vehicle_id"], "identifiers": None},
        "assignment": assignment or None,
        **compact(
            start=session.instant(start, depot=known["depot_id"]),
            end=session.instant(until, depot=known["depot_id"]),
            note=note,
        ),
        **_new_place(session, charger, connector, group),
    }
    path = f"/v1/reservations/{segment(reservation_id)}"
    answer = session.command("PUT", path, body, if_match=if_match or f'"{known["version"]}"')
    done(session, answer, f"reservation {answer['reservation_id']} is changed: {_place(answer)} for {_holder(answer)}")


@app.command("replace")
def replace_reservation(
    ctx: typer.Context,
    reservation_id: Reservation,
    reason: Reason,
    vehicle: Vehicle = None,
    rfid: Rfid = None,
    plate: Plate = None,
    pin: Pin = None,
    start: NewStart = None,
    until: NewUntil = None,
    charger: Charger = None,
    connector: Connector = None,
    group: InGroup = None,
    if_match: IfMatch = None,
) -> None:
    """Replace a reservation with one for another vehicle, which serves the same block."""
    session = session_of(ctx)
    reservation_id, known = _known(session, reservation_id)
    body = {
        "holder": _holder_of(session, vehicle, rfid, plate, pin),
        "reason": reason,
        **compact(
            start=session.instant(start, depot=known["depot_id"]),
            end=session.instant(until, depot=known["depot_id"]),
            **_new_place(session, charger, connector, group),
        ),
    }
    path = f"/v1/reservations/{segment(reservation_id)}/replace"
    answer = session.command("POST", path, body, if_match=if_match)
    done(session, answer, f"reservation {answer['reservation_id']} replaces {reservation_id}: {_holder(answer)}")


@app.command("cancel")
def cancel_reservation(
    ctx: typer.Context, reservation_id: Reservation, reason: Reason, if_match: IfMatch = None
) -> None:
    """Cancel a reservation."""
    session = session_of(ctx)
    reservation_id, known = _known(session, reservation_id)
    session.confirm(f"cancel the reservation {reservation_id} of {_holder(known)}")
    path = f"/v1/reservations/{segment(reservation_id)}"
    answer = session.command("DELETE", path, if_match=if_match, reason=reason)
    done(session, answer, f"reservation {reservation_id} is cancelled")


def _known(session: Session, text: str) -> tuple[str, Any]:
    """Return the whole id and the reservation."""
    found = session.get(f"/v1/reservations/{segment(text)}")
    return found["reservation_id"], found


def _holder_of(
    session: Session,
    vehicle: str | None,
    rfid: list[str] | None,
    plate: list[str] | None,
    pin: list[str] | None,
) -> dict[str, Any]:
    kinds = {"rfid": rfid, "plate": plate, "pin": pin}
    identifiers = [{"kind": kind, "value": value} for kind, values in kinds.items() for value in values or []]
    if vehicle is None and not identifiers:
        session.refuse("say who may charge: --vehicle, --rfid, --plate or --pin")
    return {"vehicle_id": identity(session, "vehicles", vehicle), "identifiers": identifiers}


def _new_place(session: Session, charger: str | None, connector: int | None, group: str | None) -> dict[str, Any]:
    """Return the new place; empty if no part of a place is named."""
    if charger is None and group is None and connector is None:
        return {}
    if charger is None and group is None:
        return {"connector_id": connector}
    return {"charger_id": identity(session, "chargers", charger), "connector_id": connector, "group_id": group}


def _place(row: Any) -> str:
    if row["group_id"] is not None:
        return f"group {row['group_id']}"
    return row["charger_id"] if row["connector_id"] is None else f"{row['charger_id']} connector {row['connector_id']}"


def _holder(row: Any) -> str:
    holder = row["holder"]
    shown = [] if holder["vehicle_id"] is None else [holder["vehicle_id"]]
    shown += [f"{each['kind']} {each['masked']}" for each in holder["identifiers"]]
    return ", ".join(shown) or "nobody yet"


def _status(row: Any) -> str:
    said = "; ".join(each["detail"] for each in row["reasons"])
    status = row["status"] if not row["ad_hoc"] else f"{row['status']} (ad hoc)"
    return f"{status}: {said}" if said else str(status)
