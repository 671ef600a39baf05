"""Events of a depot's reservations. A holder's identifiers appear as pseudonyms and masked forms only (ADR 0007)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.ids import ActorId, AttemptId, ChargerId, DepotId, ReservationId
from access_policy.domain.reservations.reservation import Reservation, ReservationGroup
from access_policy.domain.reservations.settings import ReservationSettings


class RequestedBy(StrEnum):
    """A partner keeps to the deadlines of the terms; an operator does not need to."""

    PARTNER = "partner"
    OPERATOR = "operator"


class ConflictKind(StrEnum):
    """The kind of cause that puts a promise at risk."""

    OVERRIDE = "override"  # an operator's override opens the charger
    FAULT = "fault"
    RETIREMENT = "retirement"
    PLAN = "plan"  # a plan overlaps a booking


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationGroupPut:
    """The depot's group of this id reads like this from now on."""

    TYPE: ClassVar = "reservation_book.reservation_group_put.v1"
    depot_id: DepotId
    group: ReservationGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationSettingsPut:
    """The depot's reservations have these settings from now on; reservations that exist keep their terms."""

    TYPE: ClassVar = "reservation_book.reservation_settings_put.v1"
    depot_id: DepotId
    settings: ReservationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationMade:
    TYPE: ClassVar = "reservation_book.reservation_made.v1"
    depot_id: DepotId
    reservation: Reservation
    made_by: ActorId
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationChanged:
    """The reservation reads like this from now on: the old window is free again."""

    TYPE: ClassVar = "reservation_book.reservation_changed.v1"
    depot_id: DepotId
    reservation: Reservation
    changed_by: ActorId
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCancelled:
    """`request_version` is that of the partner's cancellation; None if an operator cancelled. `replaced_by`: the reservation
    that took its place, if one did."""

    TYPE: ClassVar = "reservation_book.reservation_cancelled.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    requested_by: RequestedBy
    cancelled_by: ActorId
    reason: str
    cancelled_at: datetime
    request_version: int | None = None
    replaced_by: ReservationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationFulfilled:
    """The holder's first charge started."""

    TYPE: ClassVar = "reservation_book.reservation_fulfilled.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    charger_id: ChargerId
    attempt_id: AttemptId
    fulfilled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationNoShow:
    TYPE: ClassVar = "reservation_book.reservation_no_show.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    missed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationWindowEnded:
    """The window is over, or the holder's charge ended and released it. `session_active`: the charge still runs."""

    TYPE: ClassVar = "reservation_book.reservation_window_ended.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    session_active: bool
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationConflictDetected:
    """`cause` identifies the override, fault or entry; one kind and cause is detected once."""

    TYPE: ClassVar = "reservation_book.reservation_conflict_detected.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    kind: ConflictKind
    cause: str
    detected_at: datetime


# These follow from time, charges and chargers, without a command.
FollowingEvent = ReservationFulfilled | ReservationNoShow | ReservationWindowEnded | ReservationConflictDetected
ReservationEvent = (
    ReservationGroupPut
    | ReservationSettingsPut
    | ReservationMade
    | ReservationChanged
    | ReservationCancelled
    | ReservationFulfilled
    | ReservationNoShow
    | ReservationWindowEnded
    | ReservationConflictDetected
)
