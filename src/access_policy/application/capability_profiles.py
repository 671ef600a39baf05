"""What a charger model can do: how freevend is switched on it, how its tags are read, what follows a refusal (design 2).

Profiles are data: adapters read them from files, operators may put their own. Nothing here is protocol code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceVariable:
    """OCPP 2.x: a variable of the device model, `AuthCtrlr.Enabled` by standard. Values are compared without case."""

    component: str
    variable: str
    managed_value: str
    freevend_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationKey:
    """OCPP 1.6: a vendor's key. `tag_key` is the key of the tag that freevend sessions carry, `tag` what we set it to."""

    key: str
    managed_value: str
    freevend_value: str
    tag_key: str | None = None
    tag: str | None = None
    needs_reboot: bool = False


class ControlWithoutSwitch(StrEnum):
    CENTRAL = "central"  # the charger always asks; freevend is answered here
    REMOTE_START = "remote_start"  # freevend by starting at plug-in
    UNSUPPORTED = "unsupported"


ModeControl = DeviceVariable | ConfigurationKey | ControlWithoutSwitch


def mode_control_name(control: ModeControl) -> str:
    match control:
        case DeviceVariable():
            return "device_variable"
        case ConfigurationKey():
            return "configuration_key"
        case ControlWithoutSwitch():
            return control.value


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityProfile:
    """`denial_error_codes` are the error codes (1.6 errorCode or vendorErrorCode; 2.x connector status) by which this
    model shows a refusal; one that follows a denial on the same connector within `denial_window_s` seconds is no fault.

    `tags_are` says how a bare tag is read: `rfid`, `pin` or `other` (a `VID:` prefix always makes it a `mac`).
    `personal_message`: the model takes a text for the driver in the answer. `pending_at_boot`: it may be kept Pending after
    a boot until its mode is in force, and leaves that state well.
    """

    name: str
    title: str
    protocols: tuple[str, ...]
    mode_control: ModeControl
    tags_are: str = "rfid"
    personal_message: bool = False
    pending_at_boot: bool = False
    denial_error_codes: frozenset[str] = field(default_factory=frozenset)
    denial_window_s: float = 30.0
    settle_s: float = 0.0
    source: str = ""


class CapabilityProfiles(Protocol):
    def get(self, name: str) -> CapabilityProfile | None: ...

    def all(self) -> tuple[CapabilityProfile, ...]: ...
