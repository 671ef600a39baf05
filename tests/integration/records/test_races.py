"""What one file's write lock excludes is excluded on a server too: several processes, each with its own connections, at once.

Each round begins from nothing that the rounds before it touched, so that every one is a race.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import pytest

from access_policy.adapters.event_intake.messages import read
from access_policy.adapters.records import intake as intake_records
from access_policy.adapters.records import unknown_identifiers
from access_policy.adapters.records.idempotency import SqlIdempotencyRecords
from access_policy.adapters.records.intake import SqlIntakeRecords
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.adapters.records.unknown_identifiers import SqlUnknownIdentifiers
from access_policy.application.ports.event_intake import Standing
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.idempotency import StoredAnswer
from access_policy.application.ports.relay_positions import HeldStream
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargePointId, ChargerId, TenantId, VehicleId
from tests.support.incoming import commissioned
from tests.support.places import Place
from tests.support.records import inside, rows
from tests.support.stores import NOON, TEST_KEY, charger_credentials, pseudonyms, vehicle_vault

ACME = TenantId("acme")
HOLDER = (ACME, ChargerId("gate-1"))
PROCESSES = 4
ROUNDS = 25
LASTS = timedelta(seconds=15)
MONTH = timedelta(days=30)


class Closing(Protocol):
    async def close(self) -> None: ...


Opened = TypeVar("Opened", bound=Closing)


@asynccontextmanager
async def several(opened: Callable[[], Opened], count: int = PROCESSES) -> AsyncIterator[list[Opened]]:
    """As that many processes would open it."""
    made = [opened() for _ in range(count)]
    try:
        yield made
    finally:
        for each in made:
            await each.close()


async def all_of(racing: list[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*racing))


async def standings_of_rivals(place: Place) -> set[tuple[Standing, ...]]:
    """Events of one version of a subject, one from each process at once: how they stood, in each round."""
    found = set()
    async with several(lambda: SqlIntakeRecords(inside(place, "intake"))) as processes:
        for number in range(ROUNDS):
            rivals = [read(json.dumps(commissioned(f"bus-{number}", 1))) for _ in processes]
            begun = [each.begin(event, now=NOON) for each, event in zip(processes, rivals, strict=True)]
            found.add(tuple(sorted(await all_of(begun))))
    return found


async def test_of_events_of_one_version_that_come_at_once_one_is_new(records_location: Place) -> None:
    assert await standings_of_rivals(records_location) == {(Standing.NEW, *[Standing.OUTDATED] * (PROCESSES - 1))}


async def test_without_the_lock_of_the_subject_several_would_be(
    records_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    monkeypatch.setattr(intake_records, "only_one", lambda *_: None)

    assert await standings_of_rivals(records_database) != {(Standing.NEW, *[Standing.OUTDATED] * (PROCESSES - 1))}


async def test_a_vehicle_that_is_new_to_several_has_one_key(records_location: Place) -> None:
    fleet = [VehicleId(f"van-{number}") for number in range(ROUNDS)]
    async with several(lambda: vehicle_vault(records_location)) as vaults:
        orders = [fleet if number % 2 else fleet[::-1] for number in range(PROCESSES)]
        sealed = await all_of(
            [
                vault.seal_many(ACME, [(vehicle, "04A1B2C3D4E5F6") for vehicle in order])
                for vault, order in zip(vaults, orders, strict=True)
            ]
        )
        for texts, order in zip(sealed, orders, strict=True):
            opened = await vaults[0].unseal_many(ACME, list(zip(order, texts, strict=True)))
            assert opened == ["04A1B2C3D4E5F6"] * len(fleet)

    assert rows(records_location, "vault", "SELECT count(*) FROM vehicle_key") == [(len(fleet),)]


async def test_fleets_that_are_sealed_and_forgotten_at_once_block_nobody(records_location: Place) -> None:
    fleet = [VehicleId(f"van-{number}") for number in range(ROUNDS)]
    async with several(lambda: vehicle_vault(records_location), 2) as (one, other):
        for _ in range(5):
            await one.seal_many(ACME, [(vehicle, "x") for vehicle in fleet])
            await all_of([one.forget_many(ACME, fleet), other.forget_many(ACME, fleet[::-1])])

    assert rows(records_location, "vault", "SELECT count(*) FROM vehicle_key") == [(0,)]


async def test_acquire_lease_when_several_relays_try_at_once_gives_it_to_one(records_location: Place) -> None:
    async with several(lambda: SqlRelayPositions(inside(records_location, "relay"), "a bus")) as relays:
        for number in range(ROUNDS):
            now = NOON + number * 2 * LASTS
            leased = await all_of(
                [relay.acquire_lease(f"r-{n}", now=now, lasts=LASTS) for n, relay in enumerate(relays)]
            )
            assert sorted(leased) == [False] * (PROCESSES - 1) + [True]


async def test_relays_that_note_the_same_streams_at_once_lose_nothing(records_location: Place) -> None:
    streams = [StreamId(f"acme/depot/{number}") for number in range(20)]

    def held(order: list[StreamId], passed: int) -> list[HeldStream]:
        common = HeldStream(stream=order[0], version=3, passed=passed, reason="refused", tries=1, try_again_at=NOON)
        return [replace(common, stream=stream) for stream in order]

    async with several(lambda: SqlRelayPositions(inside(records_location, "relay"), "a bus"), 2) as (one, other):
        for number in range(ROUNDS):
            forth, back = held(streams, 10 + 2 * number), held(streams[::-1], 11 + 2 * number)
            await all_of([one.advance(2 * number, forth), other.advance(2 * number + 1, back)])
            assert await one.position() == 2 * number + 1
        assert {each.passed for each in await one.held()} == {11 + 2 * (ROUNDS - 1)}


async def test_a_password_that_is_set_while_a_proposed_one_is_used_is_the_only_one(records_location: Place) -> None:
    async with several(lambda: charger_credentials(records_location), 2) as (gateway, api):
        for number in range(ROUNDS):
            charger = ChargePointId(f"CP-{number}")
            await api.set_password(charger, HOLDER, "the old password")
            await api.propose(charger, HOLDER, "the proposed password")
            await all_of(
                [
                    gateway.verify(charger, HOLDER, b"the proposed password"),
                    api.set_password(charger, HOLDER, "the new password"),
                ]
            )
            assert await api.verify(charger, HOLDER, b"the new password") is True
            assert await api.verify(charger, HOLDER, b"the proposed password") is False


async def test_a_proposed_password_that_is_replaced_while_it_is_used_does_not_bring_the_next_one_in(
    records_location: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    charger = ChargePointId("CP-1")
    async with several(lambda: charger_credentials(records_location), 2) as (gateway, api):
        await api.set_password(charger, HOLDER, "the old password")
        await api.propose(charger, HOLDER, "the proposed password")
        promote = gateway._promote

        async def overtaken(*arguments: Any) -> None:
            await api.propose(charger, HOLDER, "another proposed password")
            await promote(*arguments)

        monkeypatch.setattr(gateway, "_promote", overtaken)
        assert await gateway.verify(charger, HOLDER, b"the proposed password") is True

        assert await api.verify(charger, HOLDER, b"the old password") is True, "until the second proposal is used"
        assert await api.verify(charger, HOLDER, b"another proposed password") is True
        assert await api.verify(charger, HOLDER, b"the old password") is False


async def test_an_answer_that_is_kept_by_several_at_once_is_one_of_theirs(records_location: Place) -> None:
    answers = [StoredAnswer(f"f-{number}", 200, {}, b"{}") for number in range(PROCESSES)]
    async with several(lambda: SqlIdempotencyRecords(inside(records_location, "idempotency"), TEST_KEY)) as processes:
        for number in range(ROUNDS):
            now = NOON + number * timedelta(days=1)  # those of the round before are deleted
            keeping = zip(processes, answers, strict=True)
            await all_of([each.keep("acme", "the key", answer, now=now) for each, answer in keeping])
            assert await processes[0].find("acme", "the key", now=now) in answers


async def test_of_too_many_unknown_identifiers_of_several_gateways_the_latest_stay(
    records_location: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_identifiers, "ROWS_MAX", 10)
    numbers = itertools.count()

    def opened() -> SqlUnknownIdentifiers:
        return SqlUnknownIdentifiers(inside(records_location, "unknown"), TEST_KEY, retention=MONTH)

    async with several(opened) as gateways:
        for _ in range(ROUNDS):
            for gateway in gateways:
                number = next(numbers)
                card = identifier(IdentifierKind.RFID, f"{number:014X}")
                gateway.remember(ACME, pseudonyms().ref(ACME, card), card, at=NOON + number * timedelta(seconds=1))
            await all_of([gateway.values(ACME, [], now=NOON) for gateway in gateways])

    kept = rows(records_location, "unknown", "SELECT seen_at FROM unknown_identifier ORDER BY seen_at")
    last = range(next(numbers) - 10, PROCESSES * ROUNDS)
    assert [at for (at,) in kept] == [
        (NOON + n * timedelta(seconds=1)).isoformat(timespec="microseconds") for n in last
    ]
