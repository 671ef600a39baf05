"""Read and write an OCPP 1.6 charger's settings by name: its configuration keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ocpp.v16.call import ChangeConfiguration, GetConfiguration

from access_policy.adapters.ocpp.outgoing.calling import call, status_of
from access_policy.adapters.ocpp.outgoing.offline_settings import OFFLINE_STARTS, WantedSettings
from access_policy.adapters.ocpp.outgoing.v16.configuration_keys import Entry, entries_in, read_keys
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.application.ports.charger_inspection import ChargerSettingsSeen, SettingSeen
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.capability_profiles.charger_values import truth, value_text

PASSWORD_KEY: Final = "AuthorizationKey"  # noqa: S105  its name; security whitepaper, 4.3

_ALWAYS: Final[WantedSettings] = {
    "LocalPreAuthorize": "false",
    "StopTransactionOnInvalidId": "true",
}  # 1.6, 9.1 and 9.2


def wanted_settings(offline: OfflineStarts) -> WantedSettings:
    known, unknown = OFFLINE_STARTS[offline]
    return {
        **_ALWAYS,
        "LocalAuthListEnabled": known,
        "LocalAuthorizeOffline": known,
        "AllowOfflineTxForUnknownId": unknown,
    }


class ConfigurationKeys:
    """`ChargerSettings` of OCPP 1.6 (GetConfiguration, 5.8; ChangeConfiguration, 5.3)."""

    def __init__(self, connection: ChargerConnection) -> None:
        self._connection = connection

    async def read(self, names: Collection[str]) -> tuple[dict[str, str | None], frozenset[str]]:
        by_key: dict[str, Entry]
        try:
            by_key = await read_keys(self._connection, list(names), urgency=Urgency.SETTINGS)
        except SwitchRefused:
            by_key = {}
        found = {name: value_text(by_key[name.lower()].get("value")) for name in names if name.lower() in by_key}
        readonly = frozenset(name for name in found if truth(by_key[name.lower()].get("readonly")))
        return found, readonly

    async def write(self, name: str, value: str) -> str:
        asked = ChangeConfiguration(key=name, value=value)
        return (await status_of(self._connection, asked, urgency=Urgency.SETTINGS))[:40]


async def inspect(connection: ChargerConnection, keys: Sequence[str]) -> ChargerSettingsSeen:
    """Return all settings that the charger reports, and `keys`, which are read separately if the charger cut its answer short.
    Raises `ChargerDidNotAnswer`.
    """
    found = await _all(connection)
    missing = [key for key in keys if key.lower() not in found]
    return ChargerSettingsSeen(
        connection.version.subprotocol, found | await _named(connection, missing), all_told=bool(found)
    )


async def _all(connection: ChargerConnection) -> dict[str, SettingSeen]:
    """Return all settings; empty if the charger refuses."""
    try:
        return _seen(entries_in(await call(connection, GetConfiguration())))
    except SwitchRefused:
        return {}


async def _named(connection: ChargerConnection, keys: Sequence[str]) -> dict[str, SettingSeen]:
    try:
        return _seen(await read_keys(connection, keys))
    except SwitchRefused:
        return {}


def _seen(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, SettingSeen]:
    seen = {}
    for name, entry in entries.items():
        value, readonly = value_text(entry.get("value")), truth(entry.get("readonly"))
        seen[name] = SettingSeen(
            entry["key"][:50],
            None if value is None else value[:500],
            None if readonly is None else not readonly,
        )
    return seen
