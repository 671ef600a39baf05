"""Slow down password guessing without locking out the charger whose password is guessed. Failures are counted by identity and
source address, so the charger at its own address is not affected.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

FAILURES_MAX: Final = 10  # wrong passwords for one identity from one address
SOURCE_FAILURES_MAX: Final = 200  # from one address, for identities never let in from there
WITHIN_S: Final = 600.0
REMEMBERED_MAX: Final = 50_000

Key = tuple[str, str | None]  # address and identity; None: the address as a whole


@dataclass(slots=True)
class _Failures:
    since: float
    count: int = 0


@dataclass(slots=True)
class GuessLimit:
    """Limits guesses. If `counts_repetitions` is False, repeated failures of one identity from the same address are one
    guess.
    """

    monotonic: Callable[[], float] = time.monotonic
    counts_repetitions: bool = True
    _failures: OrderedDict[Key, _Failures] = field(default_factory=OrderedDict)
    _at_home: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    def retry_after_s(self, source: str, identity: str) -> int | None:
        """Return the seconds until this address may try this identity again; None if it may now."""
        if (waits := self._wait_s((source, identity), FAILURES_MAX)) is not None:
            return waits
        if (source, identity) in self._at_home:
            return None
        return self._wait_s((source, None), SOURCE_FAILURES_MAX)

    def failed(self, source: str, identity: str) -> None:
        if not self.counts_repetitions and self._wait_s((source, identity), 1) is not None:
            return
        for key in ((source, identity), (source, None)):
            now = self.monotonic()
            failures = self._failures.get(key)
            if failures is None or now - failures.since >= WITHIN_S:
                failures = self._failures[key] = _Failures(now)
            failures.count += 1
            self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED_MAX:
            self._failures.popitem(last=False)

    def let_in(self, source: str, identity: str) -> None:
        self._failures.pop((source, identity), None)
        self._at_home[source, identity] = None
        self._at_home.move_to_end((source, identity))
        while len(self._at_home) > REMEMBERED_MAX:
            self._at_home.popitem(last=False)

    def _wait_s(self, key: Key, at_most: int) -> int | None:
        failures = self._failures.get(key)
        if failures is None or failures.count < at_most:
            return None
        left = WITHIN_S - (self.monotonic() - failures.since)
        return max(1, round(left)) if left > 0 else None
