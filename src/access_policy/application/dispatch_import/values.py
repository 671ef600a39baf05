"""A reservation in the spelling of a dispatch sheet, and the key by which a row finds its entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from access_policy.application.charger_import.plan import ColumnChange
from access_policy.application.dispatch_import.cells import ASSIGNMENTS
from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.operating_days import operating_day
from access_policy.domain.reservations.reservation import Assignment, Reservation

COLUMNS = ASSIGNMENTS.columns[1:]  # without the key
_NO_ASSIGNMENT = Assignment()


def cells_of(reservation: Reservation, zone: ZoneInfo) -> dict[str, str]:
    """Return the cells by column, without the key. Instants are in the depot's time with its offset; an empty string
    means no value."""
    assignment = reservation.assignment or _NO_ASSIGNMENT
    values = {
        "block_id": assignment.block_id,
        "vehicle_id": reservation.holder.vehicle_id,
        "charger_id": reservation.place.charger_id,
        "group": reservation.place.group_id,
        "from": _spelled(reservation.start, zone),
        "until": _spelled(reservation.end, zone),
        "departure": None if assignment.departure is None else _spelled(assignment.departure, zone),
        "needed_kwh": assignment.needed_kwh,
        "needed_soc": assignment.needed_soc,
        "note": reservation.note,
    }
    return {column: "" if value is None else _number_or_text(value) for column, value in values.items()}


def changes(before: Reservation | None, after: Reservation | None, zone: ZoneInfo) -> Iterator[ColumnChange]:
    """Yield the changes in the order of the columns; None means no value."""
    old = {} if before is None else cells_of(before, zone)
    new = {} if after is None else cells_of(after, zone)
    for column in COLUMNS:
        if old.get(column, "") != new.get(column, ""):
            yield ColumnChange(column, old.get(column) or None, new.get(column) or None)


def _spelled(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    exact = "auto" if local.second or local.microsecond else "minutes"
    return local.isoformat(timespec=exact)


def _number_or_text(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


@dataclass(slots=True)
class OwnEntries:
    """The depot's own entries (without partners' bookings), as rows find them: by the reservation's id, or by the
    assignment's id within an operating day. Cancelled entries are not found."""

    zone: ZoneInfo
    starts_at: time
    by_id: dict[ReservationId, Entry] = field(default_factory=dict)
    by_assignment: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    days: dict[ReservationId, date] = field(default_factory=dict)

    def day_of(self, entry: Entry) -> date:
        return self.days[entry.reservation.reservation_id]

    def find(self, key: str, day: date | None) -> list[Entry]:
        """Return the matching entries; several if the key is ambiguous."""
        if (entry := self.by_id.get(ReservationId(key))) is not None:
            return [entry]
        return [each for each in self.by_assignment.get(key, ()) if day is None or self.day_of(each) == day]


def own_entries(book: ReservationBook, zone: ZoneInfo) -> OwnEntries:
    starts_at = book.settings.day_starts_at
    found = OwnEntries(zone, starts_at)
    for entry in book.entries.by_id.values():
        reservation = entry.reservation
        if reservation.source.is_a_partners or entry.outcome is Outcome.CANCELLED:
            continue
        found.by_id[reservation.reservation_id] = entry
        found.days[reservation.reservation_id] = operating_day(reservation.start, zone, starts_at)
        if (assignment_id := assignment_id_of(entry)) is not None:
            found.by_assignment[assignment_id].append(entry)
    return found


def assignment_id_of(entry: Entry) -> str | None:
    return None if entry.reservation.assignment is None else entry.reservation.assignment.assignment_id


def keys_of(own: OwnEntries, entries: Iterable[Entry]) -> dict[ReservationId, str]:
    """Return the key of each entry in a file: its assignment's id, or its own id if that would be ambiguous."""
    of_day = Counter((assignment_id_of(each), own.day_of(each)) for each in own.by_id.values())
    keys = {}
    for each in entries:
        reservation_id, assignment_id = each.reservation.reservation_id, assignment_id_of(each)
        is_unique = of_day[assignment_id, own.day_of(each)] == 1 and assignment_id not in own.by_id
        keys[reservation_id] = assignment_id if assignment_id and is_unique else str(reservation_id)
    return keys
