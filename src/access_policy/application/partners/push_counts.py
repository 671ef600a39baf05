"""Counts of tries to push to partners."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.ports.webhooks import Attempt


@dataclass(slots=True)
class PushCounts:
    """Tries of this process, as plain integers (ADR 0026)."""

    delivered: int = 0
    failed: int = 0

    def count(self, attempt: Attempt) -> None:
        if attempt.is_delivered:
            self.delivered += 1
        else:
            self.failed += 1
