"""A capability profile in words: how the service switches such a charger, and how well that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from access_policy.application.queries.probe import ProfileMatch
from access_policy.domain.capability_profiles.capabilities import (
    Autocharge,
    CapabilityProfile,
    ConfigurationKey,
    ControlWithoutSwitch,
    DeviceVariable,
    Evidence,
    ModeControl,
)
from access_policy.entrypoints.http.console.words import protocol_in_words

FITS: Final[Mapping[str, str]] = {
    ProfileMatch.FITS: "Fits",
    ProfileMatch.MAY_FIT: "May fit",
    ProfileMatch.READ_ONLY: "Cannot be written",
    ProfileMatch.UNREADABLE: "Cannot be read back",
    ProfileMatch.ALWAYS: "Works with every charger that asks for authorisation",
}

_EVIDENCE: Final[Mapping[str, str]] = {
    Evidence.STANDARD: "Specified by OCPP itself.",
    Evidence.VERIFIED: "Verified in the vendor’s own text or source code.",
    Evidence.SECOND_HAND: "Known second-hand only: try it on a real charger first.",
    Evidence.OPERATOR: "Your own profile.",
}
_AUTOCHARGE: Final[Mapping[str, str]] = {
    Autocharge.YES: "It supports Autocharge: if it is switched on, a vehicle presents its own MAC at plug-in.",
    Autocharge.NO: "It does not support Autocharge: it never presents a vehicle’s MAC, so give each vehicle a card as well.",
    Autocharge.UNKNOWN: "It is not known whether it supports Autocharge: try it with a vehicle before you rely on MACs here.",
}
_WITHOUT_SWITCH: Final[Mapping[ControlWithoutSwitch, str]] = {
    ControlWithoutSwitch.CENTRAL: (
        "The charger asks the service before each charge, in both modes. In freevend the service allows everyone; the charger "
        "itself is not switched."
    ),
    ControlWithoutSwitch.REMOTE_START: (
        "In freevend the service starts each charge by itself when a cable is plugged in. In managed mode the charger asks "
        "before each charge."
    ),
    ControlWithoutSwitch.UNSUPPORTED: "The service can neither switch such a charger nor answer for it in freevend.",
}


@dataclass(frozen=True, slots=True)
class ProfileMeaning:
    """The meaning of a profile. `how` says how the mode is switched, and `autocharge` whether vehicles present their
    MAC; `quirks` are sentences."""

    name: str
    title: str
    protocols: str
    how: str
    autocharge: str
    evidence: str
    quirks: tuple[str, ...]

    @classmethod
    def of(cls, profile: CapabilityProfile) -> ProfileMeaning:
        return cls(
            name=profile.name,
            title=profile.title,
            protocols=", ".join(map(protocol_in_words, profile.protocols)),
            how=_how(profile.mode_control),
            autocharge=_AUTOCHARGE[profile.autocharge],
            evidence=_EVIDENCE[profile.evidence],
            quirks=profile.quirks,
        )


def _how(control: ModeControl) -> str:
    match control:
        case DeviceVariable():
            name, kind = f"{control.component}.{control.variable}", "variable"
        case ConfigurationKey():
            name, kind = control.key, "configuration key"
        case _:
            return _WITHOUT_SWITCH[control]
    values = f"{_value(control.managed_value)} for managed and {_value(control.freevend_value)} for freevend"
    restart = " The charger restarts after each switch." if control.needs_reboot else ""
    return f"The service switches the charger itself, by its {kind} {name}: {values}.{restart}"


def _value(text: str) -> str:
    return f"“{text}”" if text else "empty"
