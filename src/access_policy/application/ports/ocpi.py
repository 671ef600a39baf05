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
    """A request of a partner as it came: `body` is JSON with the names of edition 1.1. `message_id` is its X-Request-ID."""

    message_id: str
    body: str = field(repr=False)
    status: RequestStatus
    because: str = ""
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRecord:
    """A partner's booking beside its reservation: what OCPI repeats and the reservation does not need.

    `reservation_id` is the reservation's and the booking's id. `is_promised`: a reservation was made of it. `end`: the end
    of its window, after which the record is kept for a while. `number` orders the bookings of a partner by their creation.
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
    """`total` counts all that match, before offset and limit."""

    bookings: tuple[BookingRecord, ...]
    total: int


class OcpiBookings(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`. The contents are encrypted."""

    async def find(self, key: PartnerKey, request_id: str) -> BookingRecord | None: ...

    async def of_reservation(self, tenant_id: TenantId, reservation_id: ReservationId) -> BookingRecord | None: ...

    async def put(self, booking: BookingRecord, *, expected: int) -> bool:
        """Store the booking in place of its version `expected` (0: there is none). False, and no change, for another."""
        ...

    async def touch(self, booking: BookingRecord, at: datetime) -> None:
        """The booking's reservation changed at `at`: its `updated_at` is not earlier than that."""
        ...

    async def page(
        self, key: PartnerKey, *, since: datetime | None, until: datetime | None, offset: int, limit: int
    ) -> BookingPage:
        """Bookings updated in `[since, until)`, in the order of their creation."""
        ...

    async def find_or_count(self, key: PartnerKey, request_id: str) -> BookingRecord | int:
        """The booking, or the number of all the partner's where there is none."""
        ...

    async def forget_ended(self, *, before: datetime) -> int:
        """Delete bookings whose window ended before the instant; returns their number."""
        ...


# --- tokens of drivers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverToken:
    """A token of a driver that the partner pushed. `ref` stands for its uid; `body` is the whole object as JSON."""

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
        """Those of these tokens that the partner has pushed, in any order."""
        ...

    async def put(self, token: DriverToken, *, tokens_max: int) -> bool:
        """Store the token, in place of the one with its pseudonym. False, and no change, if the partner has `tokens_max`
        others already."""
        ...


# --- calls to a partner ---------------------------------------------------------------------------------------------


class PeerFailed(Exception):
    """The partner could not be reached, or did not answer as OCPI says. The message says how; it contains no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentials:
    """Credentials of this service for a partner."""

    token: str = field(repr=False)
    versions_url: str
    country_code: str
    party_id: str
    name: str


class OcpiPeers(Protocol):
    """Calls to partners. A URL whose host may not be connected to is refused, as for webhooks."""

    def refusal_of(self, url: str) -> str | None: ...

    async def discover(self, versions_url: str, token: str) -> PartnerConnection:
        """Read the versions and the endpoints of the version that both speak. Raises `PeerFailed`."""
        ...

    async def register(self, found: PartnerConnection, own: OwnCredentials) -> tuple[PartnerConnection, frozenset[str]]:
        """Send credentials, and return the connection with the token from the answer, and the parties (such as DE-HUB) that
        the answer names. Raises `PeerFailed`."""
        ...

    async def unregister(self, connection: PartnerConnection) -> None:
        """Raises `PeerFailed`."""
        ...
