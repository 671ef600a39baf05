"""Read and write the freevend switch of an OCPP 1.6 charger, which is a vendor's configuration key.

ChangeConfiguration and GetConfiguration (1.6, 5.3 and 5.8). All values are strings, and are written in the spelling in which
the charger reports them (ocpp-access-control part A).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ocpp.v16.call import ChangeConfiguration

from access_policy.adapters.ocpp.outgoing.calling import call
from access_policy.adapters.ocpp.outgoing.v16.configuration_keys import read_keys
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused, Written
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, mode_of
from access_policy.domain.capability_profiles.charger_values import spellings, value_text


async def read_switch(connection: ChargerConnection, switch: ConfigurationKey) -> tuple[AccessMode | None, str]:
    key, value = _first_of(await _values(connection, switch.names), switch.names)
    return mode_of(value, switch), f"{key} without a value" if value is None else f"{key}={value}"


async def write_switch(
    connection: ChargerConnection, switch: ConfigurationKey, mode: AccessMode, wanted: StillWanted
) -> Written:
    """Write the tag first, so that no freevend session carries another tag, then the switch in the charger's spelling.

    Only keys that the charger has are written. If the charger spells booleans differently from the profile, the profile's
    spelling is tried first, then the charger's, if it refuses the first or reports another value afterwards.
    """
    value = switch.freevend_value if mode is AccessMode.FREEVEND else switch.managed_value
    present = await _values(connection, (*switch.names, *switch.tag_names))
    key, reported = _first_of(present, switch.names)
    if mode is AccessMode.FREEVEND:
        await _write_tag(connection, switch, present, wanted)
    *tried_first, last = spellings(reported, value)
    for spelling in tried_first:
        try:
            written = await change(connection, key, spelling, wanted)
        except SwitchRefused as refusal:
            if refusal.reason != "rejected":
                raise
        else:
            found = (await _values(connection, [key])).get(key.lower())
            if written is Written.AFTER_REBOOT or mode_of(found, switch) is mode:
                return written
    return await change(connection, key, last, wanted)


async def _write_tag(
    connection: ChargerConnection, switch: ConfigurationKey, present: Mapping[str, str | None], wanted: StillWanted
) -> None:
    tag_key = next((name for name in switch.tag_names if name.lower() in present), None)
    if tag_key is not None and switch.tag is not None and present[tag_key.lower()] != switch.tag:
        await change(connection, tag_key, switch.tag, wanted)


async def change(connection: ChargerConnection, key: str, value: str, wanted: StillWanted | None = None) -> Written:
    """Send ChangeConfiguration. Raises `SwitchRefused`, `ChargerDidNotAnswer` or `NoLongerWanted`."""
    asked = ChangeConfiguration(key=key, value=value)
    status = (await call(connection, asked, urgency=Urgency.MODE, wanted=wanted)).get("status")
    match status:
        case "Accepted":
            return Written.IN_FORCE
        case "RebootRequired":
            return Written.AFTER_REBOOT
        case "NotSupported":
            raise SwitchRefused("not_supported", f"the charger does not know the configuration key {key}")
        case _:
            raise SwitchRefused("rejected", f"the charger answered {str(status)[:40]!r} to {key}={value}")


async def _values(connection: ChargerConnection, keys: Sequence[str]) -> dict[str, str | None]:
    """Return the values by lower-case key, of the keys that the charger has."""
    entries = await read_keys(connection, keys, urgency=Urgency.MODE)
    return {key: value_text(entry.get("value")) for key, entry in entries.items()}


def _first_of(found: Mapping[str, str | None], names: Sequence[str]) -> tuple[str, str | None]:
    """Return the first of `names` that was found, and its value. Raises `SwitchRefused('not_supported')` if none was found."""
    for name in names:
        if name.lower() in found:
            return name, found[name.lower()]
    raise SwitchRefused("not_supported", f"the charger has no configuration key {' or '.join(names)}")
