"""The clock of the machine: the one place where the time is read."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Implements `Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)
