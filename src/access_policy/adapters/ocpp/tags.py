"""From what a protocol calls a tag or token to our identifiers (design 3.4).

A tag that cannot be read as what its profile says is `other`, verbatim; a token that names its own kind (`VID:`, OCPP
2.x types) and cannot be read as that kind is malformed: None, which is decided as `identifier_invalid`.
"""

from __future__ import annotations

import base64

from access_policy.application.capability_profiles import CapabilityProfile
from access_policy.domain.identifiers import (
    VID_PREFIX,
    Identifier,
    IdentifierInvalid,
    IdentifierKind,
    identifier,
)

_BYTES_BY_BASE32_LENGTH = {10: 6, 13: 8}

NO_AUTHORIZATION = "NoAuthorization"  # OCPP 2.0.1, C02: a start for which nobody had to ask

# IdTokenEnumType of OCPP 2.0.1 and the standard values of 2.1 (appendix idtokenenumtype.csv)
_KINDS_OF_TOKEN_TYPES = {
    "ISO14443": IdentifierKind.RFID,
    "ISO15693": IdentifierKind.RFID,
    "MacAddress": IdentifierKind.MAC,
    "EVCCID": IdentifierKind.MAC,
    "eMAID": IdentifierKind.EMAID,
    "KeyCode": IdentifierKind.PIN,
}


def read_tag(tag: str, profile: CapabilityProfile | None) -> Identifier | None:
    """The identifier that an OCPP 1.6 idTag spells. Case carries no meaning there (1.6, 7.28)."""
    text = tag.strip()
    if text[: len(VID_PREFIX)].upper() == VID_PREFIX:
        return _as(IdentifierKind.MAC, text)
    if profile is not None and profile.base32_macs and (mac := _mac_in_base32(text)) is not None:
        return mac
    bare_kind = IdentifierKind(profile.tags_are) if profile is not None else IdentifierKind.RFID
    return _as(bare_kind, text) or _as(IdentifierKind.OTHER, text)


def _mac_in_base32(text: str) -> Identifier | None:
    """A vehicle's own id of 6 or 8 bytes in Base32 without padding: 10 or 13 characters, as no card's UID in hex has."""
    length = _BYTES_BY_BASE32_LENGTH.get(len(text))
    if length is None:
        return None
    try:
        value = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    return _as(IdentifierKind.MAC, value.hex()) if len(value) == length else None


def read_token(value: str, token_type: str, profile: CapabilityProfile | None) -> Identifier | None:
    """The identifier that an OCPP 2.x idToken spells."""
    kind = _KINDS_OF_TOKEN_TYPES.get(token_type)
    if kind is None:
        return read_tag(value, profile) if value.upper().startswith(VID_PREFIX) else _as(IdentifierKind.OTHER, value)
    if kind is IdentifierKind.RFID and value.upper().startswith(VID_PREFIX):
        return _as(IdentifierKind.MAC, value)  # stations that send an Autocharge id as if it were a card
    return _as(kind, value)


def _as(kind: IdentifierKind, text: str) -> Identifier | None:
    try:
        return identifier(kind, text)
    except IdentifierInvalid:
        return None
