"""The reservations that a charger should have now: a pure function of the book, the charger and the time.

Only reservations that name the charger are sent: the holder of a group's reservation may use any free charger of the
group. A charger in freevend (also by an operator's override), or one that only observes, must admit every vehicle, and
so gets no reservations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.capability_profiles.capabilities import Reserves
from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import Holder, Place

THE_CHARGER = 0  # as a connector id: the charger as a whole


@dataclass(frozen=True, slots=True)
class Slot:
    """A reservation of one connector, 0 for the charger as a whole, until `until` (exclusive)."""

    reservation_id: ReservationId
    connector_id: int
    holder: Holder
    until: datetime

    @property
    def number(self) -> int:
        return reservation_number(self.reservation_id, self.connector_id)


def reservation_number(reservation_id: ReservationId, connector_id: int) -> int:
    """Return the number on the charger, 1 to 2^31 - 1 (an integer of 1.6). It is derived, so that it is the same after
    a restart and in every gateway. A second request with the same number replaces the reservation."""
    digest = hashlib.sha256(f"{reservation_id}/{connector_id}".encode()).digest()
    return int.from_bytes(digest[:4]) % (2**31 - 1) + 1


def wanted_slots(
    entries: Iterable[Entry],
    *,
    at: datetime,
    expected: AccessMode,
    enforcement: Enforcement,
    reserves: Reserves,
    connectors: int,
    used: Collection[tuple[ReservationId, int]],
) -> dict[int, Slot]:
    """Return the wanted slots by number. `entries` name the charger, which has connectors 1 to `connectors`. `used`
    holds the reservations whose holder is charging, with the connector."""
    if expected is not AccessMode.MANAGED or enforcement is not Enforcement.ENFORCE or reserves is Reserves.NONE:
        return {}
    wanted = (
        Slot(entry.reservation.reservation_id, connector_id, entry.reservation.holder, _until(entry))
        for entry in entries
        if entry.holds(at) and not _is_used_up(entry)
        for connector_id in _connectors(entry.reservation.place, reserves, connectors)
    )
    return {slot.number: slot for slot in wanted if (slot.reservation_id, slot.connector_id) not in used}


def next_change(entries: Iterable[Entry], at: datetime) -> datetime | None:
    """Return the first instant after `at` at which `wanted_slots` may change merely because time passes."""
    return min((instant for entry in entries for instant in _instants(entry) if instant > at), default=None)


def _instants(entry: Entry) -> Iterator[datetime]:
    if entry.over_at is None:
        yield entry.begins
        yield _until(entry)


def _until(entry: Entry) -> datetime:
    """Return the end of the window, or the instant at which a holder who does not arrive loses it."""
    return entry.lost_at or entry.reservation.end


def _is_used_up(entry: Entry) -> bool:
    """Return whether the holder has started and the end of the charge releases the reservation."""
    return entry.fulfilled_at is not None and entry.reservation.terms.release_on_stop


def _connectors(place: Place, reserves: Reserves, connectors: int) -> Iterable[int]:
    """Return the connectors to reserve. A charger that can only be reserved as a whole, and has several connectors,
    cannot reserve a particular one of them."""
    if reserves is Reserves.CHARGER:
        return (THE_CHARGER,) if place.connector_id is None or connectors == 1 else ()
    return range(1, connectors + 1) if place.connector_id is None else (place.connector_id,)
