"""Wake-ups: processes on one store notify each other that the log has grown, so that followers need not wait for a poll."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class WakeUps(Protocol):
    """Best effort: a wake-up may be lost, late, or duplicated. Followers also poll."""

    def appended(self, types: frozenset[str]) -> None:
        """Wake the other processes: this one has committed events of these types. Return at once."""
        ...

    def listen(self, woken: Callable[[frozenset[str]], None]) -> None:
        """Call `woken` on the event loop with the types that another process has committed. An empty set means that the
        types are unknown."""
        ...

    async def run(self) -> None:
        """Send and receive until cancelled. Failures are logged and retried with a backoff."""
        ...
