"""OCPI partners, their bookings and their drivers' tokens, on every place of records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from access_policy.adapters.records.ocpi_bookings import SqlOcpiBookings
from access_policy.adapters.records.ocpi_partners import SqlOcpiPartners
from access_policy.adapters.records.ocpi_tokens import SqlOcpiTokens
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.ocpi import BookingRecord, BookingRequestRecord, DriverToken, RequestStatus
from access_policy.domain.ids import ChargerId, DepotId, ReservationId, TenantId
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.ocpi_partners.events import OcpiPartnerPut, OcpiPartnerRemoved
from access_policy.domain.ocpi_partners.partner import (
    BookablePlaces,
    OcpiPartner,
    PartnerConnection,
    PartnerEndpoint,
    PartnerSettings,
    Party,
)
from access_policy.domain.reservations.terms import ReservationTerms
from tests.support.builders import HOUR, NOON, ref
from tests.support.places import Place
from tests.support.records import files_holding, inside, pending, rows
from tests.support.stores import TEST_KEY

ACME, OTHER = TenantId("acme"), TenantId("other")
KEY = (ACME, "DE-HUB")
SECRET = "token-b-4711"
SETTINGS = PartnerSettings(
    name="Zq hub",
    own_party=Party(country_code="DE", party_id="BTF"),
    own_name="Us",
    bookable=(BookablePlaces(depot_id=DepotId("north")),),
    terms=ReservationTerms(early_start_min=10),
)
PARTNER = OcpiPartner(
    tenant_id=ACME,
    party=Party(country_code="DE", party_id="HUB"),
    settings=SETTINGS,
    token=IssuedToken(digest="d1", registers=True),
    connection=PartnerConnection(
        versions_url="https://hub.example/ocpi/versions",
        version="2.3.0",
        token=SECRET,
        endpoints=(PartnerEndpoint(module="Booking", role="RECEIVER", url="https://hub.example/b"),),
    ),
    created_at=NOON,
    changed_at=NOON,
)
PUT = pending(OcpiPartnerPut(partner_id="DE-HUB", settings=SETTINGS, put_at=NOON))
REMOVED = pending(OcpiPartnerRemoved(partner_id="DE-HUB", settings=SETTINGS, removed_at=NOON))
BOOKING = BookingRecord(
    tenant_id=ACME,
    partner_id="DE-HUB",
    request_id="Req-1",
    reservation_id=ReservationId("r1"),
    depot_id=DepotId("north"),
    charger_id=ChargerId("bay-1"),
    start=NOON,
    end=NOON + HOUR,
    terms=ReservationTerms(),
    requests=(
        BookingRequestRecord(
            message_id="m1", body='{"plate":"ZQ4711"}', status=RequestStatus.ACCEPTED, received_at=NOON
        ),
    ),
    created_at=NOON,
    updated_at=NOON,
)
TOKEN = DriverToken(
    tenant_id=ACME, partner_id="DE-HUB", ref=ref("p1"), body='{"uid":"ZQ4712"}', is_valid=True, updated_at=NOON
)


@pytest.fixture
async def partners(records_location: Place) -> AsyncIterator[SqlOcpiPartners]:
    made = SqlOcpiPartners(inside(records_location, "ocpi"), TEST_KEY)
    yield made
    await made.close()


@pytest.fixture
async def bookings(records_location: Place) -> AsyncIterator[SqlOcpiBookings]:
    made = SqlOcpiBookings(inside(records_location, "ocpi"), TEST_KEY)
    yield made
    await made.close()


@pytest.fixture
async def tokens(records_location: Place) -> AsyncIterator[SqlOcpiTokens]:
    made = SqlOcpiTokens(inside(records_location, "ocpi"), TEST_KEY)
    yield made
    await made.close()


async def test_partner_opened_again_is_as_it_was_put_and_found_by_its_tokens(
    partners: SqlOcpiPartners, records_location: Place
) -> None:
    assert await partners.put(PARTNER, expected=0, event=PUT)
    again = SqlOcpiPartners(inside(records_location, "ocpi"), TEST_KEY)

    assert await again.find(KEY) == PARTNER
    assert await again.all() == [PARTNER]
    assert await again.with_token(["x", "d1"]) == PARTNER
    assert await again.with_token(["d2"]) is None
    assert await again.find((OTHER, "DE-HUB")) is None
    assert [each.event.event for each in await again.pending.oldest(10)] == [PUT.event.event]
    await again.close()


async def test_partner_put_at_another_version_changes_nothing_and_a_new_token_replaces_the_old_one(
    partners: SqlOcpiPartners,
) -> None:
    await partners.put(PARTNER, expected=0, event=None)
    later = replace(PARTNER, token=IssuedToken(digest="d2", registers=False), version=2)

    assert not await partners.put(later, expected=0, event=PUT)
    assert await partners.with_token(["d1"]) == PARTNER
    assert await partners.put(later, expected=1, event=None)
    assert await partners.with_token(["d1"]) is None
    assert await partners.with_token(["d2"]) == later
    assert await partners.pending.oldest(10) == []


async def test_partner_removed_leaves_no_row_and_no_byte_of_its_secrets(
    partners: SqlOcpiPartners, bookings: SqlOcpiBookings, tokens: SqlOcpiTokens, records_location: Place
) -> None:
    await partners.put(PARTNER, expected=0, event=None)
    await bookings.put(BOOKING, expected=0)
    await tokens.put(TOKEN, tokens_max=10)
    for secret in (SECRET, "Zq hub", "ZQ4711", "ZQ4712"):
        assert files_holding(records_location, secret.encode()) == [], "all of it is encrypted"

    await partners.remove(KEY, event=REMOVED)
    await partners.remove(KEY, event=REMOVED)

    for table in ("ocpi_partner", "ocpi_partner_token", "ocpi_booking", "ocpi_token"):
        assert rows(records_location, "ocpi", f"SELECT count(*) FROM {table}") == [(0,)]
    assert len(await partners.pending.oldest(10)) == 1, "once"


async def test_partner_read_with_other_keys_is_an_error(partners: SqlOcpiPartners, records_location: Place) -> None:
    await partners.put(PARTNER, expected=0, event=None)
    other = SqlOcpiPartners(inside(records_location, "ocpi"), b"x" * 32)

    with pytest.raises(StoreUnavailable, match="DE-HUB cannot be read"):
        await other.find(KEY)
    await other.close()


async def test_booking_is_found_by_request_in_any_case_and_by_reservation(bookings: SqlOcpiBookings) -> None:
    assert await bookings.put(BOOKING, expected=0)
    assert not await bookings.put(BOOKING, expected=0)
    changed = replace(BOOKING, is_promised=True, version=2)
    assert await bookings.put(changed, expected=1)

    assert await bookings.find(KEY, "REQ-1") == changed
    assert await bookings.of_reservation(ACME, ReservationId("r1")) == changed
    assert await bookings.of_reservation(OTHER, ReservationId("r1")) is None
    assert await bookings.find_or_count(KEY, "unknown") == 1


async def test_bookings_come_in_pages_by_creation_within_their_last_updates(bookings: SqlOcpiBookings) -> None:
    made = [
        replace(BOOKING, request_id=f"q{number}", updated_at=NOON + number * HOUR, end=NOON + number * HOUR)
        for number in range(4)
    ]
    for each in made:
        await bookings.put(each, expected=0)
    await bookings.touch(made[0], NOON + 10 * HOUR)
    await bookings.touch(made[3], NOON)

    page = await bookings.page(KEY, since=NOON + HOUR, until=NOON + 3 * HOUR, offset=0, limit=1)
    rest = await bookings.page(KEY, since=None, until=None, offset=1, limit=10)

    assert ([each.request_id for each in page.bookings], page.total) == (["q1"], 2)
    assert ([each.request_id for each in rest.bookings], rest.total) == (["q1", "q2", "q3"], 4)
    first = await bookings.find(KEY, "q0")
    last = await bookings.find(KEY, "q3")
    assert first is not None
    assert last is not None
    assert (first.updated_at, last.updated_at) == (NOON + 10 * HOUR, NOON + 3 * HOUR), "it never goes back"
    assert await bookings.forget_ended(before=NOON + 2 * HOUR) == 2
    assert await bookings.find_or_count(KEY, "unknown") == 2


async def test_tokens_of_drivers_are_replaced_by_pseudonym_and_bounded(tokens: SqlOcpiTokens) -> None:
    assert await tokens.put(TOKEN, tokens_max=1)
    invalid = replace(TOKEN, is_valid=False, updated_at=NOON + timedelta(minutes=1))
    assert await tokens.put(invalid, tokens_max=1)
    assert not await tokens.put(replace(TOKEN, ref=ref("p2")), tokens_max=1)
    assert await tokens.put(replace(TOKEN, tenant_id=OTHER), tokens_max=1), "each partner has its own"

    assert await tokens.find(KEY, ref("p1")) == invalid
    assert await tokens.find(KEY, ref("p2")) is None
