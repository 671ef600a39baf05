"""The keys of reservations' identifiers are deleted a week after the end, and never earlier."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.application.context import SYSTEM, Context
from access_policy.application.ports.secrets import RESERVATION_KEYS, vault_key
from access_policy.domain.ids import DepotId, ReservationId, TenantId, VehicleId
from tests.support.builders import HOUR, NOON
from tests.support.http_api import HttpApi

ACME, NORTH = TenantId("acme"), DepotId("north")
WEEK = timedelta(days=7)
CARD = "04A1B2C3D4E5F6"


async def reserved(api: HttpApi, reservation_id: str, hours: int) -> dict[str, Any]:
    """Bay 1 for an hour, that many hours from noon; nobody comes."""
    start = NOON + hours * HOUR
    body = {
        "depot_id": NORTH,
        "reservation_id": reservation_id,
        "charger_id": "bay-1",
        "start": start.isoformat(),
        "end": (start + HOUR).isoformat(),
        "holder": {"identifiers": [{"kind": "rfid", "value": CARD}]},
    }
    made: dict[str, Any] = await api.done("POST", "/v1/reservations", body)
    return made


async def kept(api: HttpApi) -> list[str]:
    found = await api.container.records.vault().owners(RESERVATION_KEYS, after=None, limit=100)
    return [owner.removeprefix(RESERVATION_KEYS) for _, owner in found]


async def forgotten(api: HttpApi) -> int:
    await api.settled()
    count: int = await api.container.commands.old_reservation_keys().forget()
    return count


async def ended(api: HttpApi, reservation_id: str) -> None:
    """As the recorder of outcomes does."""
    container = api.container
    async with container.deciding.books().locked(ACME, NORTH) as book:
        now = container.clock().now()
        events = book.end(ReservationId(reservation_id), session_active=False, now=now)
        context = Context(tenant_id=ACME, actor=SYSTEM, correlation_id="outcomes")
        await container.deciding.books().record(context, book, events, now=now)


async def test_key_is_deleted_a_week_after_the_end_and_a_later_pass_finds_nothing(api: HttpApi) -> None:
    await reserved(api, "old", 1)
    await reserved(api, "later", 24)
    api.container.clock().set(NOON + 2 * HOUR)
    await ended(api, "old")

    api.container.clock().set(NOON + 2 * HOUR + WEEK - timedelta(minutes=1))
    early = await forgotten(api)
    api.container.clock().set(NOON + 2 * HOUR + WEEK)
    on_time = await forgotten(api)

    assert (early, on_time) == (0, 1)
    assert await kept(api) == ["later"], "it has no outcome yet"
    assert await forgotten(api) == 0


async def test_key_of_a_reservation_that_the_book_has_forgotten_is_deleted(api: HttpApi) -> None:
    await reserved(api, "old", 1)
    await api.send("DELETE", "/v1/reservations/old?reason=the bus broke down")
    api.container.clock().set(NOON + 3 * HOUR + WEEK)
    await reserved(api, "new", 24 * 9)  # the book forgets old ones with the next promise

    assert await forgotten(api) == 1
    assert await kept(api) == ["new"]


async def test_key_of_a_live_reservation_and_one_sealed_before_its_reservation_is_recorded_stay(api: HttpApi) -> None:
    await reserved(api, "live", 24 * 20)
    await api.container.records.vault().seal(ACME, vault_key(ReservationId("in-flight")), CARD)
    await api.container.records.vault().seal(ACME, VehicleId("van-7"), CARD)
    api.container.clock().set(NOON + 2 * WEEK)

    assert await forgotten(api) == 0
    assert await kept(api) == ["in-flight", "live"]


async def test_key_of_an_id_that_was_used_again_before_the_pass_stays(api: HttpApi) -> None:
    await reserved(api, "again", 1)
    await api.send("DELETE", "/v1/reservations/again?reason=the bus broke down")
    api.container.clock().set(NOON + 3 * HOUR + WEEK)
    await reserved(api, "other", 24 * 9)
    await reserved(api, "again", 24 * 10)

    assert await forgotten(api) == 0
    assert await kept(api) == ["again", "other"]


@pytest.mark.parametrize("body", ["audit", "reservations"])
async def test_audit_and_list_show_no_value_of_a_holder(api: HttpApi, body: str) -> None:
    await reserved(api, "shown", 1)
    await api.settled()

    answer = await api.get(f"/v1/{body}")

    assert answer.is_success
    assert "shown" in answer.text
    assert CARD not in answer.text
