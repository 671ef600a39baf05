"""OCPI partners: put, invited, connected, disconnected and removed; their bookings and their drivers' tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from access_policy.adapters.records.ocpi_bookings import SqlOcpiBookings
from access_policy.adapters.records.ocpi_partners import SqlOcpiPartners
from access_policy.adapters.records.ocpi_tokens import SqlOcpiTokens
from access_policy.application.audit.record_changes import RecordChanges
from access_policy.application.commands.end_bookings_of_party import EndBookingsOfParty
from access_policy.application.commands.receive_booking import CancelBooking, ReceiveBooking
from access_policy.application.commands.review_token import ReviewToken
from access_policy.application.ocpi_partners.bookings import BookingHandler
from access_policy.application.ocpi_partners.changing import ChangePartner
from access_policy.application.ocpi_partners.credentials import Authenticated, OcpiCredentials, PartnerCredentials
from access_policy.application.ocpi_partners.driver_tokens import OcpiDriverTokens
from access_policy.application.ocpi_partners.places import BookingPlaces
from access_policy.application.ocpi_partners.registrations import OcpiPartnerRegistrations
from access_policy.application.ocpi_partners.requested_bookings import RequestedBooking
from access_policy.application.ocpi_partners.token_reviews import TokenReviews
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.ocpi import OwnCredentials, PeerFailed
from access_policy.application.retrying import retrying
from access_policy.containers.ocpi import ocpi_stream
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ocpi_partners.errors import OcpiPartnerUnknown, PartnerNotReached
from access_policy.domain.ocpi_partners.partner import (
    BookablePlaces,
    OcpiPartner,
    PartnerConnection,
    PartnerSettings,
    Party,
)
from tests.support.builders import HOUR, NOON, NORTH
from tests.support.nth_call import Faults, Story
from tests.support.office import ACME
from tests.support.records import prepare_records
from tests.support.reservations import EVENING
from tests.support.stores import TEST_KEY, pseudonyms
from tests.unit.one_failure.command_stories import DEPOT
from tests.unit.one_failure.office_world import OfficeWorld, context

HUB = Party(country_code="DE", party_id="HUB")
SETTINGS = PartnerSettings(
    name="Truck hub",
    own_party=Party(country_code="DE", party_id="BTF"),
    own_name="North",
    bookable=(BookablePlaces(depot_id=NORTH),),
)
CONNECTION = PartnerConnection(versions_url="https://hub.example/ocpi/versions", version="2.3.0", token="token-b")
CARD = identifier(IdentifierKind.RFID, "04A1B2C3D4E5F6")
BOOKED = RequestedBooking(
    request_id="R1",
    message_id="m1",
    location_id=NORTH,
    start=EVENING,
    end=EVENING + 2 * HOUR,
    identifiers=(CARD,),
    body='{"request": 1}',
)
MOVED = replace(BOOKED, message_id="m2", start=EVENING + HOUR, end=EVENING + 3 * HOUR, body='{"request": 2}')
CANCELLED = replace(MOVED, message_id="m3", cancelled_because="TRAFFIC", body='{"request": 3}')
Step = Callable[["PartnersWorld"], Awaitable[Any]]


BOOKINGS = (ReceiveBooking, CancelBooking, ReviewToken, EndBookingsOfParty)


class HubsApi:
    """Implements `OcpiPeers`: the partner's API answers as it should."""

    def refusal_of(self, url: str) -> str | None:
        return None

    async def discover(self, versions_url: str, token: str) -> PartnerConnection:
        return CONNECTION

    async def register(self, found: PartnerConnection, own: OwnCredentials) -> tuple[PartnerConnection, frozenset[str]]:
        return found, frozenset({str(HUB)})

    async def unregister(self, connection: PartnerConnection) -> None:
        pass


class PartnersWorld(OfficeWorld):
    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self.directory = tempfile.TemporaryDirectory()
        where = prepare_records(Path(self.directory.name) / "ocpi.sqlite")
        self.partners, self.bookings = SqlOcpiPartners(where, TEST_KEY), SqlOcpiBookings(where, TEST_KEY)
        self.driver_tokens = SqlOcpiTokens(where, TEST_KEY)
        office, clock, view = self.office, self.office.clock, self.office.depot.view
        pending = faults.around("events of partners", self.partners.pending)
        self.changes = RecordChanges(pending, office.store)
        change = ChangePartner(faults.around("partners", self.partners), self.changes, clock, ocpi_stream)
        peers: Any = faults.around("partner's API", HubsApi(), PeerFailed)
        handle = {each: retrying(office.handlers[each]) for each in BOOKINGS}
        ends = handle[EndBookingsOfParty]
        self.registrations = OcpiPartnerRegistrations(change, peers, view, ends, office.depot.follow)
        self.credentials = OcpiCredentials(change, peers)
        self.tokens = OcpiDriverTokens(faults.around("tokens", self.driver_tokens), pseudonyms())
        self.reviews = TokenReviews(self.tokens, handle[ReviewToken], view, clock)
        self.handler = BookingHandler(
            *(faults.around("bookings", self.bookings), BookingPlaces(view), self.tokens, self.reviews),
            *(handle[ReceiveBooking], handle[CancelBooking], view, clock),
        )

    async def partner(self) -> OcpiPartner:
        (found,) = await self.partners.all()
        return found

    async def asks(self, *requests: RequestedBooking) -> None:
        for requested in requests:
            await self.handler.handle(context(requested.message_id), await self.partner(), requested)
            await self.office.depot.follow()

    async def pushes_token(self, *, is_valid: bool, hours: int) -> None:
        partner = await self.partner()
        updated_at = NOON + hours * HOUR
        pushed = await self.tokens.put(partner, CARD, "{}", is_valid=is_valid, updated_at=updated_at)
        if pushed.to_review:
            await self.reviews.token(context("token"), partner, pushed.ref)
        await self.office.depot.follow()

    async def facts(self) -> Any:
        """After the next looks of the loops that append pending events and review tokens. How often a partner was changed, and
        the versions of requests, are not compared: a repetition may count once more."""
        await self.changes.append()
        await self.office.depot.follow()
        await self.reviews.all()
        await self.office.depot.follow()
        entries = self.office.depot.view.book(ACME, NORTH).entries.by_id.values()
        found = await self.partners.all()
        kept = [await self.bookings.page(each.key, since=None, until=None, offset=0, limit=9) for each in found]
        log = await self.inner.read_log(after=0, limit=1000)
        return {
            "partners": [(str(each.party), each.state, each.settings.name, each.connection) for each in found],
            "events of partners": sorted({type(each.event).__name__ for each in log if "ocpi" in str(each.stream)}),
            "events that are not in the log": len(await self.partners.pending.oldest(10)),
            "bookings": [
                (each.start, each.is_promised, each.is_cancelled, [request.status for request in each.requests])
                for page in kept
                for each in page.bookings
            ],
            "reservations": [
                (each.reservation.start, each.outcome, each.reservation.holder.admits_nobody) for each in entries
            ],
        }

    async def close(self) -> None:
        for records in (self.partners, self.bookings, self.driver_tokens):
            await records.close()
        await super().close()
        self.directory.cleanup()


