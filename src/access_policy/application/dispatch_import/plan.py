"""A planned dispatch sheet: the reservation of each row, and the version of the entry against which it was planned."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.charger_import.plan import ColumnChange
from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.reservation import Reservation
from access_policy.domain.vehicle_registry.import_plan import TOUCHING, Action, CellError, PlannedFile

PLAN_IDS = "reservations-"  # the prefix of the ids of dispatch sheet plans


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPlanRow:
    """`base_version` is the entry's version at planning, 0 for a new one. Applying the row makes or changes `wanted`,
    or cancels the reservation. `guard` says why a person must name the entry before the file changes or removes it;
    None: no one need name it. `bookings` are the partners' bookings whose place the row needs. `line` is None for an
    entry that is not in the file."""

    line: int | None
    action: Action
    assignment_id: str | None
    reservation_id: ReservationId | None = None
    base_version: int = 0
    wanted: Reservation | None = None
    guard: str | None = None
    bookings: tuple[ReservationId, ...] = ()
    changes: tuple[ColumnChange, ...] = ()
    errors: tuple[CellError, ...] = ()
    warnings: tuple[CellError, ...] = ()

    @property
    def subject(self) -> str | None:
        return self.reservation_id or self.assignment_id

    @property
    def touched(self) -> ReservationId | None:
        """The reservation that the row makes, changes or cancels."""
        return self.reservation_id if self.action in TOUCHING else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPlan(PlannedFile):
    rows: tuple[DispatchPlanRow, ...]
