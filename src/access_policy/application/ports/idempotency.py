"""Answers to commands, kept for a day under the caller's Idempotency-Key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """`fingerprint` stands for the request: method, path and body, as `fingerprint_of` makes it."""

    fingerprint: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class IdempotencyRecords(Protocol):
    def fingerprint_of(self, request: bytes) -> str:
        """A keyed hash: a request may hold a PIN, which an unkeyed one would give away to who tries them all."""
        ...

    async def find(self, scope: str, key: str, *, now: datetime) -> StoredAnswer | None:
        """The answer given under the key within the last day. `scope` is the tenant."""
        ...

    async def keep(self, scope: str, key: str, answer: StoredAnswer, *, now: datetime) -> None: ...
