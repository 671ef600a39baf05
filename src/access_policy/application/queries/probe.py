"""The probe: find the capability profile that fits a connected charger from its settings, read-only
(ocpp-access-control.md A1.3).

A profile fits if the charger has its key or variable and reports the value, and fits best if the charger also reports
that vendor. A charger without any known switch gets the central profile, which is safe with every charger that asks
for authorisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ConnectedChargers
from access_policy.application.ports.charger_inspection import (
    ChargerSettingsSeen,
    InspectionCommands,
    SettingSeen,
)
from access_policy.application.ports.views import Views
from access_policy.domain.capability_profiles.capabilities import (
    CapabilityProfile,
    ConfigurationKey,
    ControlWithoutSwitch,
    DeviceVariable,
    Evidence,
    mode_of,
)
from access_policy.domain.errors import Conflict
from access_policy.domain.ids import ChargerKey

_SPEAKS_OF_ACCESS: Final = re.compile(r"free|vend|plug|auth|pnc", re.IGNORECASE)
_SECRET: Final = re.compile(r"authorizationkey|password|passwd|secret|token$", re.IGNORECASE)


class ChargerNotProbed(Conflict):
    code = "charger-not-probed"


class ProfileMatch(StrEnum):
    FITS = "fits"  # the switch exists and the vendor is the profile's
    MAY_FIT = "may_fit"  # the switch exists
    READ_ONLY = "read_only"  # the switch exists but cannot be written
    UNREADABLE = "unreadable"  # the switch exists but cannot be read back, so that no switching can be verified
    ALWAYS = "always"  # needs no switch on the charger


_ORDER: Final = {
    fit: rank
    for rank, fit in enumerate(
        (ProfileMatch.FITS, ProfileMatch.MAY_FIT, ProfileMatch.ALWAYS, ProfileMatch.READ_ONLY, ProfileMatch.UNREADABLE)
    )
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """`because` lists the reasons for and against the profile, as sentences."""

    profile: CapabilityProfile
    fit: ProfileMatch
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """`candidates` are ordered, best first. `settings` are those that profiles name, and those whose names relate to
    access."""

    protocol: str
    vendor: str | None
    model: str | None
    firmware: str | None
    all_told: bool
    settings: tuple[SettingSeen, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    view: DecisionView
    profiles: CapabilityProfiles
    chargers: ConnectedChargers[InspectionCommands]
    views: Views

    async def __call__(self, key: ChargerKey) -> Probed:
        """Read the charger's settings and propose profiles. Raises `ChargerUnknown`, `ChargerNotProbed` or
        `StoreUnavailable`."""
        self.view.charger(*key)
        if self.chargers.serving_epoch(key) is None:
            raise ChargerNotProbed(f"Charger {key[1]} is not connected, or has only just booted; probe it in a moment.")
        profiles = self.profiles.all(key[0])
        switches = [profile.mode_control for profile in profiles]
        keys = [
            name for each in switches if isinstance(each, ConfigurationKey) for name in (*each.names, *each.tag_names)
        ]
        variables = {each for each in switches if isinstance(each, DeviceVariable)}
        try:
            seen = await self.chargers.commands(key).inspect(list(dict.fromkeys(keys)), sorted(variables, key=_name_of))
        except ChargerDidNotAnswer as silence:
            raise ChargerNotProbed(f"Charger {key[1]} did not answer ({silence}); try again in a moment.") from silence
        row = await self.views.charger(*key) or {}
        says = " ".join(str(row.get(name) or "") for name in ("vendor", "model"))
        return Probed(
            protocol=seen.protocol,
            vendor=row.get("vendor"),
            model=row.get("model"),
            firmware=row.get("firmware"),
            all_told=seen.all_told,
            settings=tuple(_worth_showing(seen, keys)),
            candidates=tuple(candidates_of(profiles, seen, says)),
        )


def candidates_of(profiles: Iterable[CapabilityProfile], seen: ChargerSettingsSeen, says: str) -> list[Candidate]:
    """Return the matching profiles, best first. `says` is the vendor and model that the charger reports at boot."""
    found = [
        candidate
        for profile in profiles
        if seen.protocol in profile.protocols and (candidate := _candidate(profile, seen, says)) is not None
    ]
    return sorted(found, key=lambda each: (_ORDER[each.fit], _trust(each.profile)))


def _candidate(profile: CapabilityProfile, seen: ChargerSettingsSeen, says: str) -> Candidate | None:
    control = profile.mode_control
    if isinstance(control, ControlWithoutSwitch):
        return _without_switch(profile, control, says)
    names = control.names if isinstance(control, ConfigurationKey) else (_name_of(control),)
    setting = next((seen.settings[name.lower()] for name in names if name.lower() in seen.settings), None)
    if setting is None:
        return None
    because = [f"The charger has {setting.name}" + (f" = {setting.value}." if setting.value is not None else ".")]
    mode = mode_of(setting.value, control)
    if setting.value is not None and mode is None:
        because.append(f"Its value is neither {control.managed_value!r} nor {control.freevend_value!r}.")
    is_vendors = _is_of(profile, says)
    if is_vendors:
        because.append(f"It reports that it is a {says.strip()}.")
    if profile.evidence is Evidence.SECOND_HAND:
        because.append("The key is known only from third parties: verify it by plugging in a vehicle.")
    if setting.value is None and mode is None:
        return Candidate(
            profile, ProfileMatch.UNREADABLE, (*because, "It cannot be read back, so no switching could be verified.")
        )
    if setting.writable is False:
        return Candidate(profile, ProfileMatch.READ_ONLY, (*because, "It cannot be written."))
    return Candidate(
        profile, ProfileMatch.FITS if is_vendors or not profile.vendors else ProfileMatch.MAY_FIT, tuple(because)
    )


def _without_switch(profile: CapabilityProfile, control: ControlWithoutSwitch, says: str) -> Candidate | None:
    """Propose only the central profile of those without a switch; a vendor's own ranks before the standard one."""
    if control is not ControlWithoutSwitch.CENTRAL:
        return None
    if profile.vendors:
        return (
            Candidate(profile, ProfileMatch.FITS, (f"It reports that it is a {says.strip()}.",))
            if _is_of(profile, says)
            else None
        )
    return Candidate(
        profile, ProfileMatch.ALWAYS, ("It works with every charger that asks for authorisation before each charge.",)
    )


def _is_of(profile: CapabilityProfile, says: str) -> bool:
    return any(vendor.lower() in says.lower() for vendor in profile.vendors)


def _trust(profile: CapabilityProfile) -> int:
    return (Evidence.OPERATOR, Evidence.VERIFIED, Evidence.STANDARD, Evidence.SECOND_HAND).index(profile.evidence)


def _worth_showing(seen: ChargerSettingsSeen, named: Iterable[str]) -> Iterable[SettingSeen]:
    asked = {name.lower() for name in named}
    for name, setting in sorted(seen.settings.items()):
        if name in asked or _SPEAKS_OF_ACCESS.search(name):
            yield SettingSeen(setting.name, None, setting.writable) if _SECRET.search(name) else setting


def _name_of(variable: DeviceVariable) -> str:
    return f"{variable.component}.{variable.variable}"
