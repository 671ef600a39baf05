"""One row for each reservation with its outcome, kept after the book has forgotten it, and one row for each step of its
history."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Projection, Put, RowChange, types_of
from access_policy.domain.reservations.entry import Outcome
from access_policy.domain.reservations.events import (
    ReservationCancelled,
    ReservationChanged,
    ReservationConflictDetected,
    ReservationFulfilled,
    ReservationMade,
    ReservationNoShow,
    ReservationWindowEnded,
)
from access_policy.domain.reservations.reservation import Assignment, Holder, PartnerRequest, Reservation

TABLE = "reservations"
HISTORY = "reservation_history"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    match event:
        case ReservationMade(reservation=made):
            first = {"made_by": event.made_by, "made_at": event.made_at}
            put = Put(TABLE, _key(recorded, made.reservation_id), _content(recorded, made), at_first=first)
            return [put, _step(recorded, made.reservation_id, "made", event.made_at, event.made_by, _booked(made))]
        case ReservationChanged(reservation=changed):
            put = Put(TABLE, _key(recorded, changed.reservation_id), _content(recorded, changed))
            step = _step(
                recorded, changed.reservation_id, "changed", event.changed_at, event.changed_by, _booked(changed)
            )
            return [put, step]
        case ReservationCancelled():
            return _cancelled(recorded, event)
        case ReservationFulfilled():
            came = {
                "fulfilled_at": event.fulfilled_at,
                "used_charger_id": event.charger_id,
                "attempt_id": event.attempt_id,
            }
            details = {"charger_id": event.charger_id, "attempt_id": event.attempt_id}
            return _became(recorded, event, "fulfilled", event.fulfilled_at, came, details)
        case ReservationNoShow():
            return _became(recorded, event, "no_show", event.missed_at, _over(Outcome.NO_SHOW, event.missed_at), {})
        case ReservationWindowEnded():
            over = {**_over(Outcome.ENDED, event.ended_at), "charges_on": event.session_active}
            return _became(recorded, event, "ended", event.ended_at, over, {"session_active": event.session_active})
        case ReservationConflictDetected():
            details = {"kind": event.kind.value, "cause": event.cause}
            return _became(recorded, event, "conflict", event.detected_at, {}, details)
        case _:
            raise TypeError(f"the reservations do not fold {type(event).__name__}")


def _cancelled(recorded: Recorded, event: ReservationCancelled) -> list[RowChange]:
    over = {
        **_over(Outcome.CANCELLED, event.cancelled_at),
        "cancelled_by": event.cancelled_by,
        "reason": event.reason,
        "replaced_by": event.replaced_by,
        **({} if event.request_version is None else {"request_version": event.request_version}),
    }
    details = {"reason": event.reason, "replaced_by": event.replaced_by}
    return _became(recorded, event, "cancelled", event.cancelled_at, over, details, event.cancelled_by)


def _became(
    recorded: Recorded,
    event: Any,
    kind: str,
    at: datetime,
    values: dict[str, Any],
    details: dict[str, Any],
    by: str = "",
) -> list[RowChange]:
    changed = Change(TABLE, _key(recorded, event.reservation_id), {**values, "version": recorded.version})
    return [changed, _step(recorded, event.reservation_id, kind, at, by, details)]


def _step(
    recorded: Recorded, reservation_id: str, kind: str, at: datetime, by: str, details: dict[str, Any]
) -> RowChange:
    key = {**_key(recorded, reservation_id), "position": recorded.position}
    return Put(HISTORY, key, {"depot_id": recorded.event.depot_id, "kind": kind, "at": at, "by": by, "told": details})


def _key(recorded: Recorded, reservation_id: str) -> dict[str, Any]:
    return {"tenant_id": recorded.envelope.tenant_id, "reservation_id": reservation_id}


def _over(outcome: Outcome, at: datetime) -> dict[str, Any]:
    return {"outcome": outcome.value, "over_at": at}


def _booked(reservation: Reservation) -> dict[str, Any]:
    place = reservation.place
    return {
        "start": reservation.start.isoformat(),
        "end": reservation.end.isoformat(),
        "charger_id": place.charger_id,
        "group_id": place.group_id,
        "vehicle_id": reservation.holder.vehicle_id,
    }


def _content(recorded: Recorded, reservation: Reservation) -> dict[str, Any]:
    place, request = reservation.place, reservation.request
    assignment = reservation.assignment
    return {
        "depot_id": recorded.event.depot_id,
        "charger_id": place.charger_id,
        "connector_id": place.connector_id,
        "group_id": place.group_id,
        **_holder(reservation.holder),
        "starts_at": reservation.start,
        "ends_at": reservation.end,
        "source": reservation.source.value,
        "terms": asdict(reservation.terms),
        **_request(request),
        "has_assignment": assignment is not None,
        **asdict(assignment or Assignment()),
        "note": reservation.note,
        "is_ad_hoc": reservation.is_ad_hoc,
        "version": recorded.version,
    }


def _holder(holder: Holder) -> dict[str, Any]:
    identifiers = [
        {
            "kind": each.ref.kind.value,
            "pseudonym": each.ref.pseudonym,
            "masked": each.ref.masked,
            **({"withheld": True} if each in holder.withheld else {}),
        }
        for each in holder.named
    ]
    return {"vehicle_id": holder.vehicle_id, "identifiers": identifiers}


def _request(request: PartnerRequest | None) -> dict[str, Any]:
    if request is None:
        return dict.fromkeys(("party", "request_id", "request_version"))
    return {"party": request.party, "request_id": request.request_id, "request_version": request.version}


RESERVATIONS = Projection(
    "reservations",
    (TABLE, HISTORY),
    types_of(
        ReservationMade,
        ReservationChanged,
        ReservationCancelled,
        ReservationFulfilled,
        ReservationNoShow,
        ReservationWindowEnded,
        ReservationConflictDetected,
    ),
    fold,
)
