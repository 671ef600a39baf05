"""What the mode-control loop needs of chargers, in our words. The gateway that holds a charger's connection implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.capability_profiles.capabilities import Switch as Switch
from access_policy.domain.ids import ChargerKey

StillWanted = Callable[[], bool]


class Written(StrEnum):
    """What the charger said to a write. Neither is proof: read back."""

    IN_FORCE = "in_force"
    AFTER_REBOOT = "after_reboot"


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """A charger's own settings, by the protocol's names: those that read as they should, and those that do not, with why."""

    in_force: Mapping[str, str]
    refused: Mapping[str, str]


class SwitchRefused(Exception):
    """The charger refused the write or does not have the switch. Sending the same again is of little use soon.

    `reason` is short and stable (`rejected`, `not_supported`, `read_only`), `detail` what the charger said.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class NoLongerWanted(Exception):
    """While the write waited for its turn its mode went out of date; nothing was sent."""


class ChargerDidNotAnswer(Exception):
    """The connection was lost or no answer came in time. Whether a write took effect is not known: read back."""


class ChargerGateway(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """A number that grows with each connection and boot of the charger; None while it is not connected, not yet
        booted, or still settling after a boot."""
        ...

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        """As `serving_epoch`, and also while a booted charger is kept from serving until its mode is in force."""
        ...

    async def let_serve(self, key: ChargerKey) -> None:
        """Its mode is in force: a charger kept from serving is let go. Nothing happens to any other."""
        ...

    async def write_switch(self, key: ChargerKey, switch: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
        """Ask the charger to be in `mode`, if that is still `wanted` when it is the write's turn. Raises `SwitchRefused`,
        `ChargerDidNotAnswer` or `NoLongerWanted`."""
        ...

    async def read_switch(self, key: ChargerKey, switch: Switch) -> tuple[AccessMode | None, str]:
        """The mode that the switch stands for now, None for an absent value or one that stands for neither, and the raw
        evidence.

        Raises `SwitchRefused` or `ChargerDidNotAnswer`.
        """
        ...

    async def watch_switch(self, key: ChargerKey, switch: DeviceVariable) -> str:
        """Ask the charger to tell every change of the switch by itself; returns its answer's status. A refusal is fine:
        the switch is read from time to time. Raises `ChargerDidNotAnswer`."""
        ...

    async def reboot(self, key: ChargerKey) -> str:
        """Ask the charger to reboot without ending a charge; returns its answer's status, which is no boot yet. Raises
        `SwitchRefused` or `ChargerDidNotAnswer`."""
        ...

    async def make_safe(self, key: ChargerKey, offline: OfflineStarts) -> SettingsSeen:
        """Set who may start without asking us: nobody while the charger can ask, and by `offline` while it cannot. Raises
        `ChargerDidNotAnswer`."""
        ...

    async def clear_cache(self, key: ChargerKey) -> str:
        """Let the charger forget earlier permissions; returns its answer's status. A refusal is fine: there may be no
        cache. Raises `ChargerDidNotAnswer`."""
        ...


class ChargesUnderWay(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """As of `ChargerGateway`."""
        ...

    async def stop_session(self, key: ChargerKey, transaction_id: str) -> str:
        """Ask the charger to end a charge; returns its answer's status, which is no proof that it ends. Raises
        `ChargerDidNotAnswer`."""
        ...


class StartsCharges(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """As of `ChargerGateway`."""
        ...

    async def start_freely(self, key: ChargerKey, connector_id: int) -> str:
        """Ask the charger to start a charge that nobody is named for; returns its answer's status. Raises
        `ChargerDidNotAnswer`."""
        ...

    async def ask_for_statuses(self, key: ChargerKey) -> str:
        """Ask the charger to say again what is at its connectors. Raises `ChargerDidNotAnswer`."""
        ...


class PasswordsOnChargers(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """As of `ChargerGateway`."""
        ...

    async def set_password(self, key: ChargerKey, password: str) -> None:
        """Write the charger's password, 40 hex digits, on the charger. Raises `SwitchRefused` or `ChargerDidNotAnswer`."""
        ...
