"""Commands sent under the caller's Idempotency-Key: the key is recorded before the command runs, and its answer
afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """`fingerprint` identifies the request (method, path and body), as `fingerprint_of` computes it."""

    fingerprint: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """The caller may run the command. The ids of objects that it creates derive from `seed`: every run of the same
    command under the same key receives the same seed, in this process and in others."""

    seed: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Another holder runs the command and has not answered; its lease has not expired."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class UsedOtherwise:
    """The key belongs to a request with another fingerprint."""


class IdempotencyRecords(Protocol):
    """All methods raise `StoreUnavailable`. `scope` is the tenant."""

    def fingerprint_of(self, request: bytes) -> str:
        """Return a keyed hash: a request may contain a PIN, which an unkeyed hash would reveal to anyone who tries all
        PINs."""
        ...

    async def begin(
        self, scope: str, key: str, fingerprint: str, *, holder: str, now: datetime
    ) -> Begun | UnderWay | UsedOtherwise | StoredAnswer:
        """Record that `holder` runs the command of the key, unless it was answered within the last day or another
        holder runs it. Atomic: if several callers begin at once, one receives `Begun`."""
        ...

    async def find(self, scope: str, key: str, *, now: datetime) -> StoredAnswer | None:
        """Return the answer given under the key within the last day."""
        ...

    async def keep(self, scope: str, key: str, answer: StoredAnswer, *, now: datetime) -> None:
        """Record the answer and end the begun command."""
        ...

    async def release(self, scope: str, key: str, *, holder: str) -> None:
        """Release the command, which `holder` gives up without an answer. The seed stays, because the command may have
        had its effect."""
        ...

    async def forget(self, scope: str, key: str, *, holder: str) -> None:
        """Like `release`, for a command that certainly had no effect: the key may be used for another request."""
        ...
