"""The entries of a charger's local list: the identifiers that would be allowed there now under managed access."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.turns import in_turns
from access_policy.domain.access.decision import DecisionInputs, reason_for
from access_policy.domain.access.identifier_rules import kind_counts
from access_policy.domain.access.reasons import ALLOWING
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Enforcement
from access_policy.domain.depots.depot import Depot
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, VehicleId
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.registry import Vehicle, VehicleRegistry

LISTED_KINDS = frozenset(  # what a list can hold
    {IdentifierKind.RFID, IdentifierKind.MAC, IdentifierKind.EMAID, IdentifierKind.OTHER}
)

Entry = tuple[VehicleId, IdentifierRef]
Entries = tuple[Entry, ...]

AT_A_TIME = 200  # vehicles, before decisions get their turn


async def desired_entries(
    charger: ChargerView, depot: Depot | None, registry: VehicleRegistry, *, capacity: int, now: datetime
) -> list[Entry]:
    """At most `capacity` entries: own vehicles first, then by time of registration."""
    found: list[Entry] = []
    vehicles = list(registry.vehicles.values())
    for wants_own in (True, False):
        async for vehicle in in_turns(vehicles, at_a_time=AT_A_TIME):
            if len(found) >= capacity:
                return found[:capacity]
            if (vehicle.description.access_class is AccessClass.OWN) is wants_own:
                found += _allowed(charger, depot, registry, vehicle, now)
    return found[:capacity]


def agreements_here(registry: VehicleRegistry, charger_id: ChargerId, depot_id: DepotId) -> frozenset[AgreementId]:
    """The inputs of this charger's list that can differ from those of another charger of the same depot."""
    return frozenset(
        each.agreement_id for each in registry.agreements.values() if each.covers_charger(charger_id, depot_id)
    )


def _allowed(
    charger: ChargerView, depot: Depot | None, registry: VehicleRegistry, vehicle: Vehicle, now: datetime
) -> Iterator[Entry]:
    managed = Segment(now, now, AccessMode.MANAGED, BASELINE_CAUSE)
    agreement_id = vehicle.description.agreement_id
    agreement = None if agreement_id is None else registry.agreements.get(agreement_id)
    for ref in vehicle.identifiers:
        if ref.kind not in LISTED_KINDS:
            continue
        inputs = DecisionInputs(
            at=now,
            charger_id=charger.policy.charger_id,
            depot_id=charger.policy.settings.depot_id,
            zone=charger.zone,
            expected=managed,
            enforcement=Enforcement.ENFORCE,
            identifier=ref,
            vehicle=vehicle,
            agreement=agreement,
            kind_counts=kind_counts(ref.kind, depot, agreement),
        )
        if reason_for(inputs) in ALLOWING:
            yield vehicle.vehicle_id, ref
