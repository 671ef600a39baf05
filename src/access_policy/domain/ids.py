"""Identities, validated once where they enter (`checked_id`) and plain strings afterwards."""

from __future__ import annotations

import unicodedata
from typing import NewType

from access_policy.domain.errors import Invalid

TenantId = NewType("TenantId", str)
DepotId = NewType("DepotId", str)
ChargerId = NewType("ChargerId", str)
ChargePointId = NewType("ChargePointId", str)
VehicleId = NewType("VehicleId", str)
AgreementId = NewType("AgreementId", str)
RuleId = NewType("RuleId", str)
ExceptionId = NewType("ExceptionId", str)
OverrideId = NewType("OverrideId", str)
CalendarId = NewType("CalendarId", str)
ScheduleId = NewType("ScheduleId", str)
AttemptId = NewType("AttemptId", str)
EnrolmentSessionId = NewType("EnrolmentSessionId", str)
ReservationId = NewType("ReservationId", str)
ReservationGroupId = NewType("ReservationGroupId", str)
ActorId = NewType("ActorId", str)

ID_LENGTH_MAX = 64
NAME_LENGTH_MAX = 200


class InvalidId(Invalid):
    code = "invalid-id"


class InvalidName(Invalid):
    code = "invalid-name"


def checked_id(value: str, name: str) -> str:
    """`value` itself, if it can be an identity: 1 to 64 printable characters without `/`, `?`, `#` or outer spaces.

    Raises `InvalidId`; `name` is the field, for the message and the pointer.
    """
    pointer = f"/{name}"
    if not value:
        raise InvalidId(f"{name} is empty; give 1 to {ID_LENGTH_MAX} characters.", pointer=pointer)
    if len(value) > ID_LENGTH_MAX:
        raise InvalidId(f"{name} has {len(value)} characters; at most {ID_LENGTH_MAX} are allowed.", pointer=pointer)
    if value != value.strip() or any(c in "/?#" for c in value) or not _is_printable(value):
        raise InvalidId(
            f"{name} holds a character that an id cannot have; use letters, digits, '-', '_', '.' or ':'.",
            pointer=pointer,
        )
    return value


def is_charge_point_id(value: str) -> bool:
    """A charger can present it: 1 to 64 printable characters without spaces around them. Any character may be in it that a
    URL path segment can carry percent-encoded (OCPP-J has the identity in the path)."""
    return 1 <= len(value) <= ID_LENGTH_MAX and _is_printable(value) and value == value.strip()


def checked_name(value: str, name: str = "name", *, length_max: int = NAME_LENGTH_MAX) -> str:
    """`value` itself, if it can be shown to people: 1 to `length_max` printable characters. Raises `InvalidName`."""
    if not value.strip():
        raise InvalidName(f"{name} is empty; enter the name that people will see.", pointer=f"/{name}")
    if len(value) > length_max:
        raise InvalidName(f"{name} has {len(value)} characters; at most {length_max} are allowed.", pointer=f"/{name}")
    if not _is_printable(value):
        raise InvalidName(f"{name} holds a control character; remove it.", pointer=f"/{name}")
    return value


def _is_printable(text: str) -> bool:
    """No control characters and the like; line and paragraph separators may be in it, which Python calls unprintable."""
    return text.isprintable() or not any(unicodedata.category(character).startswith("C") for character in text)


ChargerKey = tuple[TenantId, ChargerId]
