"""Commands to connected chargers, in the application's terms. The gateway that holds a charger's connection implements
them.

One look-up returns the commands of a charger; each caller declares the few that it needs as a protocol of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.capability_profiles.capabilities import Switch as Switch
from access_policy.domain.ids import ChargerKey

Commands_co = TypeVar("Commands_co", covariant=True)

StillWanted = Callable[[], bool]


class Written(StrEnum):
    """The charger's answer to a write. It proves nothing: read the switch back."""

    IN_FORCE = "in_force"
    AFTER_REBOOT = "after_reboot"


@dataclass(frozen=True, slots=True)
class SettingsSeen:
    """A charger's own settings, by the protocol's names: the value of each setting that reads as wanted, and for each
    other setting the reason why it does not."""

    in_force: Mapping[str, str]
    refused: Mapping[str, str]


class SwitchRefused(Exception):
    """The charger refused the write or does not have the switch. The same write is unlikely to succeed soon.

    `reason` is short and stable (`rejected`, `not_supported`, `read_only`); `detail` is the charger's answer.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class NoLongerWanted(Exception):
    """The mode of the write went out of date while the write was queued; nothing was sent."""


class ChargerDidNotAnswer(Exception):
    """The connection was lost or no answer arrived in time. The charger may have carried out a write: read the switch
    back."""


class ChargerNotConnected(ChargerDidNotAnswer):
    """The charger has no connection to this process; nothing was sent."""


class ConnectedChargers(Protocol[Commands_co]):
    """The chargers that are connected to this process. `Commands_co` are the operations that the port's user needs."""

    def serving_epoch(self, key: ChargerKey) -> int | None:
        """Return a number that grows with each connection and boot of the charger; None while it is not connected, not
        yet booted, or still settling after a boot."""
        ...

    def commands(self, key: ChargerKey) -> Commands_co:
        """Return the operations on the charger, over its current connection. Raises `ChargerNotConnected`."""
        ...


class ModeChargers(ConnectedChargers["ModeCommands"], Protocol):
    """The connected chargers, for the mode controller."""

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        """Like `serving_epoch`, but also set while a booted charger is kept from serving until its mode is in force."""
        ...

    async def let_serve(self, key: ChargerKey) -> None:
        """Let a charger serve that was kept from serving until its mode was in force. Does nothing for any other."""
        ...


class ModeCommands(Protocol):
    async def write_switch(self, at: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
        """Request the charger to be in `mode`, if that is still `wanted` when the write is sent. Raises
        `SwitchRefused`, `ChargerDidNotAnswer` or `NoLongerWanted`."""
        ...

    async def read_switch(self, at: Switch) -> tuple[AccessMode | None, str]:
        """Return the mode that the switch stands for now (None for an absent value or one that stands for neither
        mode), and the raw evidence.

        Raises `SwitchRefused` or `ChargerDidNotAnswer`.
        """
        ...

    async def watch_switch(self, at: DeviceVariable) -> str:
        """Ask the charger to report every change of the switch; return its answer's status. A refusal does no harm,
        because the switch is also read from time to time. Raises `ChargerDidNotAnswer`."""
        ...

    async def reboot(self) -> str:
        """Ask the charger to reboot without ending a charge; return its answer's status, which does not mean that it
        has booted. Raises `SwitchRefused` or `ChargerDidNotAnswer`."""
        ...

    async def make_safe(self, offline: OfflineStarts) -> SettingsSeen:
        """Set who may start without authorisation by the service: no one while the charger is online, and according to
        `offline` while it is offline. Raises `ChargerDidNotAnswer`."""
        ...

    async def clear_cache(self) -> str:
        """Ask the charger to delete cached permissions; return its answer's status. A refusal does no harm: the charger
        may have no cache. Raises `ChargerDidNotAnswer`."""
        ...


class SessionCommands(Protocol):
    async def stop_session(self, transaction_id: str) -> str:
        """Ask the charger to end a charge; return its answer's status, which does not prove that the charge ends.
        Raises `ChargerDidNotAnswer`."""
        ...


class StartCommands(Protocol):
    async def start_freely(self, connector_id: int) -> str:
        """Ask the charger to start a charge without a vehicle's identifier; return its answer's status. Raises
        `ChargerDidNotAnswer`."""
        ...

    async def trigger_statuses(self) -> str:
        """Ask the charger to report the status of all its connectors again. Raises `ChargerDidNotAnswer`."""
        ...


class PasswordCommands(Protocol):
    async def set_password(self, password: str) -> None:
        """Store the charger's password, 40 hex digits, on the charger. Raises `SwitchRefused` or `ChargerDidNotAnswer`."""
        ...
