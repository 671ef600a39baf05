"""Entrances of a depot: put, removed and refused, and the chargers behind them."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.domain.depots.depot import EntrancePut, EntranceRemoved
from access_policy.domain.depots.entrances import (
    CHARGERS_MAX,
    ENTRANCES_MAX,
    GROUPS_MAX,
    Entrance,
    EntranceInvalid,
    EntranceUnknown,
    TooManyEntrances,
)
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, EntranceId, InvalidId, InvalidName, ReservationGroupId
from tests.support.builders import NORTH, depot_registered
from tests.support.spec import given_depot

GATE = EntranceId("gate")
BAYS = [ChargerId(f"bay-{number}") for number in (3, 1, 2)]
FAST, GONE = ReservationGroupId("fast"), ReservationGroupId("gone")


def entrance(**changes: Any) -> Entrance:
    return Entrance(**({"entrance_id": GATE, "name": "North gate"} | changes))


def put(**changes: Any) -> EntrancePut:
    return EntrancePut(depot_id=NORTH, entrance=entrance(**changes))


def test_entrance_is_put_amended_and_put_again_without_effect_and_removed() -> None:
    given_depot(depot_registered()).when(lambda d: d.put_entrance(entrance())).then(put())
    given_depot(depot_registered(), put()).when(lambda d: d.put_entrance(entrance())).then_nothing()
    amended = (
        given_depot(depot_registered(), put())
        .when(lambda d: d.put_entrance(entrance(name="Yard")))
        .then(put(name="Yard"))
    )
    assert (amended.entrances[GATE].name, amended.entrance_changed_at[GATE], amended.changed_at) == ("Yard", 3, 1)
    removed = (
        given_depot(depot_registered(), put())
        .when(lambda d: d.remove_entrance(GATE))
        .then(EntranceRemoved(depot_id=NORTH, entrance_id=GATE))
    )
    assert (removed.entrances, removed.entrance_changed_at, removed.version) == ({}, {}, 3)


def test_unknown_entrance_cannot_be_removed() -> None:
    given_depot(depot_registered()).when(lambda d: d.remove_entrance(GATE)).then_refused(EntranceUnknown)


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"entrance_id": EntranceId("a/b")}, InvalidId, "/entrance_id"),
        ({"name": " "}, InvalidName, "/name"),
        ({"early_entry_min": -1}, EntranceInvalid, "/early_entry_min"),
        ({"early_entry_min": 1441}, EntranceInvalid, "/early_entry_min"),
        ({"charger_ids": frozenset(map(str, range(CHARGERS_MAX + 1)))}, EntranceInvalid, "/charger_ids"),
        ({"group_ids": frozenset(map(str, range(GROUPS_MAX + 1)))}, EntranceInvalid, "/group_ids"),
    ],
)
def test_entrance_that_cannot_be_is_refused(changes: dict[str, Any], error: type[Refused], pointer: str) -> None:
    given_depot(depot_registered()).when(lambda d: d.put_entrance(entrance(**changes))).then_refused(
        error, pointer=pointer
    )


def test_depot_with_as_many_entrances_as_it_may_have_takes_changes_of_them_only() -> None:
    many = [put(entrance_id=EntranceId(f"gate-{number}")) for number in range(ENTRANCES_MAX)]
    given_depot(depot_registered(), *many).when(lambda d: d.put_entrance(entrance())).then_refused(TooManyEntrances)
    changed = entrance(entrance_id=EntranceId("gate-0"), name="Other")
    given_depot(depot_registered(), *many).when(lambda d: d.put_entrance(changed)).then(
        EntrancePut(depot_id=NORTH, entrance=changed)
    )


def test_entrance_without_chargers_and_groups_leads_to_the_whole_depot() -> None:
    assert entrance().behind(BAYS, {FAST: frozenset(BAYS[:1])}) == ["bay-1", "bay-2", "bay-3"]


def test_entrance_leads_to_its_chargers_and_groups_as_far_as_they_are_in_service() -> None:
    named = entrance(charger_ids=frozenset({BAYS[0], ChargerId("retired")}), group_ids=frozenset({FAST, GONE}))
    groups = {FAST: frozenset({BAYS[1], ChargerId("elsewhere")}), ReservationGroupId("slow"): frozenset({BAYS[2]})}

    assert named.behind(BAYS, groups) == ["bay-1", "bay-3"]
    assert entrance(group_ids=frozenset({GONE})).behind(BAYS, groups) == []
