"""An admin's operations on OCPI partners: put, invite, register with, disconnect, remove."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

from access_policy.application.commands.end_bookings_of_party import EndBookingsOfParty, EndedBookings
from access_policy.application.context import Context
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.errors import check_version
from access_policy.application.ocpi_partners.changing import ChangePartner
from access_policy.application.ocpi_partners.credentials import own_credentials
from access_policy.application.ocpi_partners.tokens import LENGTH_MAX, new_token
from access_policy.application.partners.tokens import digest_of
from access_policy.application.ports.ocpi import OcpiPeers, PeerFailed
from access_policy.application.retrying import Handler
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.ocpi_partners.errors import (
    AlreadyRegistered,
    BookablePlaceUnknown,
    OcpiPartnerInvalid,
    PartnerNotReached,
    TooManyOcpiPartners,
)
from access_policy.domain.ocpi_partners.events import OcpiPartnerPut, connection_changed
from access_policy.domain.ocpi_partners.partner import (
    BookablePlaces,
    ConnectionState,
    OcpiPartner,
    PartnerSettings,
    Party,
)
from access_policy.domain.reservations.book import ReservationBook

PARTNERS_MAX = 100  # per tenant

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OcpiPartnerRegistrations:
    """All methods raise `StoreUnavailable`; the change may have been made then, and its event is appended later."""

    change: ChangePartner
    peers: OcpiPeers
    view: DecisionView
    end_bookings: Handler[EndBookingsOfParty, EndedBookings]
    caught_up: Callable[[], Awaitable[None]]

    async def all(self, tenant_id: TenantId) -> list[OcpiPartner]:
        return await self.change.partners.of_tenant(tenant_id)

    async def get(self, tenant_id: TenantId, partner_id: str) -> OcpiPartner:
        """Return the partner. Raises `OcpiPartnerUnknown`."""
        return await self.change.get(tenant_id, partner_id)

    async def put(
        self, context: Context, party: Party, settings: PartnerSettings, expected_version: int | None
    ) -> tuple[OcpiPartner, str | None]:
        """Create or change the partner. A new partner is returned with its registration token (A), which is not stored.
        Raises `OcpiPartnerInvalid`, `TooManyOcpiPartners`, `VersionMismatch` or `TooBusy`."""
        settings.check()
        self._check_places(context.tenant_id, settings)
        before = await self.change.partners.find((context.tenant_id, str(party)))
        check_version(expected_version, 0 if before is None else before.version)
        now = self.change.clock.now()
        if before is not None:
            await self.change.settle((context.tenant_id, str(party)))
            after = before.put(settings, now=now)
            if after is not before:
                put = OcpiPartnerPut(partner_id=str(party), settings=settings, put_at=now)
                await self.change.put(context, after, put, expected=before.version)
            return after, None
        if len(await self.all(context.tenant_id)) >= PARTNERS_MAX:
            raise TooManyOcpiPartners(f"A tenant has at most {PARTNERS_MAX} OCPI partners; remove one first.")
        token = new_token()
        made = OcpiPartner(
            tenant_id=context.tenant_id,
            party=party,
            settings=settings,
            token=IssuedToken(digest=digest_of(token), registers=True),
            created_at=now,
            changed_at=now,
        )
        put = OcpiPartnerPut(partner_id=str(party), settings=settings, put_at=now)
        return await self.change.put(context, made, put, expected=0), token

    async def invite(self, context: Context, partner_id: str, expected_version: int | None) -> tuple[OcpiPartner, str]:
        """Issue a new registration token (A), which ends the connection and all earlier tokens. Raises
        `OcpiPartnerUnknown`, `VersionMismatch` or `TooBusy`."""
        before = await self._expected(context, partner_id, expected_version)
        token = new_token()
        after = before.invited(digest_of(token), now=self.change.clock.now())
        return await self.change.put(context, after, connection_changed(after), expected=before.version), token

    async def register(
        self, context: Context, partner_id: str, versions_url: str, token: str, own_versions_url: str
    ) -> OcpiPartner:
        """Exchange credentials at the partner, with the registration token that it issued. Raises `OcpiPartnerUnknown`,
        `OcpiPartnerInvalid`, `AlreadyRegistered`, `PartnerNotReached` or `TooBusy`."""
        before = await self._expected(context, partner_id, None)
        if before.state is ConnectionState.CONNECTED:
            raise AlreadyRegistered("This partner is connected; issue a new token for it first, which disconnects it.")
        self._check_peer(versions_url, token)
        issued = new_token()
        expected = IssuedToken(digest=digest_of(issued), registers=False)
        # The partner calls back with the new token during the request, so the token must be valid before it is sent.
        former = before.former or before.token
        waiting = replace(before, token=expected, former=former, version=before.version + 1)
        await self.change.put(context, waiting, None, expected=before.version)
        try:
            found = await self.peers.discover(versions_url, token)
            connection, parties = await self.peers.register(found, own_credentials(before, issued, own_versions_url))
        except PeerFailed as failed:
            raise PartnerNotReached(f"{failed}; correct it there, or the address and the token here.") from failed
        if partner_id not in parties:
            raise PartnerNotReached(
                f"The partner answered as {', '.join(sorted(parties))[:100]}, not as {partner_id}; correct the id."
            )
        current = await self.change.get(context.tenant_id, partner_id)
        after = current.connected(connection, digest_of(issued), now=self.change.clock.now())
        return await self.change.put(context, after, connection_changed(after), expected=current.version)

    async def remove(self, context: Context, partner_id: str, expected_version: int | None) -> EndedBookings:
        """Remove the partner, its bookings' records and its drivers' tokens. Reservations that have not begun are
        cancelled; those that have begun run to their end. Raises `OcpiPartnerUnknown`, `VersionMismatch` or `TooBusy`."""
        await self.change.settle((context.tenant_id, partner_id))
        partner = await self._expected(context, partner_id, expected_version)
        before = await self._end_bookings(context, partner_id)
        await self.change.drop(context, partner)
        after = await self._end_bookings(context, partner_id)  # bookings that the partner made meanwhile
        if partner.connection is not None:
            try:
                await self.peers.unregister(partner.connection)
            except PeerFailed as failed:
                log.warning("OCPI partner %s was removed but could not be notified: %s", partner_id, failed)
        cancelled, position = before.cancelled + after.cancelled, max(before.position, after.position)
        return EndedBookings(cancelled=cancelled, kept=after.kept, position=position)

    async def _end_bookings(self, context: Context, partner_id: str) -> EndedBookings:
        """End the partner's bookings at all depots that have any, as far as this process has followed the log."""
        await self.caught_up()
        cancelled = kept = position = 0
        reason = f"The OCPI partner {partner_id} was removed."
        for tenant_id, depot_id in [key for key, book in self.view.books() if _has_booked(book, partner_id)]:
            if tenant_id != context.tenant_id:
                continue
            command = EndBookingsOfParty(depot_id=depot_id, party=partner_id, reason=reason)
            while (ended := await self.end_bookings(context, command)).cancelled:
                cancelled, position = cancelled + ended.cancelled, ended.position
            kept += ended.kept
        return EndedBookings(cancelled=cancelled, kept=kept, position=position)

    async def _expected(self, context: Context, partner_id: str, expected_version: int | None) -> OcpiPartner:
        partner = await self.change.get(context.tenant_id, partner_id)
        check_version(expected_version, partner.version)
        return partner

    def _check_places(self, tenant_id: TenantId, settings: PartnerSettings) -> None:
        """Check the places; a retired charger may be named, because it was bookable before."""
        for number, place in enumerate(settings.bookable):
            at, depot_id = f"/bookable/{number}", place.depot_id
            if self.view.depot(tenant_id, depot_id) is None:
                raise BookablePlaceUnknown(
                    f"There is no depot {depot_id}; register it first.", pointer=f"{at}/depot_id"
                )
            groups = self.view.book(tenant_id, depot_id).groups
            if (group_id := next((each for each in place.group_ids if each not in groups), None)) is not None:
                raise BookablePlaceUnknown(
                    f"Depot {depot_id} has no reservation group {group_id}; create it first.", pointer=f"{at}/group_ids"
                )
            if (charger_id := next(self._not_at(tenant_id, place), None)) is not None:
                raise BookablePlaceUnknown(
                    f"There is no charger {charger_id} at depot {depot_id}; register it first.",
                    pointer=f"{at}/charger_ids",
                )

    def _not_at(self, tenant_id: TenantId, place: BookablePlaces) -> Iterator[ChargerId]:
        for charger_id in place.charger_ids:
            policy = self.view.known_policy(tenant_id, charger_id)
            if policy is None or policy.settings.depot_id != place.depot_id:
                yield charger_id

    def _check_peer(self, versions_url: str, token: str) -> None:
        if not versions_url.startswith("https://") or (refusal := self.peers.refusal_of(versions_url)) is not None:
            why = "It is not an https URL" if not versions_url.startswith("https://") else refusal
            raise OcpiPartnerInvalid(f"{why}; give the partner's versions URL.", pointer="/versions_url")
        if not 1 <= len(token) <= LENGTH_MAX or not token.isascii() or not token.isprintable() or " " in token:
            raise OcpiPartnerInvalid(
                f"A token has 1 to {LENGTH_MAX} printable ASCII characters; copy it from the partner.", pointer="/token"
            )


def _has_booked(book: ReservationBook, partner_id: str) -> bool:
    return any(party == partner_id for party, _ in book.entries.by_request)
