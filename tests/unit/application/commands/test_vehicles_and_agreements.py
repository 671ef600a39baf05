"""Commands on the registry."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from access_policy.application.commands import Done
from access_policy.application.commands.end_agreement import EndAgreement
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.errors import VersionMismatch
from access_policy.domain.identifiers import IdentifierInvalid, IdentifierKind
from access_policy.domain.ids import AgreementId, InvalidId, InvalidName, VehicleId
from access_policy.domain.vehicle_registry.errors import (
    AgreementInvalid,
    AgreementNotThere,
    AgreementUnknown,
    IdentifierTaken,
    VehicleInvalid,
    VehicleUnknown,
)
from access_policy.domain.vehicle_registry.events import (
    AgreementAmended,
    AgreementEnded,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleReinstated,
    VehicleRemoved,
    VehicleSuspended,
)
from tests.support.builders import (
    HOUR,
    NOON,
    PARTNER,
    TRUCK,
    VAN,
    agreement,
    agreement_recorded,
    own,
    partnered,
    vehicle_registered,
)
from tests.support.office import ACME, RIVAL, Office

CARD, CARD_SPELT_OTHERWISE = "04A1B2C3D4E5F6", "04:a1:b2:c3:d4:e5:f6"
ANOTHER_CARD = "04FFFFFFFFFFFF"
RFID, PIN, MAC = IdentifierKind.RFID, IdentifierKind.PIN, IdentifierKind.MAC


def putting(*identifiers: tuple[IdentifierKind, str], **changes: Any) -> PutVehicle:
    return PutVehicle(**({"vehicle_id": VAN, "description": own(), "identifiers": identifiers} | changes))


def put_agreement(**changes: Any) -> PutAgreement:
    return PutAgreement(agreement=agreement(**changes))


# --- vehicles ---------------------------------------------------------------------------------------------------------


async def test_a_vehicle_is_registered_with_its_identifiers_sealed(office: Office) -> None:
    put = await office.do(putting((RFID, CARD)))

    registered, added = put.events
    assert registered == vehicle_registered()
    assert (added.identifier.ref.kind, added.identifier.ref.masked) == (RFID, "…E5F6")
    assert await office.vault.unseal(ACME, VAN, added.identifier.sealed) == CARD
    assert CARD not in repr(put.events)
    assert (put.done.version, put.done.created) == (2, True)


async def test_several_spellings_of_one_identifier_are_one(office: Office) -> None:
    put = await office.do(putting((RFID, CARD), (RFID, CARD_SPELT_OTHERWISE)))

    assert [type(event) for event in put.events] == [VehicleRegistered, VehicleIdentifierAdded]
    assert office.vault.sealed == [CARD]


async def test_a_vehicle_put_again_as_it_is_makes_no_event_and_seals_nothing(office: Office) -> None:
    first = await office.do(putting((RFID, CARD)))
    again = await office.do(putting((RFID, CARD_SPELT_OTHERWISE)))

    assert again.events == []
    assert again.done == Done(version=first.done.version, position=0, created=False)
    assert office.vault.sealed == [CARD]


async def test_a_pin_is_never_kept_also_not_sealed(office: Office) -> None:
    put = await office.do(putting((PIN, "482915")))

    (added,) = [event for event in put.events if isinstance(event, VehicleIdentifierAdded)]
    assert added.identifier.sealed == ""
    assert office.vault.sealed == []
    assert "482915" not in repr(put.events)


async def test_an_identifier_that_stays_keeps_its_sealed_value_and_one_left_out_is_removed(office: Office) -> None:
    first = await office.do(putting((RFID, CARD), (MAC, "1A2B3C4D5E6F")))
    kept = first.events[1].identifier.ref
    changed = await office.do(putting((RFID, CARD), (RFID, ANOTHER_CARD), description=own(name="Van 1 b")))

    assert [type(event) for event in changed.events] == [
        VehicleReclassified,
        VehicleIdentifierRemoved,
        VehicleIdentifierAdded,
    ]
    async with office.registries.locked(ACME) as registry:
        assert registry.vehicle(VAN).identifiers[0] == kept
    assert office.vault.sealed.count(CARD) == 1


async def test_an_identifier_of_another_vehicle_is_refused_and_names_the_holder(office: Office) -> None:
    await office.do(putting((RFID, CARD)))
    refusal = await office.refused(
        putting((RFID, ANOTHER_CARD), (RFID, CARD_SPELT_OTHERWISE), vehicle_id=TRUCK), IdentifierTaken
    )

    assert refusal.holder == VAN
    assert VAN in refusal.detail
    assert CARD not in refusal.detail
    assert refusal.pointer == "/identifiers/1"


async def test_the_same_identifier_at_another_tenant_is_another_one(office: Office) -> None:
    ours = await office.do(putting((RFID, CARD)))
    theirs = await office.do(putting((RFID, CARD)), tenant=RIVAL)

    assert ours.events[1].identifier.ref.pseudonym != theirs.events[1].identifier.ref.pseudonym


@pytest.mark.parametrize(
    ("command", "error", "pointer"),
    [
        (putting((RFID, CARD), (RFID, "no card")), IdentifierInvalid, "/identifiers/1/value"),
        (putting((PIN, "12")), IdentifierInvalid, "/identifiers/0/value"),
        (putting((RFID, CARD), description=own(name="")), InvalidName, "/name"),
        (putting((RFID, CARD), description=partnered()), AgreementNotThere, "/agreement_id"),
        (putting((RFID, CARD), description=own(agreement_id=PARTNER)), VehicleInvalid, "/agreement_id"),
        (putting((RFID, CARD), description=own(valid_from=NOON, valid_until=NOON)), VehicleInvalid, "/valid_until"),
        (putting(*((RFID, f"{n:08X}") for n in range(101))), VehicleInvalid, "/identifiers"),
        (putting((RFID, CARD), vehicle_id=VehicleId("a/b")), InvalidId, "/vehicle_id"),
        (putting((RFID, CARD), expected_version=3), VersionMismatch, None),
    ],
)
async def test_a_refused_vehicle_is_neither_recorded_nor_sealed(
    office: Office, command: PutVehicle, error: type[Exception], pointer: str | None
) -> None:
    refusal: Any = await office.refused(command, error)

    assert getattr(refusal, "pointer", None) == pointer


# --- suspending and removing ------------------------------------------------------------------------------------------


async def test_a_vehicle_is_suspended_and_reinstated_once_each(office: Office) -> None:
    await office.do(putting())
    suspend, reinstate = (
        SuspendVehicle(vehicle_id=VAN, reason="unpaid"),
        ReinstateVehicle(vehicle_id=VAN, reason="paid"),
    )

    assert (await office.do(suspend)).events == [VehicleSuspended(vehicle_id=VAN, reason="unpaid")]
    again = await office.do(suspend)
    assert (again.events, again.done.version, again.done.created) == ([], 2, False)
    assert (await office.do(reinstate)).events == [VehicleReinstated(vehicle_id=VAN, reason="paid")]
    assert (await office.do(reinstate)).events == []


async def test_a_removed_vehicle_is_forgotten_and_its_identifiers_are_free(office: Office) -> None:
    sealed = (await office.do(putting((RFID, CARD)))).events[1].identifier.sealed
    removed = await office.do(RemoveVehicle(vehicle_id=VAN))

    assert removed.events == [VehicleRemoved(vehicle_id=VAN)]
    assert removed.done.version == 3
    assert await office.vault.unseal(ACME, VAN, sealed) is None
    assert (await office.do(putting((RFID, CARD), vehicle_id=TRUCK))).done.created
    await office.refused(RemoveVehicle(vehicle_id=VAN), VehicleUnknown)


async def test_a_removal_that_could_not_forget_can_be_repeated(office: Office) -> None:
    sealed = (await office.do(putting((RFID, CARD)))).events[1].identifier.sealed
    office.vault.forgetting_fails = True
    with pytest.raises(OSError, match="away"):
        await office.run(RemoveVehicle(vehicle_id=VAN))
    office.vault.forgetting_fails = False

    await office.refused(RemoveVehicle(vehicle_id=VAN), VehicleUnknown)
    assert await office.vault.unseal(ACME, VAN, sealed) is None


@pytest.mark.parametrize(
    "command",
    [
        SuspendVehicle(vehicle_id=VAN, reason="unpaid"),
        ReinstateVehicle(vehicle_id=VAN, reason="paid"),
        RemoveVehicle(vehicle_id=VAN),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_only_a_vehicle_of_the_own_tenant_at_the_version_read_is_changed(office: Office, command: Any) -> None:
    await office.do(putting((RFID, CARD)))

    await office.refused(command, VehicleUnknown, tenant=RIVAL)
    mismatch = await office.refused(dataclasses.replace(command, expected_version=1), VersionMismatch)
    assert (mismatch.expected, mismatch.current) == (1, 2)
    await office.run(dataclasses.replace(command, expected_version=2))


async def test_a_suspension_without_reason_is_refused(office: Office) -> None:
    await office.do(putting())

    await office.refused(SuspendVehicle(vehicle_id=VAN, reason=""), InvalidName)


# --- agreements -------------------------------------------------------------------------------------------------------


async def test_an_agreement_is_recorded_amended_and_ended(office: Office) -> None:
    first = await office.do(put_agreement())
    assert (first.events, first.done.created) == ([agreement_recorded()], True)

    assert (await office.do(put_agreement())).events == []
    amended = await office.do(put_agreement(name="Partner 2027"))
    assert amended.events == [AgreementAmended(agreement=agreement(name="Partner 2027"))]
    assert (amended.done.version, amended.done.created) == (2, False)

    ended = await office.do(EndAgreement(agreement_id=PARTNER))
    assert ended.events == [AgreementEnded(agreement_id=PARTNER, ended_at=NOON)]
    again = await office.do(EndAgreement(agreement_id=PARTNER))
    assert (again.events, again.done.version) == ([], 3)


async def test_a_vehicle_of_an_agreement_is_registered_once_there_is_one(office: Office) -> None:
    await office.do(put_agreement())

    assert (await office.do(putting(description=partnered()))).done.created


async def test_an_agreement_that_cannot_be_is_refused(office: Office) -> None:
    await office.refused(put_agreement(valid_until=agreement().valid_from - HOUR), AgreementInvalid)
    await office.refused(put_agreement(fleet=""), InvalidName)
    await office.refused(put_agreement(agreement_id=AgreementId("a/b")), InvalidId)


async def test_only_an_agreement_of_the_own_tenant_at_the_version_read_is_changed(office: Office) -> None:
    await office.do(put_agreement())

    await office.refused(EndAgreement(agreement_id=PARTNER), AgreementUnknown, tenant=RIVAL)
    await office.refused(EndAgreement(agreement_id=PARTNER, expected_version=4), VersionMismatch)
    await office.refused(PutAgreement(agreement=agreement(name="B"), expected_version=0), VersionMismatch)
