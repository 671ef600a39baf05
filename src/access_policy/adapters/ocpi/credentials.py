"""Versions and credentials (OCPI 2.3.0)."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from access_policy.adapters.ocpi.fields import VERSION, CiString2, CiString3, OcpiObject, String100, Url
from access_policy.application.ocpi_partners.credentials import PartnerCredentials
from access_policy.application.ocpi_partners.tokens import LENGTH_MAX
from access_policy.application.ports.ocpi import OwnCredentials

BOOKING: Final = "Booking"  # the module's id; the edition's own table of ids does not list it
CREDENTIALS: Final = "credentials"
TOKENS: Final = "tokens"
SENDER: Final = "SENDER"
RECEIVER: Final = "RECEIVER"
LIST_MAX: Final = 100


class Version(OcpiObject):
    version: String100
    url: Url


class Endpoint(OcpiObject):
    identifier: String100
    role: String100 = SENDER  # has no meaning for the credentials module
    url: Url


class VersionDetails(OcpiObject):
    version: String100
    endpoints: list[Endpoint] = Field(min_length=1, max_length=LIST_MAX)


class BusinessDetails(OcpiObject):
    name: String100


class CredentialsRole(OcpiObject):
    role: String100
    business_details: BusinessDetails
    party_id: CiString3
    country_code: CiString2


class Credentials(OcpiObject):
    token: str = Field(min_length=1, max_length=LENGTH_MAX, pattern=r"^[\x21-\x7e]+$")
    url: Url
    roles: list[CredentialsRole] = Field(min_length=1, max_length=LIST_MAX)

    @property
    def parties(self) -> frozenset[str]:
        return frozenset(f"{each.country_code}-{each.party_id}".upper() for each in self.roles)

    def sent(self) -> PartnerCredentials:
        return PartnerCredentials(token=self.token, versions_url=self.url, parties=self.parties)

    @classmethod
    def of(cls, own: OwnCredentials) -> Credentials:
        role = CredentialsRole(
            role="CPO",
            business_details=BusinessDetails(name=own.name),
            party_id=own.party_id,
            country_code=own.country_code,
        )
        return cls(token=own.token, url=own.versions_url, roles=[role])


def own_versions(base: str) -> list[Version]:
    """Return the versions that this service offers. `base` is the URL below which it serves OCPI, without a trailing slash."""
    return [Version(version=VERSION, url=f"{base}/{VERSION}")]


def own_endpoints(base: str) -> VersionDetails:
    here = f"{base}/{VERSION}"
    return VersionDetails(
        version=VERSION,
        endpoints=[
            Endpoint(identifier=CREDENTIALS, role=SENDER, url=f"{here}/credentials"),
            Endpoint(identifier=TOKENS, role=RECEIVER, url=f"{here}/tokens"),
            Endpoint(identifier=BOOKING, role=SENDER, url=f"{here}/bookings"),
        ],
    )
