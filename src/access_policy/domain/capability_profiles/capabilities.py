"""What a charger model can do: how freevend is switched on it, how its tags are read, what follows a refusal (design 2).

Profiles are data: adapters read them from files, and operators add their own. This module contains no protocol code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.charger_values import same_value, value_text


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceVariable:
    """OCPP 2.x: a variable of the device model, `AuthCtrlr.Enabled` in the standard. Values are compared
    case-insensitively.
    """

    component: str
    variable: str
    managed_value: str
    freevend_value: str
    needs_reboot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationKey:
    """OCPP 1.6: a vendor's key. `tag_key` is the key for the tag that freevend sessions carry, `tag` the value that the
    service sets. `also_called` and `tag_also_called` are names of the same keys in other firmware versions; the service
    uses the name that the charger has.
    """

    key: str
    managed_value: str
    freevend_value: str
    also_called: tuple[str, ...] = ()
    tag_key: str | None = None
    tag_also_called: tuple[str, ...] = ()
    tag: str | None = None
    needs_reboot: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.key, *self.also_called)

    @property
    def tag_names(self) -> tuple[str, ...]:
        return () if self.tag_key is None else (self.tag_key, *self.tag_also_called)


# for charges that we start at plug-in; cannot be a card's tag, because those are hexadecimal
REMOTE_START_TAG = "FREEVEND"


class ControlWithoutSwitch(StrEnum):
    CENTRAL = "central"  # the charger always asks; freevend is answered here
    REMOTE_START = "remote_start"  # freevend by starting at plug-in
    UNSUPPORTED = "unsupported"


Switch = DeviceVariable | ConfigurationKey
ModeControl = Switch | ControlWithoutSwitch


def mode_of(value: object, switch: Switch) -> AccessMode | None:
    """Return the mode for a value that was read back; None if it is unknown, as for an absent or empty value.

    If the empty value is one of the two (a key that contains the freevend tag), emptiness is the switch: an absent value
    counts as empty, because OCPP 1.6 omits the value of a key that is not set, and any other value means the other mode.
    """
    values = {AccessMode.MANAGED: switch.managed_value, AccessMode.FREEVEND: switch.freevend_value}
    for mode, wanted in values.items():
        other = AccessMode.FREEVEND if mode is AccessMode.MANAGED else AccessMode.MANAGED
        if wanted == "":
            return mode if value_text(value) is None else other
    exact = (value_text(value) or "").lower()
    for mode, wanted in values.items():
        if exact and exact == wanted.strip().lower():
            return mode
    return next((mode for mode, wanted in values.items() if same_value(value, wanted)), None)


def mode_control_name(control: ModeControl) -> str:
    match control:
        case DeviceVariable():
            return "device_variable"
        case ConfigurationKey():
            return "configuration_key"
        case ControlWithoutSwitch():
            return control.value


class Evidence(StrEnum):
    STANDARD = "standard"  # OCPP itself says so
    VERIFIED = "verified"  # the vendor's own text or source code was read
    SECOND_HAND = "second_hand"  # another person's report: try it on a real charger first
    OPERATOR = "operator"  # added by an operator


class Autocharge(StrEnum):
    """Whether chargers of a family read a plugged-in vehicle's own id and present it as an identifier of kind `mac`."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  # differs by charger, or unknown for the family


class Reserves(StrEnum):
    """The parts of a charger that ReserveNow can keep for a holder."""

    REPORTED = "reported"  # connectors, if the charger reports that it supports reservations
    CONNECTORS = "connectors"  # each by its number (1.6), or by its EVSE (2.x)
    CHARGER = "charger"  # the charger as a whole only: connector 0 (1.6), no EVSE (2.x)
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityProfile:
    """The capabilities of a charger family. The schema of profile files (`adapters.ocpp.profiles.schema`) explains each
    field for operators.
    """

    name: str
    title: str
    protocols: tuple[str, ...]
    mode_control: ModeControl
    vendors: tuple[str, ...] = ()
    tags_are: str = "rfid"
    base32_macs: bool = False
    # if False, the service does not send ClearCache: the charger has no cache, and the call may delete other data
    has_cache: bool = True
    autocharge: Autocharge = Autocharge.UNKNOWN
    personal_message: bool = False
    display_message: bool = False
    pending_at_boot: bool = False
    denial_error_codes: frozenset[str] = field(default_factory=frozenset)
    denial_window_s: float = 30.0
    settle_s: float = 0.0
    list_entries_max: int | None = None
    reserves: Reserves = Reserves.REPORTED
    quirks: tuple[str, ...] = ()
    evidence: Evidence = Evidence.OPERATOR
    source: str = ""

    @property
    def freevend_tag(self) -> str | None:
        """Return the tag that such a charger's freevend sessions carry. It does not identify a vehicle."""
        if self.mode_control is ControlWithoutSwitch.REMOTE_START:
            return REMOTE_START_TAG
        return self.mode_control.tag if isinstance(self.mode_control, ConfigurationKey) else None

    def is_freevend_tag(self, tag: str) -> bool:
        expected = self.freevend_tag
        return expected is not None and tag.strip().upper() == expected.upper()
