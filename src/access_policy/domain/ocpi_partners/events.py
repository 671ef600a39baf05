"""The events of an OCPI partner. They do not contain tokens, hashes of tokens, or the path of a URL, which may contain a
token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from access_policy.domain.ocpi_partners.partner import ConnectionState, OcpiPartner, PartnerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiPartnerPut:
    """The partner's settings are these from now on."""

    TYPE: ClassVar = "ocpi_partner.ocpi_partner_put.v1"
    partner_id: str
    settings: PartnerSettings
    put_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiConnectionChanged:
    """`peer` is the partner's server without a path; empty without a connection. `with_new_tokens`: credentials were
    exchanged, or a registration token was issued."""

    TYPE: ClassVar = "ocpi_partner.ocpi_connection_changed.v1"
    partner_id: str
    state: ConnectionState
    peer: str
    with_new_tokens: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiPartnerRemoved:
    """The partner was removed. `settings` are its last settings."""

    TYPE: ClassVar = "ocpi_partner.ocpi_partner_removed.v1"
    partner_id: str
    settings: PartnerSettings
    removed_at: datetime


OcpiPartnerEvent = OcpiPartnerPut | OcpiConnectionChanged | OcpiPartnerRemoved


def connection_changed(partner: OcpiPartner) -> OcpiConnectionChanged:
    parts = urlsplit("" if partner.connection is None else partner.connection.versions_url)
    return OcpiConnectionChanged(
        partner_id=partner.partner_id,
        state=partner.state,
        peer=f"{parts.scheme}://{parts.netloc}" if parts.netloc else "",
        with_new_tokens=partner.token is not None,
        changed_at=partner.changed_at,
    )
