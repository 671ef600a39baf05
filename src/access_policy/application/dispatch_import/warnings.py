"""Warnings about rows that can be applied but that a dispatcher should check first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from access_policy.application.dispatch_import.cells import ReadAssignment
from access_policy.application.dispatch_import.drafting import Known
from access_policy.domain.reservations.reservation import Reservation
from access_policy.domain.vehicle_registry.import_plan import CellError


def warnings_of(row: ReadAssignment, wanted: Reservation, zone: ZoneInfo, known: Known) -> Iterator[CellError]:
    yield from row.warnings
    vehicle_id, assignment = wanted.holder.vehicle_id, wanted.assignment
    if vehicle_id is not None and not known.vehicles.get(vehicle_id, True):
        yield CellError("vehicle_id", f"{vehicle_id} is suspended and could not charge.")
    if assignment is not None and assignment.departure is not None and assignment.departure < wanted.end:
        yield CellError("departure", "The departure is before the end of the window.")
    moved = _offset(wanted.end, zone) - _offset(wanted.start, zone)
    if moved:
        lasts = (wanted.end - wanted.start) // timedelta(minutes=1)
        yield CellError("until", f"The clocks change in this window; it lasts {lasts} minutes.")


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
