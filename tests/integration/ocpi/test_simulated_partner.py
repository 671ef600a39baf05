"""The play of `python -m simulated_partner`: what it does, and how it ends where the operator does something else."""

from __future__ import annotations

import pytest

from simulated_partner.__main__ import Unexpected, play
from tests.integration.ocpi.test_pushes import pushed, pushing
from tests.support.ocpi import OcpiWorld


async def test_play_books_moves_and_cancels_with_a_push_of_each_and_can_be_repeated(world: OcpiWorld) -> None:
    made = await world.put_partner()
    async with pushing(world):
        await play(world.partner, world.versions_url, made["token"], 60)
        invited = await world.api.done("POST", "/v1/ocpi-partners/DE-HUB/token", {})
        await play(world.partner, world.versions_url, invited["token"], 60)

    assert [each["reservation_status"] for each in pushed(world)] == ["RESERVED", "RESERVED", "CANCELED"] * 2
    assert len({each["request_id"] for each in pushed(world)}) == 2


async def test_play_says_that_the_token_was_refused(world: OcpiWorld) -> None:
    with pytest.raises(Unexpected, match="ocpi-partners invite"):
        await play(world.partner, world.versions_url, "ocpi_nonsense", 1)


async def test_play_says_that_no_place_can_be_booked(world: OcpiWorld) -> None:
    made = await world.put_partner(bookable=[])

    with pytest.raises(Unexpected, match="No booking location has a free slot"):
        await play(world.partner, world.versions_url, made["token"], 1)


async def test_play_says_that_no_push_came(world: OcpiWorld) -> None:
    made = await world.put_partner()

    with pytest.raises(Unexpected, match="ACCESS_POLICY_WEBHOOK_NETWORKS"):
        await play(world.partner, world.versions_url, made["token"], 0.01)
