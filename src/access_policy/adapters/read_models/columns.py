"""The types of the columns. Instants are UTC text that sorts like time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Dialect, String
from sqlalchemy.dialects.postgresql import VARCHAR
from sqlalchemy.types import TypeDecorator

from access_policy.adapters.sql.databases import TEXT

WITH_MICROSECONDS: Final = len("2026-11-20T06:00:00.000000Z")
WITHOUT_MICROSECONDS: Final = len("2026-11-20T06:00:00Z")


def text_of(instant: datetime | None) -> str | None:
    """Format an instant as its column stores it. Raises `ValueError` without an offset."""
    if instant is None:
        return None
    if instant.tzinfo is not UTC:
        if instant.tzinfo is None:
            raise ValueError("an instant without an offset cannot be stored")
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds")[:26] + "Z"


def texts_of(instants: Sequence[datetime | None]) -> list[str | None]:
    """Format many instants like `text_of`. msgspec formats them in C, and writes UTC as `Z`. Offsets are whole minutes, as in
    RFC 3339.
    """
    texts: list[str | None] = msgspec.to_builtins(instants)
    return [
        text if text is None or len(text) == WITH_MICROSECONDS
        else f"{text[:-1]}.000000Z" if len(text) == WITHOUT_MICROSECONDS
        else text_of(instant)  # an offset other than zero, or none
        for text, instant in zip(texts, instants, strict=True)
    ]  # fmt: skip


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as `2026-11-20T06:00:00.000000Z` and read as an aware instant in UTC."""

    impl = String(27).with_variant(VARCHAR(27, collation="C"), "postgresql")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return text_of(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


def key(name: str) -> Column[Any]:
    return Column(name, TEXT, primary_key=True)
