"""Lenient readers of messages: real chargers are sloppy, and a driver needs an answer all the same.

They are strict about the types of values that decisions depend on, and lenient about everything else (extra fields, long
tags, odd timestamps). An unusable value is reported by the error that the protocol prescribes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from access_policy.adapters.ocpp.errors import ProtocolError, TypeConstraintViolation

Payload = Mapping[str, Any]

TEXT_MAX = 500  # characters kept of any text that a charger reports
_CLOCK_AHEAD_MAX = timedelta(minutes=1)  # of a charger's clock before the service's; beyond, the service's is used
_OLDEST = timedelta(days=400)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,16}")
_NO_ERROR = frozenset({"", "noerror", "none"})


def required_text(payload: Payload, name: str) -> str:
    """Raises `ProtocolError` when it is missing, `TypeConstraintViolation` when it is not a text."""
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
    """The text, cut to `TEXT_MAX`; None for anything else."""
    value = payload.get(name)
    return value[:TEXT_MAX] if isinstance(value, str) else None


def number(payload: Payload, name: str) -> int | None:
    """A whole number that any store can hold, also one that the charger writes as text; None for anything else."""
    value = payload.get(name)
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 2**53:
        return None
    return int(value)


def error_code(payload: Payload) -> str | None:
    """`errorCode` of a 1.6 StatusNotification; None for no error, however the charger writes it (`NoError`, 7.6)."""
    code = (text(payload, "errorCode") or "").strip()
    return None if re.sub(r"[^a-z0-9]", "", code.lower()) in _NO_ERROR else code


def obj(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def objects(payload: Payload, name: str) -> list[Payload]:
    """The objects of a list, without its other elements."""
    values = payload.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def decimal(payload: Payload, name: str) -> float | None:
    """A number written as text, as OCPP 1.6 does, or as a number; None for anything else."""
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if abs(read) <= 2**53 else None  # NaN is neither greater nor smaller


def instant(payload: Payload, name: str, *, now: datetime) -> datetime:
    """The charger's time in UTC; a time without offset is UTC (OCPP 1.6, 3.12). Ours if its is impossible."""
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
