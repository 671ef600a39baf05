"""Identifiers that the drivers of a small depot present: each in several spellings, and some that are none."""

from __future__ import annotations

from access_policy.domain.identifiers import Identifier, IdentifierInvalid, IdentifierKind, identifier
from tests.support import reference_model as model

SPELLINGS: dict[model.Identifier, tuple[str, ...]] = {
    ("rfid", "bus"): ("04A1B2C3D4E5F6", "04:a1:b2:c3:d4:e5:f6", " 04-A1-B2-C3-D4-E5-F6"),
    ("rfid", "van"): ("DEADBEEF", "de ad be ef"),
    ("rfid", "spare"): ("01020304050607080910",),
    ("mac", "bus"): ("VID:1A2B3C4D5E6F", "1a:2b:3c:4d:5e:6f", "vid:1a-2b-3c-4d-5e-6f"),
    ("mac", "truck"): ("0011223344556677",),
    ("emaid", "truck"): ("DE-ABC-C12345678", "deabcC12345678"),
    ("pin", "fleet"): ("1234",),
    ("pin", "guest"): ("012345",),
    ("pin", "wrong"): ("9999",),
    ("pin", "typo"): ("1235",),
    ("plate", "bus"): ("B-AB 1234", "bab1234"),
    ("other", "tag"): ("Ladekarte #7",),
}
UNREADABLE = (
    ("rfid", "04A1B2C3D4"),
    ("mac", "VID:1A2B"),
    ("emaid", "DE-ABC"),
    ("pin", "12"),
    ("pin", "12a4"),
    ("plate", "-"),
)


def spelt(key: model.Identifier, spelling: int) -> tuple[IdentifierKind, str]:
    spellings = SPELLINGS[key]
    return IdentifierKind(key[0]), spellings[spelling % len(spellings)]


def presented(kind: str, text: str) -> Identifier | None:
    """As a gateway reads it: None where it cannot be one of its kind."""
    try:
        return identifier(IdentifierKind(kind), text)
    except IdentifierInvalid:
        return None