def past(*steps: Step) -> Callable[[Faults], Awaitable[PartnersWorld]]:
    async def lived(faults: Faults) -> PartnersWorld:
        world = PartnersWorld(faults)
        await world.lived(*DEPOT)
        await world.office.depot.follow()
        for step in steps:
            await step(world)
        return world

    return lived


async def puts(world: PartnersWorld) -> None:
    await world.registrations.put(context(), HUB, SETTINGS, None)


async def changes(world: PartnersWorld) -> None:
    await world.registrations.put(context(), HUB, replace(SETTINGS, name="Other hub"), None)


async def invites(world: PartnersWorld) -> None:
    await world.registrations.invite(context(), str(HUB), None)


async def registers_there(world: PartnersWorld) -> None:
    if (await world.partner()).connection is None:
        url = "https://depot.example/ocpi/versions"
        await world.registrations.register(context(), str(HUB), CONNECTION.versions_url, "token-a", url)


async def registers_here(world: PartnersWorld) -> None:
    sent = PartnerCredentials(token="token-b", versions_url=CONNECTION.versions_url, parties=frozenset({str(HUB)}))
    partner = await world.partner()
    held = partner.former or partner.token
    assert held is not None
    exchange = world.credentials.register if held.registers else world.credentials.renew
    await exchange(context(), Authenticated(partner, held), sent, "https://depot.example/ocpi/versions")


async def ends(world: PartnersWorld) -> None:
    partner = await world.partner()
    if partner.token is not None:
        await world.credentials.end(context(), Authenticated(partner, partner.token))


async def removes(world: PartnersWorld) -> None:
    await world.registrations.remove(context(), str(HUB), None)


def asks(*requests: RequestedBooking) -> Step:
    return lambda world: world.asks(*requests)


def pushes(*, is_valid: bool, hours: int = 0) -> Step:
    return lambda world: world.pushes_token(is_valid=is_valid, hours=hours)


NOT_REACHED = (StoreUnavailable, PartnerNotReached)
REGISTRATIONS, CREDENTIALS, HANDLER = OcpiPartnerRegistrations, OcpiCredentials, BookingHandler

PARTNERS: tuple[Story, ...] = (
    Story("put a partner", (REGISTRATIONS.put,), past(), puts),
    Story("change a partner", (REGISTRATIONS.put,), past(puts), changes),
    Story("invite a partner again", (REGISTRATIONS.invite,), past(puts, registers_there), invites),
    Story("register at a partner", (REGISTRATIONS.register,), past(puts), registers_there, errors=NOT_REACHED),
    Story("a partner registers here", (CREDENTIALS.register,), past(puts), registers_here, errors=NOT_REACHED),
    Story(
        "a partner renews its credentials",
        (CREDENTIALS.renew,),
        past(puts, registers_here),
        registers_here,
        errors=NOT_REACHED,
    ),
    Story("a partner ends the connection", (CREDENTIALS.end,), past(puts, registers_here), ends),
    Story(
        "remove a partner with a booking",
        (REGISTRATIONS.remove,),
        past(puts, registers_here, asks(BOOKED)),
        removes,
        done_already=(OcpiPartnerUnknown,),
    ),
    Story("a partner books", (HANDLER.handle,), past(puts), asks(BOOKED)),
    Story("a partner changes a booking", (HANDLER.handle,), past(puts, asks(BOOKED)), asks(MOVED)),
    Story("a partner cancels a booking", (HANDLER.handle,), past(puts, asks(BOOKED, MOVED)), asks(CANCELLED)),
    Story("a partner cancels a booking before it comes", (HANDLER.handle,), past(puts), asks(CANCELLED, BOOKED)),
    Story(
        "a partner pushes a token as invalid", (TokenReviews.token,), past(puts, asks(BOOKED)), pushes(is_valid=False)
    ),
    Story(
        "a partner pushes a token as valid again",
        (TokenReviews.token,),
        past(puts, asks(BOOKED), pushes(is_valid=False)),
        pushes(is_valid=True, hours=1),
    ),
)
