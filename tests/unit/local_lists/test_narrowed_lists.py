"""Local lists of chargers that energy narrows: own vehicles stay on them, vehicles with an agreement leave at `own_only`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from access_policy.application.local_lists.desired import desired_entries
from access_policy.application.streams import registry_stream
from access_policy.domain.ids import AgreementId, VehicleId
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    AgreementRecorded,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleRegistered,
)
from tests.support.builders import agreement
from tests.support.depot_in_memory import BAY, DEPOT, NIGHT, TENANT, DepotInMemory, HashedPseudonyms, rfid
from tests.support.energy import GivenGates, a_window
from tests.support.stores import memory_store

BUS, TRUCK = VehicleId("bus-7"), VehicleId("truck-1")


@pytest.mark.parametrize(
    ("level", "listed"),
    [(None, [BUS, TRUCK]), (GateLevel.OWN_AND_AGREEMENT, [BUS, TRUCK]), (GateLevel.OWN_ONLY, [BUS])],
)
async def test_list_of_a_narrowed_charger_has_only_vehicles_of_its_level(
    level: GateLevel | None, listed: list[VehicleId]
) -> None:
    gates = GivenGates()
    depot = await DepotInMemory(memory_store(), gates=gates).opened()
    await register_a_truck(depot)
    if level is not None:
        gates.give((TENANT, BAY), a_window(NIGHT, NIGHT + timedelta(hours=1), level))
    depot.narrowing.freshen((TENANT, BAY))

    view = depot.view
    found = await desired_entries(
        view.charger(TENANT, BAY),
        view.depot(TENANT, DEPOT),
        view.registry(TENANT),
        view.book(TENANT, DEPOT),
        capacity=10,
        now=NIGHT,
    )

    assert [entry.owner for entry in found] == listed
    assert view.charger(TENANT, BAY).level_at(NIGHT) is (level or GateLevel.OPEN)


async def register_a_truck(depot: DepotInMemory) -> None:
    contract = agreement(valid_from=NIGHT - timedelta(days=1))
    description = VehicleDescription(
        name="Truck", access_class=AccessClass.AGREEMENT, agreement_id=AgreementId(contract.agreement_id)
    )
    card = VehicleIdentifier(ref=HashedPseudonyms().ref(TENANT, rfid("04CCCCCCCCCCCC")), sealed="sealed")
    events = (
        AgreementRecorded(agreement=contract),
        VehicleRegistered(vehicle_id=TRUCK, description=description),
        VehicleIdentifierAdded(vehicle_id=TRUCK, identifier=card),
    )
    await depot.record(registry_stream(TENANT), depot.view.registry(TENANT).version, events)
