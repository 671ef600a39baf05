"""The vault: values open for their own vehicle only, and never again once it is forgotten."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access_policy.adapters.records.vehicle_vault import SealBroken, SqlVehicleVault
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import TenantId, VehicleId
from tests.support.places import Place
from tests.support.records import files_holding, inside, locked, rows
from tests.support.stores import TEST_KEY, vehicle_vault

ACME, OTHER = TenantId("acme"), TenantId("other")
VAN, TRUCK = VehicleId("van-7"), VehicleId("truck-1")
VALUE = "04A1B2C3D4E5F6"


@pytest.fixture
async def vault(records_location: Place) -> AsyncIterator[SqlVehicleVault]:
    opened = vehicle_vault(records_location)
    yield opened
    await opened.close()


def wrapped_key(place: Place, vehicle: VehicleId) -> bytes:
    ((wrapped,),) = rows(place, "vault", f"SELECT wrapped FROM vehicle_key WHERE vehicle_id = '{vehicle}'")
    return bytes(wrapped)


@pytest.mark.parametrize("value", [VALUE, "", "B-ÄÖ 123 𝄞", "x" * 10_000])
async def test_a_sealed_value_opens_again_and_shows_nothing(vault: SqlVehicleVault, value: str) -> None:
    sealed = await vault.seal(ACME, VAN, value)

    assert value == "" or value not in sealed
    assert await vault.unseal(ACME, VAN, sealed) == value


async def test_a_value_sealed_twice_looks_different(vault: SqlVehicleVault) -> None:
    assert await vault.seal(ACME, VAN, VALUE) != await vault.seal(ACME, VAN, VALUE)


async def test_a_sealed_value_opens_after_the_vault_was_opened_again(records_location: Place) -> None:
    vault = vehicle_vault(records_location)
    sealed = await vault.seal(ACME, VAN, VALUE)
    await vault.close()

    vault = vehicle_vault(records_location)
    assert await vault.unseal(ACME, VAN, sealed) == VALUE
    await vault.close()


async def test_a_sealed_value_does_not_open_for_another_vehicle_or_tenant(vault: SqlVehicleVault) -> None:
    sealed = await vault.seal(ACME, VAN, VALUE)
    await vault.seal(ACME, TRUCK, VALUE)
    await vault.seal(OTHER, VAN, VALUE)

    assert await vault.unseal(ACME, TRUCK, sealed) is None
    assert await vault.unseal(OTHER, VAN, sealed) is None


async def test_a_forgotten_vehicles_values_are_gone_and_others_stay(vault: SqlVehicleVault) -> None:
    sealed, other = await vault.seal(ACME, VAN, VALUE), await vault.seal(ACME, TRUCK, VALUE)

    await vault.forget(ACME, VAN)
    await vault.forget(ACME, VAN)

    assert await vault.unseal(ACME, VAN, sealed) is None
    assert await vault.unseal(ACME, TRUCK, other) == VALUE


async def test_a_new_vehicle_of_a_forgotten_ones_id_does_not_bring_its_values_back(vault: SqlVehicleVault) -> None:
    old = await vault.seal(ACME, VAN, VALUE)
    await vault.forget(ACME, VAN)
    new = await vault.seal(ACME, VAN, "another")

    assert await vault.unseal(ACME, VAN, old) is None
    assert await vault.unseal(ACME, VAN, new) == "another"


async def test_nothing_of_a_forgotten_key_is_left_in_any_file(records_location: Place) -> None:
    vault = vehicle_vault(records_location)
    for n in range(20):
        await vault.seal(OTHER, VehicleId(f"before-{n}"), VALUE)
    sealed = await vault.seal(ACME, VAN, VALUE)
    for n in range(20):
        await vault.seal(OTHER, VehicleId(f"after-{n}"), VALUE)
    wrapped = wrapped_key(records_location, VAN)
    assert files_holding(records_location, wrapped) != []

    await vault.forget(ACME, VAN)

    assert files_holding(records_location, wrapped) == []
    assert await vault.unseal(ACME, VAN, sealed) is None
    await vault.close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    vault = vehicle_vault(tmp_path)
    await vault.seal(ACME, VAN, VALUE)

    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    await vault.close()


async def test_files_hold_neither_values_nor_bare_keys(vault: SqlVehicleVault, records_location: Place) -> None:
    await vault.seal(ACME, VAN, VALUE)

    assert files_holding(records_location, VALUE.encode()) == []
    assert len(wrapped_key(records_location, VAN)) == 12 + 32 + 16  # nonce, key, tag


async def test_a_vault_with_another_master_key_says_so(records_location: Place) -> None:
    vault = vehicle_vault(records_location)
    sealed = await vault.seal(ACME, VAN, VALUE)
    await vault.close()

    vault = vehicle_vault(records_location, bytes(32))
    with pytest.raises(SealBroken, match="the right one"):
        await vault.unseal(ACME, VAN, sealed)
    with pytest.raises(SealBroken):
        await vault.seal(ACME, VAN, VALUE)
    await vault.close()


@pytest.mark.parametrize("broken", ["", "v1", "v1.0011.!!", "v2.00.AAAA", "v1.00.AAAA.BB", "plain text"])
async def test_what_is_no_sealed_value_is_an_error(vault: SqlVehicleVault, broken: str) -> None:
    with pytest.raises(SealBroken):
        await vault.unseal(ACME, VAN, broken)


async def test_an_altered_value_is_an_error(vault: SqlVehicleVault) -> None:
    sealed = await vault.seal(ACME, VAN, VALUE)
    altered = sealed[:-6] + ("AAAA" if sealed[-6:-2] != "AAAA" else "BBBB") + sealed[-2:]

    with pytest.raises(SealBroken):
        await vault.unseal(ACME, VAN, altered)


async def test_many_callers_at_once_share_one_key(vault: SqlVehicleVault) -> None:
    sealed = await asyncio.gather(*(vault.seal(ACME, VAN, str(n)) for n in range(50)))

    assert len({one.split(".")[1] for one in sealed}) == 1
    assert await asyncio.gather(*(vault.unseal(ACME, VAN, one) for one in sealed)) == [str(n) for n in range(50)]


async def test_a_vault_that_another_process_holds_locked_is_unavailable_until_it_is_free(
    records_location: Place,
) -> None:
    vault = SqlVehicleVault(inside(records_location, "vault"), TEST_KEY, timeout_s=0.5)
    with locked(records_location, "vault", "vehicle_key"), pytest.raises(StoreUnavailable):
        await vault.seal(ACME, VAN, VALUE)

    assert await vault.unseal(ACME, VAN, await vault.seal(ACME, VAN, VALUE)) == VALUE
    await vault.close()


# --- many at once ----------------------------------------------------------------------------------------------------


async def test_many_values_are_sealed_each_with_its_vehicles_key_and_opened_again(vault: SqlVehicleVault) -> None:
    values = [(VAN, VALUE), (TRUCK, "B-AB 1234"), (VAN, "")]

    sealed = await vault.seal_many(ACME, values)

    assert await vault.unseal_many(ACME, [(who, text) for (who, _), text in zip(values, sealed, strict=True)]) == [
        VALUE,
        "B-AB 1234",
        "",
    ]
    assert await vault.unseal(ACME, VAN, sealed[0]) == VALUE
    assert sealed[0].split(".")[1] == sealed[2].split(".")[1] != sealed[1].split(".")[1]


async def test_sealing_many_keeps_the_key_that_a_vehicle_has(vault: SqlVehicleVault) -> None:
    first = await vault.seal(ACME, VAN, VALUE)
    (second,) = await vault.seal_many(ACME, [(VAN, VALUE)])

    assert first.split(".")[1] == second.split(".")[1]


async def test_forgetting_many_leaves_the_others(vault: SqlVehicleVault) -> None:
    kept, gone = await vault.seal_many(ACME, [(VAN, VALUE), (TRUCK, VALUE)])

    await vault.forget_many(ACME, [TRUCK, VehicleId("never-there")])

    assert await vault.unseal_many(ACME, [(VAN, kept), (TRUCK, gone)]) == [VALUE, None]


async def test_of_many_a_value_of_another_vehicle_does_not_open(vault: SqlVehicleVault) -> None:
    sealed, _ = await vault.seal_many(ACME, [(VAN, VALUE), (TRUCK, VALUE)])

    assert await vault.unseal_many(ACME, [(TRUCK, sealed)]) == [None]


async def test_nothing_is_nothing(vault: SqlVehicleVault) -> None:
    assert (await vault.seal_many(ACME, []), await vault.unseal_many(ACME, [])) == ([], [])


async def test_owners_of_keys_come_in_pages_by_the_beginning_of_their_ids(vault: SqlVehicleVault) -> None:
    wanted = [
        (ACME, VehicleId("reservation/1")),
        (ACME, VehicleId("reservation/2")),
        (OTHER, VehicleId("reservation/1")),
    ]
    for tenant, owner in (*wanted, (ACME, VAN), (ACME, VehicleId("reservation"))):
        await vault.seal(tenant, owner, VALUE)

    first = await vault.owners("reservation/", after=None, limit=2)
    second = await vault.owners("reservation/", after=first[-1], limit=2)

    assert [*first, *second] == wanted
    assert await vault.owners("reservation/", after=wanted[-1], limit=2) == []
