"""The reservation that a row describes: its values over those of the entry that it changes, or over the depot's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from access_policy.application.dispatch_import.cells import ReadAssignment
from access_policy.domain.ids import ChargerId, ReservationGroupId, ReservationId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import (
    Assignment,
    Holder,
    Place,
    Reservation,
    ReservationSource,
)
from access_policy.domain.vehicle_registry.import_plan import CellError

_OF_ASSIGNMENTS = ("block_id", "departure", "needed_kwh", "needed_soc")


@dataclass(frozen=True, slots=True)
class Known:
    """`vehicles` are the registered vehicles that the file names, with whether each may charge; `refused_chargers` says
    why a charger that the file names cannot be reserved."""

    vehicles: Mapping[VehicleId, bool]
    refused_chargers: Mapping[ChargerId, str]


class RowInvalid(Exception):
    """The row describes no valid reservation, for these reasons."""

    def __init__(self, *errors: CellError) -> None:
        super().__init__(errors)
        self.errors = errors


def drafted(
    row: ReadAssignment, entry: Entry | None, new_id: ReservationId, book: ReservationBook, known: Known
) -> Reservation:
    """Return the reservation. Raises `RowInvalid`."""
    errors = [*_missing(row, entry), *_unknown(row, known)]
    groups = _groups_named(book, row.values["group"]) if "group" in row.values else []
    if "group" in row.values and len(groups) != 1:
        errors.append(CellError("group", _no_group(book, row.values["group"], len(groups))))
    if errors:
        raise RowInvalid(*errors)
    place = _place(row, entry, groups)
    if entry is None:
        return Reservation(
            reservation_id=new_id,
            holder=Holder(vehicle_id=row.values["vehicle_id"]),
            place=place,
            start=row.values["from"],
            end=row.values["until"],
            source=ReservationSource.DISPATCH,
            terms=book.settings.terms,
            assignment=_assignment(row, Assignment(assignment_id=row.assignment_id)),
            note=row.values.get("note") or "",
        )
    kept = entry.reservation
    return replace(
        kept,
        holder=_holder(row, kept.holder),
        place=place,
        start=row.values.get("from", kept.start),
        end=row.values.get("until", kept.end),
        assignment=_changed_assignment(row, kept.assignment),
        note=(row.values["note"] or "") if "note" in row.values else kept.note,
    )


def _missing(row: ReadAssignment, entry: Entry | None) -> list[CellError]:
    if entry is not None:
        return []
    missing = [column for column in ("vehicle_id", "from", "until") if column not in row.values]
    errors = [CellError(column, f"A new assignment needs {column}; fill in the cell.") for column in missing]
    if "charger_id" not in row.values and "group" not in row.values:
        errors.append(CellError("charger_id", "A new assignment needs charger_id or group; fill in one of them."))
    return errors


def _unknown(row: ReadAssignment, known: Known) -> list[CellError]:
    errors = []
    vehicle_id, charger_id = row.values.get("vehicle_id"), row.values.get("charger_id")
    if vehicle_id is not None and vehicle_id not in known.vehicles:
        errors.append(CellError("vehicle_id", f"There is no vehicle {vehicle_id} in the registry; register it first."))
    if charger_id is not None and charger_id in known.refused_chargers:
        errors.append(CellError("charger_id", known.refused_chargers[charger_id]))
    if charger_id is not None and "group" in row.values:
        errors.append(CellError("group", "The row names a charger and a group; keep one of them."))
    return errors


def _groups_named(book: ReservationBook, text: str) -> list[ReservationGroupId]:
    """Return the group with this id, or otherwise the groups with this name, ignoring case."""
    if ReservationGroupId(text) in book.groups:
        return [ReservationGroupId(text)]
    return [each.group_id for each in book.groups.values() if each.name.casefold() == text.casefold()]


def _no_group(book: ReservationBook, text: str, found: int) -> str:
    if found:
        return f"{found} groups are called {text}; write the id of one of them."
    ids = ", ".join(sorted(book.groups)) or "none yet"
    return f"There is no reservation group {text}; the depot's groups are: {ids}."


def _place(row: ReadAssignment, entry: Entry | None, groups: list[ReservationGroupId]) -> Place:
    charger_id = row.values.get("charger_id")
    if groups:
        return Place(group_id=groups[0])
    if entry is not None and charger_id in (None, entry.reservation.place.charger_id):
        return entry.reservation.place
    return Place(charger_id=charger_id)


def _holder(row: ReadAssignment, kept: Holder) -> Holder:
    """Return the holder. Identifiers belong to the previous holder: another vehicle comes without them."""
    vehicle_id = row.values.get("vehicle_id", kept.vehicle_id)
    return kept if vehicle_id == kept.vehicle_id else Holder(vehicle_id=vehicle_id)


def _changed_assignment(row: ReadAssignment, kept: Assignment | None) -> Assignment | None:
    changed = _assignment(row, kept or Assignment())
    return kept if changed == Assignment() else changed


def _assignment(row: ReadAssignment, kept: Assignment) -> Assignment:
    named: dict[str, Any] = {name: row.values[name] for name in _OF_ASSIGNMENTS if name in row.values}
    return replace(kept, **named)
