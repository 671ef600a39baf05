"""Limit how often connections of one identity may replace each other.

A charger whose connection was lost unnoticed replaces its own dead connection, so the newest one wins. But two devices with the
same identity and password would replace each other for ever, and so would one device that connects in a loop; each replacement
is recorded. Credentials are verified before this check, so a stranger cannot use up the charger's allowance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final = 10
ONE_MORE_AFTER_S: Final = 30.0


@dataclass(slots=True)
class Takeovers:
    monotonic: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict)  # as if replacements had come every `ONE_MORE_AFTER_S`

    def is_too_many(self, identity: str) -> bool:
        """Tell whether one more replacement would be too many now."""
        return self._until.get(identity, 0.0) - self.monotonic() > (AT_ONCE - 1) * ONE_MORE_AFTER_S

    def happened(self, identity: str) -> None:
        now = self.monotonic()
        self._until[identity] = max(now, self._until.get(identity, now)) + ONE_MORE_AFTER_S
