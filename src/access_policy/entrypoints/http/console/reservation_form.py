"""The form of a reservation: its fields and the API's body from them. Times are on the depot's clock."""

from __future__ import annotations

from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from access_policy.domain.identifiers import IdentifierKind
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.console.vehicle_form import Values, local_text
from access_policy.entrypoints.http.v1.reservation_models import Reservation, ReservationBody

NUMBERS: Final = ("assignment/needed_kwh", "assignment/needed_soc", "connector_id")
INSTANTS: Final = ("start", "end", "assignment/departure")
OWN: Final = ("identifier_kind", "identifier_value", "holder/vehicle_id", "reservation_id")
KINDS: Final = [(each.value, each.value) for each in IdentifierKind]

Body = TypeVar("Body", bound=ReservationBody)


def values_of(row: Reservation, zone: ZoneInfo) -> Values:
    assignment = row.assignment
    return {
        "charger_id": row.charger_id or "",
        "connector_id": "" if row.connector_id is None else str(row.connector_id),
        "group_id": row.group_id or "",
        "start": local_text(row.start, zone),
        "end": local_text(row.end, zone),
        "holder/vehicle_id": row.holder.vehicle_id or "",
        "identifier_kind": "rfid",
        "identifier_value": "",
        "assignment/block_id": "" if assignment is None else assignment.block_id or "",
        "assignment/departure": "" if assignment is None else local_text(assignment.departure, zone),
        "assignment/needed_kwh": _number(None if assignment is None else assignment.needed_kwh),
        "assignment/needed_soc": _number(None if assignment is None else assignment.needed_soc),
        "note": row.note,
    }


def body_of(sent: Form, model: type[Body], zone: ZoneInfo, *, keeps_identifiers: bool = False, **more: Any) -> Body:
    """Build the body. `keeps_identifiers`: if no identifier is entered, the reservation keeps its own. Raises
    `RequestValidationError`."""
    kind, value = sent.text("identifier_kind"), sent.text("identifier_value")
    identifiers = [{"kind": kind or "rfid", "value": value}] if value else None if keeps_identifiers else []
    holder = {"vehicle_id": sent.text("holder/vehicle_id") or None, "identifiers": identifiers}
    return sent.body(model, numbers=NUMBERS, instants=INSTANTS, zone=zone, ignored=(*OWN, *more), holder=holder, **more)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
