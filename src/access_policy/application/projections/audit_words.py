"""The values of domain events in words, by field: the old and new values in the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any

# characters of a value; a longer one is truncated, with a fingerprint to distinguish different values
LENGTH_MAX = 2_000
FINGERPRINT = 12  # hex digits

Words = dict[str, str | None]


def values_of(value: Any, *, without: Collection[str] = ()) -> Words:
    """Return the fields of a dataclass, by name in words; None for a field without a value."""
    return {
        each.name.replace("_", " "): in_words(getattr(value, each.name))
        for each in fields(value)
        if each.name not in without
    }


def in_words(value: Any) -> str | None:
    return None if value is None or value in ((), "", frozenset()) else _cut(_spelled(value))


def _spelled(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():g} s"
        case frozenset() | set():
            return ", ".join(sorted(map(_spelled, value)))
        case tuple() | list():
            return "; ".join(map(_spelled, value)) if any(map(is_dataclass, value)) else ", ".join(map(_spelled, value))
        case Mapping():
            return ", ".join(f"{key}: {_spelled(each)}" for key, each in value.items())
        case _ if is_dataclass(value):
            named = ((name, words) for name, words in values_of(value).items() if words is not None)
            return ", ".join(f"{name} {words}" for name, words in named)
        case _:
            return str(value)


def _cut(text: str) -> str:
    if len(text) <= LENGTH_MAX:
        return text
    fingerprint = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:FINGERPRINT]
    return f"{text[:LENGTH_MAX]}… ({len(text)} characters, fingerprint {fingerprint})"
