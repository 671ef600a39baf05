"""The entries of a charger's local list: the identifiers that would be allowed at it now under managed access.

An entry is a permission that the charger stores. It ends no later than the begin of another holder's next reservation.
In the window of a reservation that names the charger, only the holder is listed; a charger for reservations only lists
holders at all times. Where energy narrows the charger to own vehicles, vehicles with an agreement are listed only as
holders. Promises of groups are kept by decisions alone: they depend on which other chargers are free, and an offline
charger cannot be held for a holder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.secrets import vault_key
from access_policy.domain.access.decision import PERMISSION_HORIZON, DecisionInputs, reason_for
from access_policy.domain.access.identifier_rules import kind_counts
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Enforcement
from access_policy.domain.depots.depot import Depot
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, VehicleId
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entries import key_of_charger, key_of_group
from access_policy.domain.reservations.entry import Entry as ReservationEntry
from access_policy.domain.reservations.here import ReservationsHere
from access_policy.domain.reservations.reservation import HolderIdentifier
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.registry import Vehicle, VehicleRegistry

LISTED_KINDS = frozenset(  # the kinds that a list can contain
    {IdentifierKind.RFID, IdentifierKind.MAC, IdentifierKind.EMAID, IdentifierKind.OTHER}
)

AT_A_TIME = 100  # vehicles, before decisions can run


class Entry(NamedTuple):
    """`owner` is the key of the value in the vault: the vehicle or, for an identifier of a reservation, the
    reservation, whose value is `sealed` here. `until` (exclusive) is the instant at which a reservation ends the
    permission; None: no known reservation ends it."""

    owner: VehicleId
    ref: IdentifierRef
    until: datetime | None = None
    sealed: str | None = None


Entries = tuple[Entry, ...]


async def desired_entries(
    charger: ChargerView,
    depot: Depot | None,
    registry: VehicleRegistry,
    book: ReservationBook,
    *,
    capacity: int,
    now: datetime,
) -> list[Entry]:
    """Return at most `capacity` entries: holders of reservations that the registry does not know, then own vehicles,
    then other vehicles, by time of registration."""
    is_reserved = charger.policy.settings.reservation_only or bool(reservations_near(charger, book, now))
    found = list(_holders(charger, registry, book, now)) if is_reserved else []
    vehicles = list(registry.vehicles.values())
    for wants_own in (True, False):
        async for vehicle in cooperatively(vehicles, at_a_time=AT_A_TIME):
            if len(found) >= capacity:
                return found[:capacity]
            if (vehicle.description.access_class is AccessClass.OWN) is wants_own:
                found += _allowed(charger, depot, registry, vehicle, book if is_reserved else None, now)
    return found[:capacity]


def agreements_here(registry: VehicleRegistry, charger_id: ChargerId, depot_id: DepotId) -> frozenset[AgreementId]:
    """Return the agreements that cover the charger: the input of its list that can differ from that of another charger
    of the same depot."""
    return frozenset(
        each.agreement_id for each in registry.agreements.values() if each.covers_charger(charger_id, depot_id)
    )


def reservations_near(charger: ChargerView, book: ReservationBook, now: datetime) -> list[ReservationEntry]:
    """Return the reservations on which the charger's list depends until `PERMISSION_HORIZON` from now."""
    if not book.entries.by_id:
        return []
    charger_id = charger.policy.charger_id
    groups = [each.group_id for each in book.groups.values() if charger_id in each.charger_ids]
    keys = [key_of_charger(charger_id), *map(key_of_group, groups)]
    near = book.entries.at_places(keys, now, now + PERMISSION_HORIZON)
    return [each for each in near if not each.is_over(now)]


def _holders(charger: ChargerView, registry: VehicleRegistry, book: ReservationBook, now: datetime) -> Iterator[Entry]:
    """Yield the identifiers of holders whose reservations admit here now, unless a vehicle has the identifier."""
    seen: set[IdentifierRef] = set()
    for entry in reservations_near(charger, book, now):
        for held in entry.reservation.holder.identifiers if entry.holds(now) else ():
            if held.ref.kind in LISTED_KINDS and held.ref not in seen and registry.holder_of(held.ref) is None:
                seen.add(held.ref)
                yield from _entry_of_holder(charger, book, entry, held, now)


def _entry_of_holder(
    charger: ChargerView, book: ReservationBook, entry: ReservationEntry, held: HolderIdentifier, now: datetime
) -> Iterator[Entry]:
    inputs = _inputs(charger, now, held.ref, None, None, _here(charger, book, held.ref, None, now))
    if reason_for(inputs) in ALLOWING:
        owner = vault_key(entry.reservation.reservation_id)
        yield Entry(owner, held.ref, reserved_until(inputs), held.sealed)


def _allowed(
    charger: ChargerView,
    depot: Depot | None,
    registry: VehicleRegistry,
    vehicle: Vehicle,
    book: ReservationBook | None,
    now: datetime,
) -> Iterator[Entry]:
    agreement_id = vehicle.description.agreement_id
    agreement = None if agreement_id is None else registry.agreements.get(agreement_id)
    for ref in vehicle.identifiers:
        if ref.kind not in LISTED_KINDS:
            continue
        here = None if book is None else _here(charger, book, ref, vehicle.vehicle_id, now)
        inputs = _inputs(charger, now, ref, vehicle, agreement, here)
        inputs.kind_counts = kind_counts(ref.kind, depot, agreement)
        if _is_listed(reason_for(inputs), charger.level_at(now)):
            yield Entry(vehicle.vehicle_id, ref, reserved_until(inputs))


def _is_listed(reason: Reason, level: GateLevel) -> bool:
    """Return whether to list the identifier. Own vehicles, and holders of reservations, start at any level."""
    return reason in ALLOWING and not (reason is Reason.AGREEMENT_VEHICLE and level is GateLevel.OWN_ONLY)


def reserved_until(inputs: DecisionInputs) -> datetime | None:
    """Return the first instant within the horizon at which a reservation ends the permission, because another holder's
    begins or the holder's own is over."""
    if inputs.reservations is None:
        return None
    ahead = (each for each in inputs.reservations.instants() if inputs.at < each < inputs.at + PERMISSION_HORIZON)
    for instant in sorted(ahead):
        if reason_for(replace(inputs, at=instant)) not in ALLOWING:
            return instant
    return None


def _inputs(
    charger: ChargerView,
    now: datetime,
    ref: IdentifierRef,
    vehicle: Vehicle | None,
    agreement: Agreement | None,
    here: ReservationsHere | None,
) -> DecisionInputs:
    return DecisionInputs(
        at=now,
        charger_id=charger.policy.charger_id,
        depot_id=charger.policy.settings.depot_id,
        zone=charger.zone,
        expected=Segment(now, now, AccessMode.MANAGED, BASELINE_CAUSE),
        enforcement=Enforcement.ENFORCE,
        identifier=ref,
        vehicle=vehicle,
        agreement=agreement,
        reservations=here,
    )


def _here(
    charger: ChargerView, book: ReservationBook, ref: IdentifierRef, vehicle_id: VehicleId | None, now: datetime
) -> ReservationsHere:
    """Return the reservations as if every other charger were free (see the module docstring)."""
    return charger.promises(book, now).for_attempt(
        book,
        charger.only_connector,
        ref,
        vehicle_id,
        is_required=charger.policy.settings.reservation_only,
    )
