"""Instants on the wire."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: object) -> datetime | None:
    """Parse an RFC 3339 instant, which is UTC if it has no offset. Return None if it is absent or invalid."""
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant


def required_instant(text: object) -> datetime:
    """Like `parse_instant`. Raise ValueError for an absent or invalid instant."""
    instant = parse_instant(text)
    if instant is None:
        raise ValueError(f"{text!r} is not an instant")
    return instant
