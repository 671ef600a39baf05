"""Messages about bookings that overtake each other in several processes, and bookings that move to another depot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.event_intake.messages import read
from access_policy.application.ports.event_intake import IntakeStatus
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import DepotId, TenantId
from tests.support.http_api import HttpApi, http_api
from tests.support.incoming import booked, booking_canceled
from tests.unit.application.test_booking_intake import CANCELLED, CHANGED, RESERVED, taken
from tests.unit.http.conftest import CHARGER, DEPOT

SOUTH_BAY = {**CHARGER, "depot_id": "south", "charge_point_id": "CP-2"}
GIVEN = (
    ("PUT", "/v1/depots/north", DEPOT),
    ("PUT", "/v1/depots/south", DEPOT),
    ("PUT", "/v1/chargers/bay-1", CHARGER),
    ("PUT", "/v1/chargers/south-1", SOUTH_BAY),
)
TO_SOUTH = booked("b1", 2, CHANGED, depot_id="south", charger_id="south-1")

Before = Callable[[], Awaitable[Any]]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as opened:
        yield opened


async def outcomes(api: HttpApi, depot_id: str) -> list[str | None]:
    async with api.container.deciding.books().locked(TenantId("acme"), DepotId(depot_id)) as book:
        return [None if each.outcome is None else each.outcome.value for each in book.entries.by_id.values()]


def overtaken(api: HttpApi, by: Before, *, then_killed: bool = False) -> Any:
    """The receiver of a process in which `by` happens between the record of a message and its effect."""
    receiver = api.container.intake.receiver()

    async def receive_booking(*arguments: Any) -> Any:
        await by()
        done = await receiver.receive_booking(*arguments)
        if then_killed:
            raise StoreUnavailable("the process was killed")
        return done

    return replace(receiver, receive_booking=receive_booking)


async def test_cancellation_that_overtakes_its_booking_in_another_process_wins(api: HttpApi) -> None:
    process = overtaken(api, by=lambda: taken(api, CANCELLED))

    result = await process.receive(read(json.dumps(RESERVED)))

    assert result.status is IntakeStatus.APPLIED
    assert await outcomes(api, "north") == ["cancelled"]


async def test_cancellation_that_overtook_a_booking_wins_although_the_bookings_process_was_killed(api: HttpApi) -> None:
    process = overtaken(api, by=lambda: taken(api, CANCELLED), then_killed=True)
    with pytest.raises(StoreUnavailable):
        await process.receive(read(json.dumps(RESERVED)))
    before = await outcomes(api, "north")

    assert await taken(api, RESERVED) is IntakeStatus.OUTDATED
    assert (before, await outcomes(api, "north")) == ([None], ["cancelled"])


async def test_change_to_another_depot_moves_the_booking(api: HttpApi) -> None:
    await taken(api, RESERVED)
    await api.settled()

    moved = await taken(api, TO_SOUTH)
    await api.settled()

    assert moved is IntakeStatus.APPLIED
    assert (await outcomes(api, "north"), await outcomes(api, "south")) == (["cancelled"], [None])
    (south,) = (await api.get("/v1/reservations?depot_id=south&until=2026-12-02T00:00:00Z")).json()["items"]
    (north,) = (await api.get("/v1/reservations?depot_id=north&until=2026-12-02T00:00:00Z")).json()["items"]
    assert (north["status"], north["replaced_by"]) == ("replaced", south["reservation_id"])


async def test_booking_that_moved_is_changed_and_cancelled_where_it_is(api: HttpApi) -> None:
    for message in (RESERVED, TO_SOUTH):
        await taken(api, message)
        await api.settled()

    assert await taken(api, booking_canceled("b1", 3)) is IntakeStatus.APPLIED, "it names the depot of the beginning"
    assert (await outcomes(api, "north"), await outcomes(api, "south")) == (["cancelled"], ["cancelled"])


async def test_booking_that_moved_there_and_back_is_live_once(api: HttpApi) -> None:
    for message in (RESERVED, TO_SOUTH, booked("b1", 3, CHANGED)):
        assert await taken(api, message) is IntakeStatus.APPLIED
        await api.settled()

    assert sorted(map(str, await outcomes(api, "north"))) == ["None", "cancelled"]
    assert await outcomes(api, "south") == ["cancelled"]


async def test_change_to_a_charger_of_another_depot_that_is_taken_leaves_the_booking_where_it_is(api: HttpApi) -> None:
    await taken(api, RESERVED)
    await taken(api, booked("b2", 1, depot_id="south", charger_id="south-1"))
    await api.settled()

    assert await taken(api, TO_SOUTH) is IntakeStatus.NOT_YET
    assert (await outcomes(api, "north"), await outcomes(api, "south")) == ([None], [None])
