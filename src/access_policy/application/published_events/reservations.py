"""Published events of reservations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import Identifier
from access_policy.domain.reservations.events import ConflictKind, RequestedBy
from access_policy.domain.reservations.reservation import ReservationSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A holder's right to a charger, to one of its connectors, or to any free charger of a group, in `[start, end)`.

    The holder is a vehicle, identifiers, or both; with neither, the reservation admits no one. `party` and `request_id`
    name a partner's booking. `is_ad_hoc`: made or changed by hand after the plan of its day had been applied.
    """

    reservation_id: str
    charger_id: str | None
    connector_id: int | None
    group_id: str | None
    vehicle_id: str | None
    identifiers: tuple[Identifier, ...]
    start: datetime
    end: datetime
    source: ReservationSource
    party: str | None
    request_id: str | None
    assignment_id: str | None
    block_id: str | None
    departure: datetime | None
    is_ad_hoc: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationMade:
    """A reservation was made."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation: Reservation
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationChanged:
    """The reservation has this content from now on: its old window is free again."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation: Reservation
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCancelled:
    """The reservation no longer admits anyone. `replaced_by` is the reservation that replaces it, if any."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation_id: str
    requested_by: RequestedBy
    cancelled_at: datetime
    replaced_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationFulfilled:
    """The holder's first charge started."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation_id: str
    charger_id: str
    attempt_id: str
    fulfilled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationNoShow:
    """The holder did not arrive in the reservation's time: the place is free from `missed_at` on."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation_id: str
    missed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationWindowEnded:
    """The window is over, or the holder's charge ended and released the reservation. `session_active`: the charge is
    still running."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation_id: str
    session_active: bool
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationConflictDetected:
    """Something puts the reservation at risk; `cause` names the override, the fault or the entry of a plan."""

    VERSION: ClassVar = 1
    depot_id: str
    reservation_id: str
    kind: ConflictKind
    cause: str
    detected_at: datetime
