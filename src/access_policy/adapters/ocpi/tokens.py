"""Tokens of drivers (OCPI 2.3.0, tokens module), and the identifiers that they represent."""

from __future__ import annotations

from typing import Final

from access_policy.adapters.ocpi.fields import CiString2, CiString3, CiString36, DateTime, OcpiObject, String64
from access_policy.domain.identifiers import Identifier, IdentifierInvalid, IdentifierKind, identifier

RFID: Final = "RFID"
KINDS: Final = {
    RFID: IdentifierKind.RFID,
    "EMAID": IdentifierKind.EMAID,
    "LICENSE_PLATE": IdentifierKind.PLATE,  # Bookings edition 1.0
}


class Token(OcpiObject):
    """A driver's token. Fields that this service does not use are stored and returned unchanged."""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: String64
    contract_id: CiString36
    issuer: String64
    valid: bool
    whitelist: String64
    last_updated: DateTime


def identifier_of(uid: str, token_type: str) -> Identifier:
    """Return the identifier. A uid without the form of its type is read as `other`, as a charger's tag would be."""
    try:
        return identifier(KINDS.get(token_type.upper(), IdentifierKind.OTHER), uid)
    except IdentifierInvalid:
        return identifier(IdentifierKind.OTHER, uid)
