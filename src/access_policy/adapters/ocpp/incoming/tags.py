"""Read a protocol's tags and tokens as identifiers (design 3.4).

A tag that cannot be read as its profile says is `other`, verbatim, and so is an OCPP 2.x card token whose value is not a UID. A
token that names another kind (`VID:`, MacAddress, eMAID, KeyCode) but cannot be read as that kind is malformed. It is None, and
the attempt is decided as `identifier_invalid`. The charger's own freevend tag is None as well, because it does not identify a
vehicle.

A vehicle may be registered by its verbatim tag (kind `other`), whatever type the charger gives the tag, so that reading is kept
in addition to the first one. A PIN has no second reading, so that its lock-out cannot be bypassed.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Final

from access_policy.domain.capability_profiles.capabilities import CapabilityProfile
from access_policy.domain.identifiers import (
    VID_PREFIX,
    Identifier,
    IdentifierInvalid,
    IdentifierKind,
    identifier,
    with_readings,
)

TAGS_KEPT: Final = 10_000  # spellings that chargers present repeatedly

_BYTES_BY_BASE32_LENGTH = {10: 6, 13: 8}

NO_AUTHORIZATION = "NoAuthorization"  # OCPP 2.0.1, C02: a start without authorisation

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
    """Return the identifier in an OCPP 1.6 idTag, in which case is not significant (1.6, 7.28)."""
    if profile is None:
        return _read_bare_tag(tag.strip(), IdentifierKind.RFID.value, base32_macs=False)
    if profile.is_freevend_tag(tag):
        return None
    return _read_bare_tag(tag.strip(), profile.tags_are, base32_macs=profile.base32_macs)


@lru_cache(TAGS_KEPT)
def _read_bare_tag(text: str, tags_are: str, *, base32_macs: bool) -> Identifier | None:
    verbatim = _as(IdentifierKind.OTHER, text)
    if _has_vid_prefix(text):
        return _beside(_as(IdentifierKind.MAC, text), verbatim)
    base32 = _mac_in_base32(text) if base32_macs else None
    bare_kind = IdentifierKind(tags_are)
    bare = _as(bare_kind, text)
    if bare is not None and bare_kind is IdentifierKind.PIN:
        return with_readings((base32, bare))
    return with_readings((base32, bare, verbatim))


def _mac_in_base32(text: str) -> Identifier | None:
    """Read a vehicle's own id of 6 or 8 bytes in Base32 without padding: 10 or 13 characters. A card's decimal number may look
    like one, so such a tag is read as both.
    """
    length = _BYTES_BY_BASE32_LENGTH.get(len(text))
    if length is None:
        return None
    try:
        value = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    return _as(IdentifierKind.MAC, value.hex()) if len(value) == length else None


def read_token(value: str, token_type: str, profile: CapabilityProfile | None) -> Identifier | None:
    """Return the identifier in an OCPP 2.x idToken."""
    if profile is not None and profile.is_freevend_tag(value):
        return None
    kind = _KINDS_OF_TOKEN_TYPES.get(token_type)
    if kind is IdentifierKind.PIN:
        return _as(kind, value)
    verbatim = _as(IdentifierKind.OTHER, value)
    if _has_vid_prefix(value):  # includes stations that send an Autocharge id as a card
        mac = _as(IdentifierKind.MAC, value) if kind is not IdentifierKind.EMAID else None
        return _beside(mac, verbatim)
    if kind is None:
        return with_readings((verbatim, _as(IdentifierKind.RFID, value)))
    if kind is IdentifierKind.RFID:
        return with_readings((_as(kind, value), verbatim))
    return _beside(_as(kind, value), verbatim)


def _has_vid_prefix(text: str) -> bool:
    return text.strip()[: len(VID_PREFIX)].upper() == VID_PREFIX


def _beside(read: Identifier | None, verbatim: Identifier | None) -> Identifier | None:
    """Combine both readings; None for a token that is malformed for its kind, even if the verbatim reading is valid."""
    return None if read is None else with_readings((read, verbatim))


def _as(kind: IdentifierKind, text: str) -> Identifier | None:
    try:
        return identifier(kind, text)
    except IdentifierInvalid:
        return None
