"""Every operation of the application on a connected OCPP 1.6 charger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ocpp.v16.call import ClearCache, RemoteStartTransaction, RemoteStopTransaction, Reset, TriggerMessage
from ocpp.v16.enums import MessageTrigger, ResetType

from access_policy.adapters.ocpp.outgoing.base import VersionCommands
from access_policy.adapters.ocpp.outgoing.calling import call, status_of
from access_policy.adapters.ocpp.outgoing.local_list import ListMessages
from access_policy.adapters.ocpp.outgoing.offline_settings import apply_settings
from access_policy.adapters.ocpp.outgoing.reservations import ReservationMessages
from access_policy.adapters.ocpp.outgoing.v16 import reservations, settings, switch
from access_policy.adapters.ocpp.outgoing.v16.local_list import ListMessages16
from access_policy.adapters.ocpp.outgoing.v16.reservations import ReservationMessages16
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import SettingsSeen, StillWanted, Switch, Written
from access_policy.application.ports.charger_inspection import ChargerSettingsSeen
from access_policy.application.ports.driver_displays import Displayed
from access_policy.domain.access.denial import Denial
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable

_NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True)
class Ocpp16Commands(VersionCommands):
    list_messages: ClassVar[ListMessages] = ListMessages16()
    reservation_messages: ClassVar[ReservationMessages] = ReservationMessages16()

    # --- mode ------------------------------------------------------------------------------------------------------------

    async def read_switch(self, at: Switch) -> tuple[AccessMode | None, str]:
        return await switch.read_switch(self.connection, self._key(at))

    async def write_switch(self, at: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
        return await switch.write_switch(self.connection, self._key(at), mode, wanted)

    async def watch_switch(self, at: DeviceVariable) -> str:
        """Report that 1.6 has no monitors."""
        return _NOT_SUPPORTED

    async def reboot(self) -> str:
        """Send Reset Soft (5.14). It ends charges that are in progress."""
        return await self.reset(Reset(type=ResetType.soft), "Soft")

    async def make_safe(self, offline: OfflineStarts) -> SettingsSeen:
        return await apply_settings(settings.ConfigurationKeys(self.connection), settings.wanted_settings(offline))

    async def clear_cache(self) -> str:
        return await status_of(self.connection, ClearCache())

    async def set_password(self, password: str) -> None:
        """Set AuthorizationKey (security whitepaper, 4.3). The charger may need a reboot."""
        await switch.change(self.connection, settings.PASSWORD_KEY, password)

    async def trigger_boot(self) -> None:
        """Send TriggerMessage (5.17)."""
        await call(self.connection, TriggerMessage(requested_message=MessageTrigger.boot_notification))

    async def inspect(self, keys: Sequence[str], variables: Sequence[DeviceVariable]) -> ChargerSettingsSeen:
        return await settings.inspect(self.connection, keys)

    # --- charges ---------------------------------------------------------------------------------------------------------

    async def start_freely(self, connector_id: int) -> str:
        """Send RemoteStartTransaction (5.11)."""
        asked = RemoteStartTransaction(id_tag=self.freevend_tag(), connector_id=connector_id)
        return await status_of(self.connection, asked, urgency=Urgency.CHARGE)

    async def stop_session(self, transaction_id: str) -> str:
        """Send RemoteStopTransaction (5.12)."""
        asked = RemoteStopTransaction(transaction_id=int(transaction_id))
        return await status_of(self.connection, asked, urgency=Urgency.CHARGE)

    async def trigger_statuses(self) -> str:
        """Send TriggerMessage for StatusNotification of all connectors (5.17)."""
        return await status_of(self.connection, TriggerMessage(requested_message=MessageTrigger.status_notification))

    async def supports_reservations(self) -> bool:
        return await reservations.are_supported(self.connection)

    # --- drivers ---------------------------------------------------------------------------------------------------------

    async def has_display(self) -> bool:
        """Return False: 1.6 has no messages for displays."""
        return False

    async def show_denial(
        self, connector_id: int | None, denial: Denial, until: datetime, wanted: StillWanted
    ) -> Displayed:
        return Displayed(_NOT_SUPPORTED, "", denial.language)

    async def clear_denial(self, connector_id: int | None) -> str:
        return _NOT_SUPPORTED

    def _key(self, at: Switch) -> ConfigurationKey:
        """Return the key. Raises `SwitchRefused('not_supported')`."""
        if isinstance(at, ConfigurationKey):
            return at
        raise self.other_version("device variables are OCPP 2.x")
