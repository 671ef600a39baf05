"""Ids that are refused where they are given, and stay valid where they are known."""

from __future__ import annotations

import pytest

from access_policy.domain.access_mode import Enforcement
from access_policy.domain.charger_access_policy import policy
from access_policy.domain.depots import depot as depots
from access_policy.domain.ids import ChargerId, DepotId, InvalidId, TenantId, VehicleId, checked_id, checked_new_id
from access_policy.domain.tenants import tenant as tenants
from access_policy.domain.tenants.tenant import TenantDescription
from access_policy.domain.vehicle_registry.many_vehicles import WantedVehicle, put_vehicles
from tests.support.builders import depot_settings, own, settings, vehicle_registered
from tests.support.spec import given_registry


@pytest.mark.parametrize("given", [".", ".."])
def test_new_id_that_an_address_cannot_have_is_refused(given: str) -> None:
    with pytest.raises(InvalidId, match="no browser can open it; choose another id") as refused:
        checked_new_id(given, "vehicle_id")

    assert refused.value.pointer == "/vehicle_id"
    assert checked_id(given, "vehicle_id") == given


@pytest.mark.parametrize("given", ["...", ".a", "a.", "export", "-"])
def test_new_id_like_them_is_taken(given: str) -> None:
    assert checked_new_id(given, "vehicle_id") == given


@pytest.mark.parametrize("given", ["export", "imports", ".."])
def test_charger_with_a_word_of_the_api_as_id_is_not_registered(given: str) -> None:
    with pytest.raises(InvalidId, match="choose another id"):
        policy.register(ChargerId(given), settings(), Enforcement.ENFORCE)


def test_depot_and_tenant_with_dots_as_id_are_not_registered() -> None:
    with pytest.raises(InvalidId, match="choose another id"):
        depots.register(DepotId("."), depot_settings())
    with pytest.raises(InvalidId, match="choose another id"):
        tenants.register(TenantId(".."), TenantDescription(name="Acme"))


def test_known_vehicle_with_dots_as_id_is_changed_and_a_new_one_is_refused() -> None:
    dots = VehicleId("..")
    registry, unknown = given_registry(vehicle_registered(dots)).state, given_registry(vehicle_registered()).state
    wanted = WantedVehicle(vehicle_id=dots, description=own(name="Van 2"))

    assert registry.put_vehicle(dots, own(name="Van 2"), ()) == put_vehicles(registry, [wanted], {})
    assert len(put_vehicles(registry, [wanted], {})) == 1
    with pytest.raises(InvalidId, match="choose another id"):
        unknown.put_vehicle(dots, own(), ())
    with pytest.raises(InvalidId, match="choose another id"):
        put_vehicles(unknown, [wanted], {})
