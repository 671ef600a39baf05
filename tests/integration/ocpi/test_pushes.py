"""Pushes of bookings to a partner's server: in order, repeated until it accepts them, and always with the last state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from access_policy.application.ocpi_partners.pushes import queue_key
from access_policy.application.ports.webhooks import DeliveryState
from access_policy.domain.ids import TenantId
from tests.integration.ocpi.test_bookings import EVENING, booking, status, wanted
from tests.support.builders import HOUR
from tests.support.ocpi import PARTNER, OcpiWorld

__all__ = ["booking"]

KEY = queue_key((TenantId("acme"), "DE-HUB"))


@asynccontextmanager
async def pushing(world: OcpiWorld) -> AsyncIterator[None]:
    """The jobs of the service's process that push."""
    parts = world.api.container
    await parts.deciding.follower().resume()
    jobs = [parts.deciding.follower().run(), parts.ocpi.push_follower().run(), parts.ocpi.push_deliveries().run()]
    tasks = [asyncio.create_task(each) for each in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def pushed(world: OcpiWorld) -> list[Any]:
    """The bookings that the service sent, in their order, refused ones among them."""
    return [each.sent for each in world.partner.frames.all if each.by == "DE-BTF" and each.method == "PUT"]


async def until_queue(world: OcpiWorld, state: DeliveryState, number: int) -> None:
    queue = world.api.container.ocpi.push_queue()
    async with asyncio.timeout(60):
        while len(await queue.page(KEY, state=state, before=None, limit=100)) < number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_booking_made_and_changed_is_pushed_as_the_answer_said(booking: OcpiWorld) -> None:
    async with pushing(booking):
        made = await booking.partner.book(await wanted(booking))
        await booking.partner.until(lambda: len(pushed(booking)) == 1)
        changed = await booking.partner.book(await wanted(booking, start=EVENING + HOUR))
        await booking.partner.until(lambda: len(pushed(booking)) == 2)

    assert [each["reservation_status"] for each in pushed(booking)] == ["RESERVED", "RESERVED"]
    first, second = pushed(booking)
    assert first["booking_requests"] == made.answered["data"]["booking_requests"]
    assert second["booking_requests"] == changed.answered["data"]["booking_requests"]
    push = next(each for each in booking.partner.frames.all if each.by == "DE-BTF" and each.method == "PUT")
    assert push.url.endswith(f"/ocpi/2.3.0/bookings/DE/BTF/{made.answered['data']['id']}")
    assert (push.headers["ocpi-from-party-id"], push.headers["ocpi-to-party-id"]) == ("BTF", "HUB")
    assert push.headers["x-request-id"]


async def test_booking_cancelled_by_the_operator_is_pushed_with_its_cancellation(booking: OcpiWorld) -> None:
    async with pushing(booking):
        made = await booking.partner.book(await wanted(booking))
        booking_id = made.answered["data"]["id"]
        await booking.partner.until(lambda: len(pushed(booking)) == 1)
        cancelled = await booking.api.send("DELETE", f"/v1/reservations/{booking_id}?reason=the charger is broken")
        await booking.partner.until(lambda: len(pushed(booking)) == 2)
    listed = await booking.partner.bookings()
    revived = await booking.partner.book(await wanted(booking, start=EVENING + HOUR))

    assert cancelled.is_success, cancelled.text
    last = pushed(booking)[-1]
    assert last["reservation_status"] == "CANCELED"
    assert last["canceled"] == {"cancellation_reason": "UNKNOWN", "who_canceled": "CPO"}
    assert listed.answered["data"][0]["last_updated"] == last["last_updated"]
    assert status(revived)[0] == "CANCELED", "a cancelled booking is never revived"


async def test_push_refused_is_repeated_and_a_later_one_of_the_booking_waits_for_it(booking: OcpiWorld) -> None:
    booking.partner.refuses = 503
    clock = booking.api.container.clock()
    async with pushing(booking):
        await booking.partner.book(await wanted(booking))
        await booking.partner.until(lambda: len(pushed(booking)) == 1)
        await until_queue(booking, DeliveryState.QUEUED, 1)
        await booking.partner.book(await wanted(booking, start=EVENING + HOUR))
        await until_queue(booking, DeliveryState.WAITING, 1)
        booking.partner.refuses = None
        clock.forward(minutes=5)
        await until_queue(booking, DeliveryState.DELIVERED, 2)

    (known,) = booking.partner.pushed.values()
    assert len(known["booking_requests"]) == 2
    assert [len(each["booking_requests"]) for each in pushed(booking)][-1] == 2
    assert len(pushed(booking)) == 3, "one refused, and both again"


async def test_push_that_the_partner_answers_with_an_error_of_ocpi_is_repeated(booking: OcpiWorld) -> None:
    booking.partner.refuses = 200
    async with pushing(booking):
        await booking.partner.book(await wanted(booking))
        await booking.partner.until(lambda: len(pushed(booking)) == 1)
        booking.partner.refuses = None
        booking.api.container.clock().forward(minutes=1)
        await until_queue(booking, DeliveryState.DELIVERED, 1)

    assert len(booking.partner.pushed) == 1


async def test_bookings_made_while_nothing_was_pushed_are_pushed_after_a_start(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking))
    await booking.partner.book(await wanted(booking, start=EVENING + HOUR))

    async with pushing(booking):
        await until_queue(booking, DeliveryState.DELIVERED, 2)
    async with pushing(booking):  # another start pushes nothing again
        await booking.partner.book(await wanted(booking, "fast", "R2"))
        await until_queue(booking, DeliveryState.DELIVERED, 3)

    assert [each["request_id"] for each in pushed(booking)] == ["R1", "R1", "R2"]


async def test_reservation_of_the_operator_is_not_pushed(booking: OcpiWorld) -> None:
    body = {"depot_id": "north", "charger_id": "bay-1", "start": "2026-11-18T18:00:00Z", "end": "2026-11-18T19:00:00Z"}
    async with pushing(booking):
        holder = {"holder": {"identifiers": [{"kind": "rfid", "value": "04FFEEDDCCBBAA"}]}}
        await booking.api.done("POST", "/v1/reservations", body | holder)
        await booking.partner.book(await wanted(booking, "fast", "R2"))
        await until_queue(booking, DeliveryState.DELIVERED, 1)

    assert [each["request_id"] for each in pushed(booking)] == ["R2"]


async def test_partner_switched_off_gets_nothing_until_it_is_switched_on(booking: OcpiWorld) -> None:
    body = (await booking.api.get(PARTNER)).json()
    settings = {name: body[name] for name in ("name", "own_party", "own_name", "bookable", "terms")}
    await booking.partner.book(await wanted(booking))
    await booking.api.done("PUT", PARTNER, {**settings, "enabled": False})
    async with pushing(booking):
        await until_queue(booking, DeliveryState.QUEUED, 1)
        assert pushed(booking) == []
        await booking.api.done("PUT", PARTNER, settings)
        await until_queue(booking, DeliveryState.DELIVERED, 1)

    assert len(pushed(booking)) == 1
