"""Write docs/chargers.md from the profile files and their schema."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pydantic import BaseModel

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.ocpp.profiles.schema import ModeControlDefinition, ProfileBody
from access_policy.domain.capability_profiles.capabilities import (
    Autocharge,
    CapabilityProfile,
    ConfigurationKey,
    ControlWithoutSwitch,
    DeviceVariable,
    Evidence,
    Reserves,
)
from access_policy.domain.ids import TenantId

_EVIDENCE = {
    Evidence.STANDARD: "OCPP itself",
    Evidence.VERIFIED: "verified: the vendor's own text or source was read",
    Evidence.SECOND_HAND: "second-hand: try it on a real charger first",
}
_AUTOCHARGE = {
    Autocharge.YES: "yes",
    Autocharge.NO: "no; the service refuses an enrolment session for a MAC",
    Autocharge.UNKNOWN: "unknown; check that the charger supports it before you enrol MACs there",
}
_RESERVES = {
    Reserves.REPORTED: "connectors, if the charger reports that it supports reservations",
    Reserves.CONNECTORS: "connectors",
    Reserves.CHARGER: "the charger as a whole",
    Reserves.NONE: "not on the charger; the service decides",
}
_NOT_KNOWN = (
    "ABB, Tritium, Kempower, Schneider, Delta, EVBox, go-e, Phihong, Siemens, Huawei: no known key; probe the charger and "
    "look for names with free, vend, plug or auth",
    "Bender and ebee (Mennekes and others): a parameter for free charging with a fixed RFID tag exists, but its key is not "
    "known; in its modes without OCPP the charger reports nothing",
    "KEBA P30 and M20: authorisation is switched in the web interface; the charger then starts with its own token",
    "Growatt THOR: `G_ChargerMode` is known, the meaning of its value 3 is not",
    "Enelion, Etrel Inch: a setting at the charger, not over OCPP",
)


def document() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    profiles = ProfileCatalogue.packaged().all(TenantId(""))
    yield "# Chargers"
    yield ""
    yield "The charger models that the service knows. `make docs` generates this file from the profile files; do not edit it."
    yield ""
    yield "`access-policy chargers probe CHARGER` reads a connected charger's settings, changes none, and proposes a profile."
    yield "Add your own profile with `access-policy profile put NAME FILE` or `PUT /v1/profiles/NAME`."
    yield ""
    yield "| profile | chargers | freevend switch | evidence |"
    yield "|---|---|---|---|"
    for profile in profiles:
        evidence = profile.evidence.value.replace("_", "-")
        yield f"| [`{profile.name}`](#{_anchor(profile.name)}) | {profile.title} | {_switched_by(profile)} | {evidence} |"
    yield ""
    yield "## Chargers without a known switch"
    yield ""
    yield "A charger without its own profile works with a central profile if it requests authorisation before each charge."
    yield ""
    yield from (f"- {line}." for line in _NOT_KNOWN)
    for profile in profiles:
        yield from _about(profile)
    yield ""
    yield "## Fields of a profile"
    yield ""
    yield "A profile is a TOML table or a JSON object with these fields."
    yield ""
    yield from _fields(ProfileBody)
    yield ""
    yield "`mode_control` has these:"
    yield ""
    yield from _fields(ModeControlDefinition)


def _about(profile: CapabilityProfile) -> Iterator[str]:
    yield ""
    yield f"## {profile.name}"
    yield ""
    yield f"{profile.title}. {', '.join(each.removeprefix('ocpp').join(('OCPP ', '')) for each in profile.protocols)}."
    yield ""
    yield f"- Freevend: {_switched_by(profile)}"
    yield from (f"- {line}" for line in _switch_details(profile))
    signal = "a status and a message in the depot's language" if profile.personal_message else "only a status"
    signal += ", and on the display if there is one" if profile.display_message else ""
    yield f"- Denial signal: {signal}"
    if profile.denial_error_codes:
        codes = ", ".join(f"`{code}`" for code in sorted(profile.denial_error_codes))
        yield f"- Codes within {profile.denial_window_s:g} s of a denial that are not faults: {codes}"
    if profile.list_entries_max is not None:
        yield f"- Local list: {profile.list_entries_max} entries at most"
    yield f"- Reservations: {_RESERVES[profile.reserves]}"
    yield f"- Autocharge: {_AUTOCHARGE[profile.autocharge]}"
    if profile.base32_macs:
        yield "- Vehicle ids are Base32-encoded"
    if profile.pending_at_boot:
        yield "- After a boot in a managed window the service answers Pending until the mode is applied, for at most a minute"
    yield from (f"- {quirk}" for quirk in profile.quirks)
    yield f"- Evidence: {_EVIDENCE[profile.evidence]} ({profile.source})"


def _switched_by(profile: CapabilityProfile) -> str:
    match profile.mode_control:
        case DeviceVariable() as variable:
            return f"`{variable.component}.{variable.variable}` = `{variable.freevend_value}`"
        case ConfigurationKey() as key:
            return f"`{key.key}` = `{key.freevend_value}`"
        case ControlWithoutSwitch.CENTRAL:
            return "the service's answers; the charger always requests authorisation"
        case ControlWithoutSwitch.REMOTE_START:
            return "a remote start at plug-in"
        case ControlWithoutSwitch.UNSUPPORTED:
            return "none; shown as unsupported"


def _switch_details(profile: CapabilityProfile) -> Iterator[str]:
    control = profile.mode_control
    if isinstance(control, ControlWithoutSwitch):
        return
    yield f"Managed access: `{control.managed_value}`" if control.managed_value else "Managed access: no value"
    if isinstance(control, ConfigurationKey):
        if control.also_called:
            yield f"Other names of the key: {', '.join(f'`{name}`' for name in control.also_called)}"
        if control.tag_key is not None:
            others = "".join(f" or `{name}`" for name in control.tag_also_called)
            yield f"Sessions in freevend carry the tag of `{control.tag_key}`{others}, set to `{control.tag}`"
    if control.needs_reboot:
        yield "A write takes effect after a reboot; the service reboots the charger when no session is running"


def _fields(schema: type[BaseModel]) -> Iterator[str]:
    yield "| field | meaning |"
    yield "|---|---|"
    for name, field in schema.model_fields.items():
        required = " (required)" if field.is_required() else ""
        yield f"| `{name}`{required} | {field.description} |"


def _anchor(heading: str) -> str:
    return heading.replace(".", "")


if __name__ == "__main__":
    sys.stdout.write(document())
