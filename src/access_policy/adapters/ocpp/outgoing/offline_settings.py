"""The charger's settings that decide which vehicles may start without asking the service (ocpp-access-control parts A1.4, A2,
D6).

Only settings that differ are written, one at a time (bulk writes have made chargers unusable), and a write counts once the
charger reports the new value. A setting that the charger does not have, or refuses to change, is reported but is not a failure,
because some chargers have no local list and no cache.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from access_policy.application.ports.charger_gateway import SettingsSeen
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.capability_profiles.charger_values import same_value, spellings

WantedSettings = Mapping[str, str]
"""Values by the protocol's names."""

OFFLINE_STARTS: Final[Mapping[OfflineStarts, tuple[str, str]]] = {
    OfflineStarts.CLOSED: ("false", "false"),
    OfflineStarts.LIST: ("true", "false"),
    OfflineStarts.OPEN: ("true", "true"),
}
"""While the charger is offline: whether known identifiers may start, and whether unknown ones may."""


class ChargerSettings(Protocol):
    """The settings of one charger, in one protocol version."""

    async def read(self, names: Collection[str]) -> tuple[dict[str, str | None], frozenset[str]]:
        """Return the values by name, without settings that the charger does not have, and the names of read-only settings.
        Raises `ChargerDidNotAnswer`.
        """
        ...

    async def write(self, name: str, value: str) -> str:
        """Write a setting and return the charger's answer: `Accepted` or a refusal. Raises `ChargerDidNotAnswer`."""
        ...


async def apply_settings(settings: ChargerSettings, wanted: WantedSettings) -> SettingsSeen:
    """Write the settings that differ from `wanted`, and return the settings that the charger then reports. Raises
    `ChargerDidNotAnswer`.
    """
    found, readonly = await settings.read(wanted)
    refused = {name: "not there" for name in wanted if name not in found}
    differing = {name: value for name, value in wanted.items() if name in found and not same_value(found[name], value)}
    for name, value in differing.items():
        answer = "read-only" if name in readonly else await _written(settings, name, spellings(found[name], value))
        if answer != "Accepted":
            refused[name] = answer
    seen = (await settings.read(wanted))[0] if differing else found
    in_force = {name: value or "" for name, value in seen.items() if name in wanted and same_value(value, wanted[name])}
    for name in differing.keys() - in_force.keys() - refused.keys():
        value_seen = seen.get(name)
        refused[name] = f"accepted, but reads {value_seen!r}" if value_seen else "accepted, but reads no value"
    return SettingsSeen(in_force=in_force, refused={name: why for name, why in refused.items() if name not in in_force})


async def _written(settings: ChargerSettings, name: str, values: tuple[str, ...]) -> str:
    """Return the charger's answer to the first of `values` that it accepts, or to the last one."""
    answer = ""
    for value in values:
        answer = await settings.write(name, value)
        if answer == "Accepted":
            break
    return answer
