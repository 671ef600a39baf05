"""Events of a depot's reservations. A holder's identifiers appear only as pseudonyms and masked forms (ADR 0007)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.ids import ActorId, AttemptId, ChargerId, DepotId, ReservationId
from access_policy.domain.reservations.reservation import Reservation, ReservationGroup
from access_policy.domain.reservations.settings import ReservationSettings


class RequestedBy(StrEnum):
    """Who requested a change: the deadlines of the terms apply to a partner, not to an operator."""

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
    """The depot's group with this id is replaced by this one."""

    TYPE: ClassVar = "reservation_book.reservation_group_put.v1"
    depot_id: DepotId
    group: ReservationGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationSettingsPut:
    """The depot's reservations have these settings from now on; existing reservations keep their terms."""

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
    """The reservation is replaced by this one; the old window is free again."""

    TYPE: ClassVar = "reservation_book.reservation_changed.v1"
    depot_id: DepotId
    reservation: Reservation
    changed_by: ActorId
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCancelled:
    """The reservation was cancelled. `request_version` is the version of the partner's cancellation; None if an operator
    cancelled. `replaced_by`: the reservation that took its place, if any.
    """

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
    """The window is over, or the end of the holder's charge released the reservation. `session_active`: the charge is
    still running.
    """

    TYPE: ClassVar = "reservation_book.reservation_window_ended.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    session_active: bool
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationConflictDetected:
    """A conflict was detected. `cause` identifies the override, fault or entry; each kind and cause is recorded once."""

    TYPE: ClassVar = "reservation_book.reservation_conflict_detected.v1"
    depot_id: DepotId
    reservation_id: ReservationId
    kind: ConflictKind
    cause: str
    detected_at: datetime


# The following events result from time, charges and chargers, without a command.
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
