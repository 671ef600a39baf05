"""Putting depots and chargers, and retiring chargers."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.commands import Done
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.errors import VersionMismatch
from access_policy.application.ports.event_store import Append, VersionConflict
from access_policy.domain.access_mode import AccessMode, Enforcement, OnWindowStart
from access_policy.domain.charge_points.claims import ChargePointClaimed, ChargePointIdTaken, ChargePointReleased
from access_policy.domain.charger_access_policy.errors import ChargerRetired as RetiredAlready
from access_policy.domain.charger_access_policy.errors import ChargerUnknown, ProfileNotThere, SettingsInvalid
from access_policy.domain.charger_access_policy.events import ChargerAmended, ChargerRetired, EnforcementChanged
from access_policy.domain.depots.depot import DepotAmended, DepotInvalid
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId, InvalidId
from access_policy.domain.instants import UnknownTimeZone
from tests.support.builders import BAY, MANAGED, NOON, NORTH, depot_registered, depot_settings, registered, settings
from tests.support.office import ACME, RIVAL, Office, putting_charger, putting_depot

CP_1, CP_2 = ChargePointId("CP-1"), ChargePointId("CP-2")
BAY_2 = ChargerId("bay-2")
SOUTH = DepotId("south")


def claimed(charge_point_id: ChargePointId = CP_1, charger_id: ChargerId = BAY) -> ChargePointClaimed:
    return ChargePointClaimed(charge_point_id=charge_point_id, tenant_id=ACME, charger_id=charger_id)


# --- depots -----------------------------------------------------------------------------------------------------------


async def test_a_depot_is_registered_once_and_put_again_without_event(empty_office: Office) -> None:
    first = await empty_office.do(putting_depot())
    again = await empty_office.do(putting_depot())

    assert first.events == [depot_registered()]
    assert first.done == Done(version=1, position=1, created=True)
    assert again.events == []
    assert again.done == Done(version=1, position=0, created=False)


async def test_a_depot_that_changes_is_amended(empty_office: Office) -> None:
    await empty_office.do(putting_depot())
    changed = await empty_office.do(putting_depot(name="Nord", language="de"))

    assert changed.events == [DepotAmended(depot_id=NORTH, settings=depot_settings(name="Nord", language="de"))]
    assert (changed.done.version, changed.done.created) == (2, False)


async def test_the_chargers_of_a_depot_follow_its_corrected_time_zone(office: Office) -> None:
    await office.do(putting_charger(charger_id=BAY_2, charge_point_id=CP_2))
    corrected = await office.do(putting_depot(time_zone="Europe/Lisbon"))

    assert corrected.events[1:] == [
        ChargerAmended(charger_id=BAY, settings=settings(time_zone="Europe/Lisbon")),
        ChargerAmended(charger_id=BAY_2, settings=settings(time_zone="Europe/Lisbon", charge_point_id=CP_2)),
    ]
    assert corrected.done.position == await office.store.last_position()


async def test_chargers_of_other_depots_and_retired_ones_keep_their_time_zone(office: Office) -> None:
    await office.do(RetireCharger(charger_id=BAY))
    await office.do(putting_depot(), tenant=RIVAL)
    await office.do(putting_charger(charge_point_id=CP_2), tenant=RIVAL)
    corrected = await office.do(putting_depot(time_zone="Europe/Lisbon"))

    assert [type(event) for event in corrected.events] == [DepotAmended]


async def test_a_charger_that_is_being_changed_by_others_does_not_spoil_the_correction_of_its_depot(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, lost = office.store.append, []

    async def loses_the_first_race(appends: list[Append]) -> int:
        if "charger_access_policy" in appends[-1].stream and not lost:
            lost.append(appends)
            raise VersionConflict("another was first")
        return await append(appends)

    monkeypatch.setattr(office.store, "append", loses_the_first_race)
    command = putting_depot(time_zone="Europe/Lisbon", expected_version=1)
    corrected = await office.do(command)

    assert lost
    assert [type(event) for event in corrected.events] == [DepotAmended, ChargerAmended]
    assert corrected.done.version == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"time_zone": "Europe/Atlantis"}, UnknownTimeZone),
        ({"language": "tlh"}, DepotInvalid),
        ({"longest_override_days": 0}, DepotInvalid),
        ({"depot_id": DepotId("a/b")}, InvalidId),
        ({"expected_version": 7}, VersionMismatch),
    ],
)
async def test_a_depot_that_cannot_be_is_refused(
    office: Office, changes: dict[str, Any], error: type[Exception]
) -> None:
    await office.refused(putting_depot(**changes), error)


# --- chargers ---------------------------------------------------------------------------------------------------------


async def test_a_charger_is_registered_together_with_the_claim_on_its_charge_point_id(empty_office: Office) -> None:
    await empty_office.do(putting_depot())
    put = await empty_office.do(putting_charger())

    assert put.events == [claimed(), registered()]
    assert put.done == Done(version=1, position=3, created=True)


async def test_a_charger_put_again_as_it_is_makes_no_event(office: Office) -> None:
    again = await office.do(putting_charger())

    assert again.events == []
    assert again.done == Done(version=1, position=0, created=False)


async def test_what_is_left_out_keeps_its_value(office: Office) -> None:
    first = {"connectors": 4, "on_window_start": OnWindowStart.STOP_UNAUTHORISED, "enforcement": Enforcement.OBSERVE}
    changed = await office.do(putting_charger(**first))
    assert [type(event) for event in changed.events] == [ChargerAmended, EnforcementChanged]
    assert changed.done.version == 3

    changed = await office.do(putting_charger(baseline_mode=AccessMode.MANAGED))
    amended = settings(baseline_mode=MANAGED, connectors=4, on_window_start=OnWindowStart.STOP_UNAUTHORISED)
    assert changed.events == [ChargerAmended(charger_id=BAY, settings=amended)]


async def test_a_charger_that_moves_to_another_id_releases_the_one_it_had(office: Office) -> None:
    moved = await office.do(putting_charger(charge_point_id=CP_2))

    assert moved.events == [
        claimed(CP_2),
        ChargePointReleased(charge_point_id=CP_1),
        ChargerAmended(charger_id=BAY, settings=settings(charge_point_id=CP_2)),
    ]
    taken_over = await office.do(putting_charger(charger_id=BAY_2, charge_point_id=CP_1))
    assert claimed(CP_1, BAY_2) in taken_over.events


async def test_a_charge_point_id_that_is_taken_is_refused_and_names_the_holder(office: Office) -> None:
    refusal = await office.refused(putting_charger(charger_id=BAY_2), ChargePointIdTaken)

    assert "bay-1" in refusal.detail
    assert refusal.pointer == "/charge_point_id"


async def test_the_holder_is_not_named_to_another_tenant(office: Office) -> None:
    await office.do(putting_depot(), tenant=RIVAL)
    refusal = await office.refused(putting_charger(charger_id=BAY_2), ChargePointIdTaken, tenant=RIVAL)

    assert "bay-1" not in refusal.detail
    assert "acme" not in refusal.detail


async def test_a_password_is_stored_for_the_charge_point_id(office: Office) -> None:
    put = await office.do(putting_charger(password="sesame"))

    assert office.passwords.known == {(CP_1, (ACME, BAY)): "sesame"}
    assert put.events == []
    await office.do(putting_charger())
    assert office.passwords.known == {(CP_1, (ACME, BAY)): "sesame"}


async def test_new_holder_of_an_id_does_not_inherit_the_previous_password(office: Office) -> None:
    await office.do(putting_charger(password="sesame"))
    await office.do(putting_charger(charge_point_id=CP_2))
    assert office.passwords.known == {}

    office.passwords.known[CP_1, (ACME, BAY_2)] = "left behind by an earlier time"
    await office.do(putting_charger(charger_id=BAY_2, charge_point_id=CP_1))
    assert office.passwords.known == {}


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"depot_id": SOUTH}, SettingsInvalid, "/depot_id"),
        ({"profile": "toaster"}, ProfileNotThere, "/profile"),
        ({"charge_point_id": ""}, SettingsInvalid, "/charge_point_id"),
        ({"charge_point_id": "C" * 65}, SettingsInvalid, "/charge_point_id"),
        ({"charge_point_id": "CP\n1"}, SettingsInvalid, "/charge_point_id"),
        ({"connectors": 0}, SettingsInvalid, "/connectors"),
        ({"charger_id": "a/b"}, InvalidId, "/charger_id"),
    ],
)
async def test_a_charger_that_cannot_be_is_refused(
    office: Office, changes: dict[str, Any], error: type[Exception], pointer: str
) -> None:
    refusal: Any = await office.refused(putting_charger(password="sesame", **changes), error)

    assert refusal.pointer == pointer


async def test_a_charger_is_put_only_at_the_version_the_caller_read(office: Office) -> None:
    mismatch = await office.refused(putting_charger(expected_version=0), VersionMismatch)
    assert (mismatch.expected, mismatch.current) == (0, 1)

    assert (await office.do(putting_charger(connectors=2, expected_version=1))).done.version == 2


# --- retiring ---------------------------------------------------------------------------------------------------------


async def test_a_retired_charger_gives_its_charge_point_id_and_its_password_back(office: Office) -> None:
    await office.do(putting_charger(password="sesame"))
    gone = await office.do(RetireCharger(charger_id=BAY))

    assert gone.events == [
        ChargePointReleased(charge_point_id=CP_1),
        ChargerRetired(charger_id=BAY, retired_at=NOON),
    ]
    assert office.passwords.known == {}
    assert (await office.do(putting_charger(charger_id=BAY_2))).done.created


async def test_retiring_twice_changes_nothing_for_who_holds_the_id_by_then(office: Office) -> None:
    gone = await office.do(RetireCharger(charger_id=BAY))
    await office.do(putting_charger(charger_id=BAY_2, password="sesame"))
    again = await office.do(RetireCharger(charger_id=BAY))

    assert again.events == []
    assert again.done == Done(version=gone.done.version, position=0)
    assert office.passwords.known == {(CP_1, (ACME, BAY_2)): "sesame"}


async def test_a_retired_charger_takes_no_commands(office: Office) -> None:
    await office.do(RetireCharger(charger_id=BAY))

    await office.refused(putting_charger(connectors=2, password="sesame"), RetiredAlready)


async def test_only_a_charger_of_the_own_tenant_at_the_version_read_is_retired(office: Office) -> None:
    await office.refused(RetireCharger(charger_id=BAY), ChargerUnknown, tenant=RIVAL)
    await office.refused(RetireCharger(charger_id=BAY, expected_version=9), VersionMismatch)
