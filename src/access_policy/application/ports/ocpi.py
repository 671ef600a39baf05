"""OCPI partners, their bookings and their tokens, as records; and the calls to a partner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from access_policy.application.ports.partners import PartnerKey, Partners
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId, ReservationId, TenantId
from access_policy.domain.ocpi_partners.partner import OcpiPartner, PartnerConnection
from access_policy.domain.reservations.terms import ReservationTerms

OcpiPartners = Partners[OcpiPartner]


# --- bookings -------------------------------------------------------------------------------------------------------


class RequestStatus(StrEnum):
    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRequestRecord:
    """A partner's request as received: `body` is JSON with the names of edition 1.1. `message_id` is its X-Request-ID."""

    message_id: str
    body: str = field(repr=False)
    status: RequestStatus
    because: str = ""
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRecord:
    """A partner's booking: the data that OCPI returns and its reservation does not contain.

    `reservation_id` is the id of the reservation and of the booking. `is_promised`: a reservation was made for it.
    `end` is the end of its window, after which the record is kept for a while. `number` orders the bookings of a
    partner by their creation.
    """

    tenant_id: TenantId
    partner_id: str
    request_id: str
    reservation_id: ReservationId
    depot_id: DepotId
    charger_id: ChargerId | None = None
    group_id: ReservationGroupId | None = None
    start: datetime
    end: datetime
    terms: ReservationTerms
    requests: tuple[BookingRequestRecord, ...]
    is_promised: bool = False
    is_cancelled: bool = False
    created_at: datetime
    updated_at: datetime
    version: int = 1

    @property
    def key(self) -> PartnerKey:
        return self.tenant_id, self.partner_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPage:
    """`total` counts all matches, before offset and limit."""

    bookings: tuple[BookingRecord, ...]
    total: int


class OcpiBookings(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`. The contents are encrypted."""

    async def find(self, key: PartnerKey, request_id: str) -> BookingRecord | None: ...

    async def of_reservation(self, tenant_id: TenantId, reservation_id: ReservationId) -> BookingRecord | None: ...

    async def put(self, booking: BookingRecord, *, expected: int) -> bool:
        """Store the booking, replacing version `expected` (0: there is none). Return False without a change if another
        version is stored."""
        ...

    async def touch(self, booking: BookingRecord, at: datetime) -> None:
        """Note that the booking's reservation changed at `at`: its `updated_at` becomes at least that."""
        ...

    async def page(
        self, key: PartnerKey, *, since: datetime | None, until: datetime | None, offset: int, limit: int
    ) -> BookingPage:
        """Return bookings updated in `[since, until)`, in the order of their creation."""
        ...

    async def find_or_count(self, key: PartnerKey, request_id: str) -> BookingRecord | int:
        """Return the booking or, if there is none, the number of the partner's bookings."""
        ...

    async def forget_ended(self, *, before: datetime) -> int:
        """Delete bookings whose window ended before the instant; return their number."""
        ...


# --- tokens of drivers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverToken:
    """A driver's token that the partner pushed. `ref` stands for its uid; `body` is the whole object as JSON."""

    tenant_id: TenantId
    partner_id: str
    ref: IdentifierRef
    body: str = field(repr=False)
    is_valid: bool
    updated_at: datetime

    @property
    def key(self) -> PartnerKey:
        return self.tenant_id, self.partner_id


class OcpiTokens(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`. The contents are encrypted; a token is found by its
    keyed pseudonym."""

    async def find(self, key: PartnerKey, ref: IdentifierRef) -> DriverToken | None: ...

    async def find_many(self, key: PartnerKey, refs: Sequence[IdentifierRef]) -> list[DriverToken]:
        """Return the tokens among these that the partner has pushed, in any order."""
        ...

    async def put(self, token: DriverToken, *, tokens_max: int) -> bool:
        """Store the token, replacing one with its pseudonym. Return False without a change if the partner already has
        `tokens_max` others."""
        ...


# --- calls to a partner ---------------------------------------------------------------------------------------------


class PeerFailed(Exception):
    """The partner could not be reached, or did not answer as OCPI requires. The message says how; it contains no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentials:
    """Credentials of this service for a partner."""

    token: str = field(repr=False)
    versions_url: str
    country_code: str
    party_id: str
    name: str


class OcpiPeers(Protocol):
    """Calls to partners. A URL is refused if its host may not be contacted, as for webhooks."""

    def refusal_of(self, url: str) -> str | None: ...

    async def discover(self, versions_url: str, token: str) -> PartnerConnection:
        """Read the versions and the endpoints of the version that both sides speak. Raises `PeerFailed`."""
        ...

    async def register(self, found: PartnerConnection, own: OwnCredentials) -> tuple[PartnerConnection, frozenset[str]]:
        """Send credentials, and return the connection with the token from the answer, and the parties (such as DE-HUB) that
        the answer names. Raises `PeerFailed`."""
        ...

    async def unregister(self, connection: PartnerConnection) -> None:
        """End the connection at the partner. Raises `PeerFailed`."""
        ...
