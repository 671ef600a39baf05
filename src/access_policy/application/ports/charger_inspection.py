"""Looking at a connected charger's own settings, without changing any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.ids import ChargerKey


@dataclass(frozen=True, slots=True)
class SettingSeen:
    """`value` None: the charger told none, or an empty one. `writable` None: it does not say."""

    name: str
    value: str | None
    writable: bool | None


@dataclass(frozen=True, slots=True)
class ChargerSettingsSeen:
    """By lower-case name: configuration keys of 1.6, `Component.Variable` of 2.x. `all_told`: the charger was asked for all
    it has, not only for those that a profile names."""

    protocol: str
    settings: Mapping[str, SettingSeen]
    all_told: bool


class InspectsChargers(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """As of `ChargerGateway`."""
        ...

    async def inspect(
        self, key: ChargerKey, keys: Sequence[str], variables: Sequence[DeviceVariable]
    ) -> ChargerSettingsSeen:
        """Read the charger's settings, those named and all others it tells. Raises `ChargerDidNotAnswer`."""
        ...
