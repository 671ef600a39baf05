"""Reservations at the depot of `builders`: bays 1 to 4, of which 1 to 3 are the group "fast"."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from access_policy.domain.ids import AttemptId, ChargerId, ReservationGroupId, ReservationId
from access_policy.domain.reservations import events
from access_policy.domain.reservations.events import ConflictKind, RequestedBy
from access_policy.domain.reservations.here import PartyHere, ReservationsHere
from access_policy.domain.reservations.reservation import (
    Holder,
    HolderIdentifier,
    PartnerRequest,
    Place,
    Reservation,
    ReservationGroup,
    ReservationSource,
)
from access_policy.domain.reservations.terms import ReservationTerms
from tests.support.builders import ANNA, BAY, HOUR, NOON, NORTH, VAN, ref

BAY_2, BAY_3, BAY_4 = (ChargerId(f"bay-{number}") for number in (2, 3, 4))
FAST = ReservationGroupId("fast")
R1, R2, R3, R4 = (ReservationId(f"r{number}") for number in (1, 2, 3, 4))
AT_BAY = Place(charger_id=BAY)
AT_FAST = Place(group_id=FAST)
NOBODY = Holder()
EVENING = NOON + 6 * HOUR


def card(pseudonym: str = "p1") -> HolderIdentifier:
    return HolderIdentifier(ref=ref(pseudonym), sealed=f"sealed {pseudonym}")


def reservations_here(*, is_required: bool = False, **known: Any) -> ReservationsHere:
    """At the bay 1, where every charger of its groups is free."""
    return ReservationsHere(PartyHere(**({"charger_id": BAY} | known)), 1, is_required=is_required)


def terms(**changes: Any) -> ReservationTerms:
    return ReservationTerms(**changes)


def reservation(reservation_id: ReservationId = R1, start: datetime = EVENING, **changes: Any) -> Reservation:
    """Bay 1 for the van, two hours from 18:00 UTC."""
    values: dict[str, Any] = {
        "holder": Holder(vehicle_id=VAN),
        "place": AT_BAY,
        "end": start + 2 * HOUR,
        "source": ReservationSource.MANUAL,
    }
    return Reservation(reservation_id=reservation_id, start=start, **(values | changes))


def booking(version: int = 1, **changes: Any) -> Reservation:
    """A partner's, of a card."""
    request = PartnerRequest(party="DE-HUB", request_id="q1", version=version)
    return reservation(
        **({"source": ReservationSource.OCPI, "holder": Holder(identifiers=(card(),)), "request": request} | changes)
    )


def group(*charger_ids: ChargerId, group_id: ReservationGroupId = FAST, name: str = "Fast") -> ReservationGroup:
    return ReservationGroup(group_id=group_id, name=name, charger_ids=frozenset(charger_ids or (BAY, BAY_2, BAY_3)))


def group_put(*charger_ids: ChargerId, **changes: Any) -> events.ReservationGroupPut:
    return events.ReservationGroupPut(depot_id=NORTH, group=group(*charger_ids, **changes))


def made(promised: Reservation | None = None, at: datetime = NOON) -> events.ReservationMade:
    return events.ReservationMade(depot_id=NORTH, reservation=promised or reservation(), made_by=ANNA, made_at=at)


def changed(promised: Reservation, at: datetime = NOON) -> events.ReservationChanged:
    return events.ReservationChanged(depot_id=NORTH, reservation=promised, changed_by=ANNA, changed_at=at)


def cancelled(at: datetime = NOON, reservation_id: ReservationId = R1, **changes: Any) -> events.ReservationCancelled:
    values: dict[str, Any] = {
        "requested_by": RequestedBy.OPERATOR,
        "cancelled_by": ANNA,
        "reason": "the bus broke down",
    }
    return events.ReservationCancelled(
        depot_id=NORTH, reservation_id=reservation_id, cancelled_at=at, **(values | changes)
    )


def fulfilled(at: datetime = EVENING, reservation_id: ReservationId = R1) -> events.ReservationFulfilled:
    return events.ReservationFulfilled(
        depot_id=NORTH, reservation_id=reservation_id, charger_id=BAY, attempt_id=AttemptId("a1"), fulfilled_at=at
    )


def missed(at: datetime, reservation_id: ReservationId = R1) -> events.ReservationNoShow:
    return events.ReservationNoShow(depot_id=NORTH, reservation_id=reservation_id, missed_at=at)


def ended(
    at: datetime, reservation_id: ReservationId = R1, *, session_active: bool = False
) -> events.ReservationWindowEnded:
    return events.ReservationWindowEnded(
        depot_id=NORTH, reservation_id=reservation_id, session_active=session_active, ended_at=at
    )


def conflict(cause: str, at: datetime = NOON) -> events.ReservationConflictDetected:
    return events.ReservationConflictDetected(
        depot_id=NORTH, reservation_id=R1, kind=ConflictKind.OVERRIDE, cause=cause, detected_at=at
    )


def moved(promised: Reservation, **changes: Any) -> Reservation:
    return replace(promised, **changes)
