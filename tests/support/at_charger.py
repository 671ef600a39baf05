"""Commands of one charger, for fakes that play several chargers and so take the charger's key."""

from __future__ import annotations

from functools import partial
from typing import Any

from access_policy.domain.ids import ChargerKey


class AtCharger:
    """Each method of `chargers`, with the key of one of them as its first argument."""

    def __init__(self, chargers: object, key: ChargerKey) -> None:
        self._chargers = chargers
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return partial(getattr(self._chargers, name), self._key)
