"""Events of other services, as they send them."""

from __future__ import annotations

import itertools
from typing import Any

from sqlalchemy import text

from access_policy.adapters.records.intake import SqlIntakeRecords
from access_policy.application.ports.incoming_events import IncomingEvent

_numbers = itertools.count(1)
CARD = {"kind": "rfid", "value": "04:A1:B2:C3:D4:E5:F6"}


def incoming(
    detail_type: str, subject_id: str, version: int, data: dict[str, Any], *, event_id: str | None = None, **detail: Any
) -> dict[str, Any]:
    """In EventBridge's envelope, with a new id unless one is given."""
    return {
        "version": "0",
        "id": f"eb-{next(_numbers)}",
        "detail-type": detail_type,
        "source": "betterfleet.fleet",
        "account": "111122223333",
        "time": "2026-07-01T12:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "event_id": event_id or f"in-{next(_numbers)}",
            "event_version": 1,
            "tenant_id": "acme",
            "occurred_at": "2026-07-01T12:00:00Z",
            "aggregate": {"type": "vehicle", "id": subject_id, "version": version},
            "data": data,
            **detail,
        },
    }


def commissioned(vehicle_id: str, version: int, *, event_id: str | None = None, **data: Any) -> dict[str, Any]:
    whole = {"vehicle_id": vehicle_id, "name": f"Bus {version}", "access_class": "own", **data}
    return incoming("VehicleCommissioned", vehicle_id, version, whole, event_id=event_id)


def decommissioned(vehicle_id: str, version: int, *, event_id: str | None = None) -> dict[str, Any]:
    return incoming("VehicleDecommissioned", vehicle_id, version, {"vehicle_id": vehicle_id}, event_id=event_id)


def booked(booking_id: str, version: int, detail_type: str = "BookingReserved", **data: Any) -> dict[str, Any]:
    """Bay 1 of the north depot for the card, an evening; with `detail_type` a change of it."""
    whole = {
        "booking_id": booking_id,
        "depot_id": "north",
        "charger_id": "bay-1",
        "start": "2026-12-01T18:00:00Z",
        "end": "2026-12-01T20:00:00Z",
        "holder": {"identifiers": [CARD]},
        **data,
    }
    return incoming(detail_type, booking_id, version, whole)


def booking_canceled(booking_id: str, version: int) -> dict[str, Any]:
    return incoming("BookingCanceled", booking_id, version, {"booking_id": booking_id, "depot_id": "north"})


def envelope_changed(envelope_id: str, version: int, **data: Any) -> dict[str, Any]:
    """40 kW for the row of the depot north, for an afternoon; its sequence is the version unless another is given."""
    whole = {
        "envelope_id": envelope_id,
        "depot_id": "north",
        "node_id": "row-1",
        "source": "grid",
        "sequence": version,
        "valid_from": "2026-11-18T10:00:00Z",
        "valid_until": "2026-11-18T20:00:00Z",
        "import_limit_w": 40_000,
        **data,
    }
    return incoming("OperatingEnvelopeChanged", envelope_id, version, whole)


def envelope_withdrawn(envelope_id: str, version: int) -> dict[str, Any]:
    data = {"envelope_id": envelope_id, "depot_id": "north"}
    return incoming("OperatingEnvelopeWithdrawn", envelope_id, version, data)


def demand_measured(version: int, *items: tuple[str, str, int]) -> dict[str, Any]:
    """Each item: node, instant and watts."""
    measured = [{"node_id": node, "observed_at": at, "demand_w": watts} for node, at, watts in items]
    return incoming("DemandMeasured", "north", version, {"depot_id": "north", "items": measured})


def source_offline(version: int, offline_at: str = "2026-11-18T11:59:00Z") -> dict[str, Any]:
    data = {"depot_id": "north", "source": "grid", "offline_at": offline_at}
    return incoming("EnergySourceOffline", "grid", version, data)


def agreement_changed(agreement_id: str, version: int, **data: Any) -> dict[str, Any]:
    whole = {
        "agreement_id": agreement_id,
        "name": "Couriers",
        "fleet": "City Couriers",
        "valid_from": "2026-01-01T00:00:00Z",
        **data,
    }
    return incoming("AgreementChanged", agreement_id, version, whole)


async def recorded_fate(records: SqlIntakeRecords, event: IncomingEvent) -> str | None:
    """What the records hold of the event: `begun`, or how it ended; None if it was never received."""
    row = text("SELECT fate FROM taken_in WHERE tenant_id = :tenant AND source = :source AND event_id = :id")
    of_it = {"tenant": event.tenant_id, "source": event.source, "id": event.event_id}
    return await records._tables.read(lambda connection: connection.execute(row, of_it).scalar())
