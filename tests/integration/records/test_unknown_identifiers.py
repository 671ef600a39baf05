"""Values of identifiers that nobody has: kept encrypted, for a time, and never those of PINs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from access_policy.adapters.records import unknown_identifiers
from access_policy.adapters.records.unknown_identifiers import SqlUnknownIdentifiers
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import TenantId
from tests.support.builders import DAY, HOUR, NOON
from tests.support.places import Place
from tests.support.records import files_holding, inside, rows
from tests.support.stores import TEST_KEY, pseudonyms

ACME, OTHER = TenantId("acme"), TenantId("other")
CARD = identifier(IdentifierKind.RFID, "04A1B2C3D4E5F6")
MONTH = timedelta(days=30)


def opened(place: Place, key: bytes = TEST_KEY) -> SqlUnknownIdentifiers:
    return SqlUnknownIdentifiers(inside(place, "unknown"), key, retention=MONTH)


@pytest.fixture
async def unknown(records_location: Place) -> AsyncIterator[SqlUnknownIdentifiers]:
    values = opened(records_location)
    yield values
    await values.close()


def pseudonym(value: Identifier, tenant: TenantId = ACME) -> str:
    return pseudonyms().ref(tenant, value).pseudonym


def seen(unknown: SqlUnknownIdentifiers, value: Identifier, tenant: TenantId = ACME, at=NOON) -> str:
    ref = pseudonyms().ref(tenant, value)
    unknown.remember(tenant, ref, value, at=at)
    return ref.pseudonym


async def test_a_value_is_there_at_once_and_after_a_restart(
    unknown: SqlUnknownIdentifiers, records_location: Place
) -> None:
    key = seen(unknown, CARD)

    assert await unknown.values(ACME, [key], now=NOON) == {key: CARD}
    again = opened(records_location)
    assert await again.values(ACME, [key], now=NOON) == {key: CARD}
    await again.close()


async def test_nothing_in_the_file_shows_the_value(unknown: SqlUnknownIdentifiers, records_location: Place) -> None:
    await unknown.values(ACME, [seen(unknown, CARD)], now=NOON)

    assert files_holding(records_location, CARD.value.encode()) == []


async def test_a_pin_is_not_kept(unknown: SqlUnknownIdentifiers) -> None:
    key = seen(unknown, identifier(IdentifierKind.PIN, "1234"))

    assert await unknown.values(ACME, [key], now=NOON) == {}


async def test_another_tenant_has_nothing_of_it(unknown: SqlUnknownIdentifiers) -> None:
    key = seen(unknown, CARD)

    assert await unknown.values(OTHER, [key, pseudonym(CARD, OTHER)], now=NOON) == {}


async def test_it_is_kept_for_the_retention_period_after_the_last_attempt(unknown: SqlUnknownIdentifiers) -> None:
    key = seen(unknown, CARD)
    seen(unknown, CARD, at=NOON + 10 * DAY)

    assert key in await unknown.values(ACME, [key], now=NOON + 39 * DAY)
    assert await unknown.values(ACME, [key], now=NOON + 41 * DAY) == {}
    assert await unknown.forget_old(now=NOON + 39 * DAY) == 0
    assert await unknown.forget_old(now=NOON + 41 * DAY) == 1
    assert await unknown.values(ACME, [key], now=NOON) == {}


async def test_attempts_close_together_are_written_once(
    unknown: SqlUnknownIdentifiers, records_location: Place
) -> None:
    key = seen(unknown, CARD)
    seen(unknown, CARD, at=NOON + HOUR / 2)
    await unknown.values(ACME, [key], now=NOON)

    assert await unknown.forget_old(now=NOON + MONTH + HOUR / 4) == 1


async def test_a_forgotten_value_leaves_nothing_in_the_file(
    unknown: SqlUnknownIdentifiers, records_location: Place
) -> None:
    key = seen(unknown, CARD)
    await unknown.forget(ACME, key)

    assert await unknown.values(ACME, [key], now=NOON) == {}
    assert files_holding(records_location, key.encode()) == []


async def test_an_identifier_that_comes_again_after_it_was_forgotten_is_kept_again(
    unknown: SqlUnknownIdentifiers,
) -> None:
    key = seen(unknown, CARD)
    await unknown.forget(ACME, key)
    seen(unknown, CARD, at=NOON)

    assert key in await unknown.values(ACME, [key], now=NOON)


async def test_of_too_many_those_seen_longest_ago_go(
    unknown: SqlUnknownIdentifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_identifiers, "ROWS_MAX", 3)
    cards = [identifier(IdentifierKind.RFID, f"{number:014X}") for number in range(5)]
    keys = [seen(unknown, card, at=NOON + number * HOUR) for number, card in enumerate(cards)]

    assert set(await unknown.values(ACME, keys, now=NOON)) == set(keys[2:])


async def test_a_value_sealed_with_another_key_is_as_good_as_gone(
    unknown: SqlUnknownIdentifiers, records_location: Place, caplog: pytest.LogCaptureFixture
) -> None:
    key = seen(unknown, CARD)
    await unknown.values(ACME, [key], now=NOON)
    other = opened(records_location, b"o" * 32)

    assert await other.values(ACME, [key], now=NOON) == {}
    assert "cannot be decrypted" in caplog.text
    await other.close()


async def test_a_place_that_cannot_be_written_costs_the_value_and_nothing_else(
    unknown: SqlUnknownIdentifiers, records_location: Place, caplog: pytest.LogCaptureFixture
) -> None:
    rows(records_location, "unknown", "ALTER TABLE unknown_identifier RENAME TO hidden")
    key = seen(unknown, CARD)
    await unknown._written()
    rows(records_location, "unknown", "ALTER TABLE hidden RENAME TO unknown_identifier")

    assert "could not be stored" in caplog.text
    seen(unknown, CARD)
    assert key in await unknown.values(ACME, [key], now=NOON)
