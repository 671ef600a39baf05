"""Specifications: a charger's address, model and freevend switch; identifiers and vehicles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from simulated_charger.behaviour import Behaviour

Payload = dict[str, Any]

OCPP16 = "ocpp1.6"
OCPP201 = "ocpp2.0.1"
OCPP21 = "ocpp2.1"


class IdentifierKind(StrEnum):
    RFID = "rfid"
    MAC = "mac"
    EMAID = "emaid"
    PIN = "pin"
    CENTRAL = "central"  # created by the central system for a remote start
    NONE = "none"  # OCPP 2.x NoAuthorization


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier that a driver or a vehicle presents, as the hardware reads it; the protocol decides its wire format."""

    kind: IdentifierKind
    value: str

    @classmethod
    def rfid(cls, uid: str) -> Identifier:
        return cls(IdentifierKind.RFID, uid)

    @classmethod
    def autocharge(cls, mac: str) -> Identifier:
        return cls(IdentifierKind.MAC, mac)

    @classmethod
    def pin(cls, digits: str) -> Identifier:
        return cls(IdentifierKind.PIN, digits)

    @classmethod
    def emaid(cls, contract: str) -> Identifier:
        return cls(IdentifierKind.EMAID, contract)


NO_AUTHORIZATION = Identifier(IdentifierKind.NONE, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle to plug in. It presents its `mac` (Autocharge) or `emaid` (Plug & Charge) at plug-in."""

    mac: str | None = None
    emaid: str | None = None
    power_w: float = 11_000.0

    def identifier(self) -> Identifier | None:
        if self.emaid is not None:
            return Identifier.emaid(self.emaid)
        return Identifier.autocharge(self.mac) if self.mac is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreevendKey:
    """OCPP 1.6: a vendor key that switches freevend. The defaults are those of MicroOcpp: a start at plug-in without Authorize.

    `authorises_tag`: the charger sends Authorize for the freevend tag (Vestel). `needs_reboot`: a write takes effect at
    the next boot.
    """

    key: str = "Cst_FreeVendActive"
    tag_key: str | None = "Cst_FreeVendIdTag"
    on_value: str = "true"
    off_value: str = "false"
    default_tag: str = "A0000000"
    authorises_tag: bool = False
    needs_reboot: bool = False
    readonly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FreevendVariable:
    """OCPP 2.x: the device model's variable that switches freevend. The standard variable is `AuthCtrlr.Enabled`; false means
    free.
    """

    component: str = "AuthCtrlr"
    variable: str = "Enabled"
    on_value: str = "false"
    off_value: str = "true"
    needs_reboot: bool = False
    readonly: bool = False

    @property
    def key(self) -> str:
        return f"{self.component}.{self.variable}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSpec:
    """One charging station. `url` is the base, `ws://host:port/ocpp`; the charger appends its charge point id.

    If `freevend` is None, the charger has no switch and always sends Authorize. If `local_list_capacity` is 0, it has no local
    list. With `reserves`, it accepts ReserveNow. `settings` overrides factory values by name (1.6 `LocalPreAuthorize`, 2.x
    `AuthCtrlr.LocalPreAuthorize`). `time_compression` multiplies energy only: with 60, a minute of charging counts as an hour.
    `keep_frames`: how many frames the charger keeps; 0 for load generators.
    """

    url: str
    charge_point_id: str
    protocol: str = OCPP16
    password: str | bytes | None = None
    connectors: int = 1
    vendor: str = "Simulated"
    model: str = "SC-1"
    firmware: str = "1.0.0"
    freevend: FreevendKey | FreevendVariable | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    autocharge: bool = True
    has_cache: bool = True
    has_display: bool = True
    reserves: bool = False
    local_list_capacity: int = 48
    local_list_per_message: int = 16
    sample_every_s: float = 60.0
    time_compression: float = 1.0
    call_timeout_s: float = 30.0
    reboot_s: float = 0.0
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 60.0
    keep_frames: int = 100
