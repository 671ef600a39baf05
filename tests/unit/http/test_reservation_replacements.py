"""Entries made by hand after the plan of their day, and vehicles that take each other's place in a block of work."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.context import Context
from access_policy.domain.ids import ActorId, ChargerId, DepotId, ReservationId, TenantId, VehicleId
from access_policy.domain.reservations.events import ReservationCancelled, ReservationMade
from access_policy.domain.reservations.reservation import Assignment, Place, ReservationSource
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import STRANGER
from tests.unit.http.test_reservations import EVENING, NEW, make

BLOCK = {"assignment_id": "a-7", "block_id": "block-12", "needed_kwh": 180}
VAN = {"holder": {"vehicle_id": "van-2"}, "reason": "The bus broke down"}


async def planned(api: HttpApi, start: datetime, charger_id: str = "bay-1") -> str:
    """An entry of a dispatch plan that was applied, for one hour."""
    draft = ReservationDraft(
        place=Place(charger_id=ChargerId(charger_id)),
        start=start,
        end=start.replace(minute=59),
        source=ReservationSource.DISPATCH,
        vehicle_id=VehicleId("bus-7"),
        assignment=Assignment(assignment_id="a-1"),
    )
    context = Context(tenant_id=TenantId("acme"), actor=ActorId("planner"), correlation_id="c")
    command = MakeReservation(depot_id=DepotId("north"), draft=draft, reservation_id=ReservationId("planned"))
    done = await api.container.commands.make_reservation()(context, command)
    await api.settled()
    return str(done.created_id)


async def replaced(api: HttpApi, made: Any, **changes: Any) -> dict[str, Any]:
    path = f"/v1/reservations/{made['reservation_id']}/replace"
    shown: dict[str, Any] = await api.done("POST", path, {**VAN, **changes})
    return shown


# --- ad hoc ----------------------------------------------------------------------------------------------------------


async def test_entry_made_by_hand_without_a_plan_of_its_day_is_not_ad_hoc(two: HttpApi) -> None:
    await planned(two, datetime(2026, 12, 2, 2, tzinfo=UTC), "bay-2")  # 03:00 in Berlin: the next operating day

    assert (await make(two))["ad_hoc"] is False


@pytest.mark.parametrize("hour", [2, 23], ids=["as the day begins", "before midnight"])
async def test_entry_made_by_hand_after_the_plan_of_its_day_is_ad_hoc(two: HttpApi, hour: int) -> None:
    await planned(two, datetime(2026, 12, 1, hour, tzinfo=UTC), "bay-2")

    assert (await make(two))["ad_hoc"] is True


async def test_entry_after_midnight_belongs_to_the_operating_day_before(two: HttpApi) -> None:
    await planned(two, datetime(2026, 12, 2, 1, tzinfo=UTC), "bay-2")  # 02:00 in Berlin

    assert (await make(two))["ad_hoc"] is True


async def test_entry_changed_by_hand_after_the_plan_of_its_day_is_ad_hoc_and_stays_so(two: HttpApi) -> None:
    made = await make(two)
    await planned(two, datetime(2026, 12, 1, 10, tzinfo=UTC), "bay-2")
    path, same = f"/v1/reservations/{made['reservation_id']}", {k: v for k, v in NEW.items() if k != "depot_id"}

    as_before = await two.done("PUT", path, same)
    moved = await two.done("PUT", path, {**same, "note": "Later", "end": "2026-12-01T21:00:00Z"})
    next_week = {"start": "2026-12-08T18:00:00Z", "end": "2026-12-08T20:00:00Z"}
    later = await two.done("PUT", path, {**same, **next_week})

    assert [each["ad_hoc"] for each in (as_before, moved, later)] == [False, True, True]
    assert as_before["version"] == made["version"]


async def test_same_reservation_sent_again_after_the_plan_changes_nothing(two: HttpApi) -> None:
    made = await make(two, reservation_id="evening")
    await planned(two, datetime(2026, 12, 1, 10, tzinfo=UTC), "bay-2")

    assert (await make(two, reservation_id="evening")) == made


# --- replacing -------------------------------------------------------------------------------------------------------


async def test_vehicle_is_replaced_in_one_append_and_keeps_place_window_terms_and_block(api: HttpApi) -> None:
    made = await make(api, assignment=BLOCK, terms={"early_start_min": 15}, note="Bay by the gate")
    before = await api.position()

    successor = await replaced(api, made)

    events = await api.events_after(before)
    assert [type(each) for each in events] == [ReservationCancelled, ReservationMade]
    assert (events[0].replaced_by, events[0].reason) == (successor["reservation_id"], "The bus broke down")
    assert successor["holder"] == {"vehicle_id": "van-2", "identifiers": [], "withheld": []}
    for name in ("charger_id", "start", "end", "terms", "assignment", "note"):
        assert successor[name] == made[name]
    log = await api.container.stores.store().read_log(after=before, limit=10)
    assert len({each.envelope.correlation_id for each in log}) == 1


async def test_history_of_a_block_shows_every_vehicle_and_why_it_was_replaced(api: HttpApi) -> None:
    first = await make(api, assignment=BLOCK)
    second = await replaced(api, first)
    third = await replaced(api, second, holder={"identifiers": [STRANGER]}, reason="The van is late")

    histories = [await api.get(f"/v1/reservations/{each['reservation_id']}/history") for each in (first, second, third)]

    items = histories[0].json()["items"]
    assert [each.json()["items"] for each in histories] == [items, items, items]
    assert [(each["reservation"]["reservation_id"], each["replaced_by"], each["reason"]) for each in items] == [
        (first["reservation_id"], second["reservation_id"], "The bus broke down"),
        (second["reservation_id"], third["reservation_id"], "The van is late"),
        (third["reservation_id"], None, None),
    ]
    assert {each["reservation"]["assignment"]["block_id"] for each in items} == {"block-12"}


async def test_replacement_can_have_another_place_and_window(two: HttpApi) -> None:
    made = await make(two, assignment=BLOCK)

    successor = await replaced(two, made, charger_id="bay-2", end="2026-12-01T22:00:00Z", note="")

    assert (successor["charger_id"], successor["start"], successor["end"]) == (
        "bay-2",
        made["start"],
        "2026-12-01T22:00:00Z",
    )
    await make(two)  # the old place is free


async def test_replacement_after_the_plan_of_its_day_is_ad_hoc(two: HttpApi) -> None:
    await planned(two, datetime(2026, 12, 1, 18, tzinfo=UTC), "bay-2")

    assert (await replaced(two, {"reservation_id": "planned"}))["ad_hoc"] is True


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"holder": {}}, 422, "reservation-invalid"),
        ({"holder": {"vehicle_id": "bus-99"}}, 404, "vehicle-not-found"),
        ({"charger_id": "bay-99"}, 404, "charger-not-found"),
        ({"connector_id": 1}, 422, "reservation-invalid"),
        ({"charger_id": "bay-2"}, 409, "charger-already-reserved"),
        ({"reservation_id": "other"}, 409, "reservation-id-taken"),
        ({"end": EVENING["start"]}, 422, "reservation-invalid"),
    ],
)
async def test_impossible_replacement_is_refused_and_the_reservation_stays(
    two: HttpApi, changes: dict[str, Any], status: int, code: str
) -> None:
    made = await make(two, reservation_id="mine")
    await make(two, reservation_id="other", charger_id="bay-2")
    before = await two.position()

    answer = await two.send("POST", "/v1/reservations/mine/replace", {**VAN, **changes})

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code)
    assert await two.position() == before
    assert (await two.get("/v1/reservations/mine")).json() == made


async def test_reservation_that_is_over_cannot_be_replaced_nor_one_of_another_version(api: HttpApi) -> None:
    made = await make(api)
    path = f"/v1/reservations/{made['reservation_id']}/replace"

    stale = await api.send("POST", path, VAN, headers={"If-Match": '"99"'})
    await replaced(api, made)
    again = await api.send("POST", path, VAN)

    assert stale.status_code == 412
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "reservation-over")
