"""Lenient readers of messages, because real chargers are sloppy, and drivers need an answer anyway.

They are strict about the types of values that decisions depend on, and lenient about everything else (extra fields, long tags,
odd timestamps). For an unusable value they raise the error that the protocol prescribes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from access_policy.adapters.ocpp.errors import ProtocolError, TypeConstraintViolation

Payload = Mapping[str, Any]

TEXT_MAX = 500  # characters kept of a string that a charger reports
_CLOCK_AHEAD_MAX = timedelta(minutes=1)  # how far a charger's clock may be ahead; beyond this, the service's is used
_OLDEST = timedelta(days=400)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,16}")
_NO_ERROR = frozenset({"", "noerror", "none"})


def required_text(payload: Payload, name: str) -> str:
    """Return a string. Raises `ProtocolError` if it is missing, and `TypeConstraintViolation` if it is not a string."""
    value = payload.get(name)
    if value is None:
        raise ProtocolError(f"{name} is missing")
    if not isinstance(value, str):
        raise TypeConstraintViolation(f"{name} must be a string")
    return value


def required_object(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    if value is None:
        raise ProtocolError(f"{name} is missing")
    if not isinstance(value, dict):
        raise TypeConstraintViolation(f"{name} must be an object")
    return value


def text(payload: Payload, name: str) -> str | None:
    """Return the string, cut to `TEXT_MAX`; None for any other value."""
    value = payload.get(name)
    return value[:TEXT_MAX] if isinstance(value, str) else None


def number(payload: Payload, name: str) -> int | None:
    """Return a whole number that every store can hold, even if the charger writes it as a string; None for any other value."""
    value = payload.get(name)
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53:
        return None
    return int(value)


def error_code(payload: Payload) -> str | None:
    """Return `errorCode` of a 1.6 StatusNotification; None for no error, however the charger spells it (`NoError`, 7.6)."""
    code = (text(payload, "errorCode") or "").strip()
    return None if re.sub(r"[^a-z0-9]", "", code.lower()) in _NO_ERROR else code


def obj(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def objects(payload: Payload, name: str) -> list[Payload]:
    """Return the objects of a list; other elements are skipped."""
    values = payload.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def decimal(payload: Payload, name: str) -> float | None:
    """Return a number, or a number written as a string, as in OCPP 1.6; None for any other value."""
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if abs(read) <= 2**53 else None  # NaN is neither greater nor smaller


def instant(payload: Payload, name: str, *, now: datetime) -> datetime:
    """Return the charger's time in UTC; a time without an offset is in UTC (OCPP 1.6, 3.12). An impossible time is replaced by
    `now`.
    """
    value = payload.get(name)
    if not isinstance(value, str):
        return now
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return now
    try:
        at = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (OverflowError, ValueError):
        return now
    return at if now - _OLDEST <= at <= now + _CLOCK_AHEAD_MAX else now
