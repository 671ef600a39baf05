"""Signs of life of the gateways of an installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Heartbeats(Protocol):
    """All methods raise `StoreUnavailable`."""

    async def beat(self, name: str) -> None:
        """The gateway lives."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How often each gateway has beaten, by name; one that does not count on does not beat any more."""
        ...

    async def forget(self, name: str, *, at_count: int | None = None) -> None:
        """The gateway has ended, or has been found to; not if it has beaten beyond `at_count` meanwhile."""
        ...

    async def close(self) -> None: ...
