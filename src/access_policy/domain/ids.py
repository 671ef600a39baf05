"""Identities, validated once where they enter (`checked_id`) and plain strings afterwards."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
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
EntranceId = NewType("EntranceId", str)
AttemptId = NewType("AttemptId", str)
EnrolmentSessionId = NewType("EnrolmentSessionId", str)
ReservationId = NewType("ReservationId", str)
ReservationGroupId = NewType("ReservationGroupId", str)
EnergyNodeId = NewType("EnergyNodeId", str)
EnvelopeId = NewType("EnvelopeId", str)
ActorId = NewType("ActorId", str)

ID_LENGTH_MAX = 64
NAME_LENGTH_MAX = 200


class InvalidId(Invalid):
    code = "invalid-id"


class InvalidName(Invalid):
    code = "invalid-name"


def checked_id(value: str, name: str) -> str:
    """Return `value` if it can be an identity: 1 to 64 printable characters without `/`, `?`, `#` or outer spaces.

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


def checked_new_id(value: str, name: str, *, reserved: Collection[str] = ()) -> str:
    """Like `checked_id`, but stricter, for newly assigned ids; existing ids stay valid.

    Also raises `InvalidId` for `.` and `..`, which browsers and proxies remove from URLs (RFC 3986, 5.2.4), and for
    `reserved` words, which are used instead of an id in URLs of the API.
    """
    checked_id(value, name)
    if value in (".", ".."):
        raise InvalidId(
            f"{name} {value!r} means a directory in an address, so that no browser can open it; choose another id.",
            pointer=f"/{name}",
        )
    if value in reserved:
        raise InvalidId(
            f"{name} {value!r} is a word of the API's own addresses; choose another id.", pointer=f"/{name}"
        )
    return value


def is_charge_point_id(value: str) -> bool:
    """Whether a charger can present the id: 1 to 64 printable characters without leading or trailing spaces. It may
    contain any character that a URL path segment can carry percent-encoded (OCPP-J has the identity in the path).
    """
    return 1 <= len(value) <= ID_LENGTH_MAX and _is_printable(value) and value == value.strip()


def checked_name(value: str, name: str = "name", *, length_max: int = NAME_LENGTH_MAX) -> str:
    """Return `value` if it can be shown to people: 1 to `length_max` printable characters. Raises `InvalidName`."""
    if not value.strip():
        raise InvalidName(f"{name} is empty; enter the name that people will see.", pointer=f"/{name}")
    if len(value) > length_max:
        raise InvalidName(f"{name} has {len(value)} characters; at most {length_max} are allowed.", pointer=f"/{name}")
    if not _is_printable(value):
        raise InvalidName(f"{name} holds a control character; remove it.", pointer=f"/{name}")
    return value


def _is_printable(text: str) -> bool:
    """Whether the string has no control characters or the like; unlike in Python's definition, line and paragraph
    separators are allowed.
    """
    return text.isprintable() or not any(unicodedata.category(character).startswith("C") for character in text)


ChargerKey = tuple[TenantId, ChargerId]
EntranceKey = tuple[TenantId, DepotId, EntranceId]
