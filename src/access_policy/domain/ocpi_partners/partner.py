"""An OCPI partner of a tenant: the chargers and groups that it may book, and the state of the connection. Changes return a
new value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from access_policy.domain.ids import (
    ChargerId,
    DepotId,
    ReservationGroupId,
    checked_id,
    checked_name,
)
from access_policy.domain.issued_tokens import IssuedToken, issued_of
from access_policy.domain.ocpi_partners.errors import OcpiPartnerInvalid
from access_policy.domain.partners import Partner
from access_policy.domain.reservations.terms import ReservationTerms

DEPOTS_MAX: Final = 200
PLACES_MAX: Final = 500  # chargers or groups of one depot
_PARTY = re.compile(r"([A-Z]{2})-([A-Z0-9]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A party of OCPI: ISO 3166 country code and party id (ISO 15118), both in upper case; written `DE-HUB`."""

    country_code: str
    party_id: str

    def __str__(self) -> str:
        return f"{self.country_code}-{self.party_id}"


def party_of(text: str, name: str = "partner_id") -> Party:
    """Parse a party in upper or lower case. Raises `OcpiPartnerInvalid`."""
    found = _PARTY.fullmatch(text.upper()) if text.isascii() else None
    if found is None:
        raise OcpiPartnerInvalid(
            f"{name} is a country code of two letters and a party id of three letters or digits, such as DE-HUB.",
            pointer=f"/{name}",
        )
    return Party(country_code=found[1], party_id=found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class BookablePlaces:
    """Chargers and reservation groups of a depot that may be booked. If neither is given, all may be booked."""

    depot_id: DepotId
    charger_ids: tuple[ChargerId, ...] = ()
    group_ids: tuple[ReservationGroupId, ...] = ()

    @property
    def are_all(self) -> bool:
        return not self.charger_ids and not self.group_ids

    def check(self) -> None:
        """Raises `InvalidId` or `OcpiPartnerInvalid`."""
        checked_id(self.depot_id, "depot_id")
        for name, ids in (("charger_ids", self.charger_ids), ("group_ids", self.group_ids)):
            if len(ids) > PLACES_MAX:
                raise OcpiPartnerInvalid(f"{name} has at most {PLACES_MAX} ids for a depot.", pointer=f"/{name}")
            for each in ids:
                checked_id(each, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSettings:
    """`own_party` and `own_name`: the operator (CPO) as which the tenant appears to the partner. `terms` apply to the
    partner's bookings; None: the defaults of each depot.
    """

    name: str
    own_party: Party
    own_name: str
    bookable: tuple[BookablePlaces, ...]
    terms: ReservationTerms | None = None
    enabled: bool = True

    def check(self) -> None:
        """Raises `OcpiPartnerInvalid`, `InvalidId`, `InvalidName` or `ReservationInvalid`."""
        checked_name(self.name, length_max=100)
        checked_name(self.own_name, "own_name", length_max=100)
        if len(self.bookable) > DEPOTS_MAX:
            raise OcpiPartnerInvalid(f"A partner may book at {DEPOTS_MAX} depots at most.", pointer="/bookable")
        depots = [each.depot_id for each in self.bookable]
        if len(set(depots)) != len(depots):
            raise OcpiPartnerInvalid("A depot is named twice; name its places together.", pointer="/bookable")
        for each in self.bookable:
            each.check()
        if self.terms is not None:
            self.terms.check()

    def places_at(self, depot_id: DepotId) -> BookablePlaces | None:
        return next((each for each in self.bookable if each.depot_id == depot_id), None)


class ConnectionState(StrEnum):
    INVITED = "invited"  # has a registration token, or waits for the operator to register with it
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"  # one side has ended the connection


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerEndpoint:
    """A module's interface of the partner: `role` is SENDER or RECEIVER."""

    module: str
    role: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerConnection:
    """The connection to the partner. `token` authenticates this service at the partner (B, or C if this service
    registered).
    """

    versions_url: str
    version: str
    token: str = field(repr=False)
    endpoints: tuple[PartnerEndpoint, ...] = ()

    def url_of(self, module: str, role: str) -> str | None:
        wanted = (module.casefold(), role)
        return next((each.url for each in self.endpoints if (each.module.casefold(), each.role) == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiPartner(Partner[PartnerSettings, PartnerConnection]):
    party: Party
    state: ConnectionState = ConnectionState.INVITED

    @property
    def partner_id(self) -> str:
        return str(self.party)

    @property
    def record_id(self) -> str:
        return self.partner_id

    def issued(self, digest: str) -> IssuedToken | None:
        return issued_of(digest, self.token, self.former)

    def invited(self, digest: str, *, now: datetime) -> OcpiPartner:
        """Return the partner with a new registration token; every earlier token and the connection end."""
        token = IssuedToken(digest=digest, registers=True)
        return self.changed(now, state=ConnectionState.INVITED, token=token, former=None, connection=None)

    def connected(
        self, connection: PartnerConnection, digest: str, *, now: datetime, former: IssuedToken | None = None
    ) -> OcpiPartner:
        """Return the partner with the credentials of both sides."""
        token = IssuedToken(digest=digest, registers=False)
        return self.changed(now, state=ConnectionState.CONNECTED, token=token, former=former, connection=connection)

    def disconnected(self, *, now: datetime) -> OcpiPartner:
        return self.changed(now, state=ConnectionState.DISCONNECTED, token=None, former=None, connection=None)
