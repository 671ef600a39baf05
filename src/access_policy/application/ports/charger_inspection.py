"""Inspection of a connected charger's own settings, without changing any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.domain.capability_profiles.capabilities import DeviceVariable


@dataclass(frozen=True, slots=True)
class SettingSeen:
    """`value` is None if the charger reports no value or an empty one; `writable` is None if it does not say."""

    name: str
    value: str | None
    writable: bool | None


@dataclass(frozen=True, slots=True)
class ChargerSettingsSeen:
    """Settings by lower-case name: configuration keys of 1.6, `Component.Variable` of 2.x. `all_told`: the charger
    reported all its settings, not just those that a profile names."""

    protocol: str
    settings: Mapping[str, SettingSeen]
    all_told: bool


class InspectionCommands(Protocol):
    async def inspect(self, keys: Sequence[str], variables: Sequence[DeviceVariable]) -> ChargerSettingsSeen:
        """Read the charger's settings: the named ones, and all others that it reports. Raises `ChargerDidNotAnswer`."""
        ...
