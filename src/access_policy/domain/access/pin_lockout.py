"""PIN lock-out: five wrong PINs within ten minutes lock PINs at a charger for ten minutes (api.md, fine print).

There is one value per charger and source (the charger itself, or a service that sends attempts over HTTP); the caller
passes `now`. The lock applies to the charger and source, not to a PIN: every driver who types a PIN there has to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WRONG_PINS_MAX = 5
WITHIN = timedelta(minutes=10)
LOCKED_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PinLockout:
    """`wrong` are the instants of the latest wrong PINs, ascending; `locked_until` ends the lock, exclusive."""

    wrong: tuple[datetime, ...] = ()
    locked_until: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        return self.locked_until is not None and now < self.locked_until

    def after_wrong_pin(self, at: datetime) -> PinLockout:
        """Return the lock-out after a wrong PIN at `at`. The fifth wrong PIN starts the lock and resets the count."""
        if self.is_locked(at):
            return self
        recent = (*(earlier for earlier in self.wrong if at - earlier < WITHIN), at)
        if len(recent) >= WRONG_PINS_MAX:
            return PinLockout((), at + LOCKED_FOR)
        return PinLockout(recent)
