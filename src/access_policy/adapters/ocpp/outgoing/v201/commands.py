"""Every operation of the application on a connected OCPP 2.0.1 charger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ocpp.v201.call import ClearCache, RequestStartTransaction, RequestStopTransaction, Reset, TriggerMessage
from ocpp.v201.datatypes import IdTokenType
from ocpp.v201.enums import IdTokenEnumType, MessageTriggerEnumType, ResetEnumType

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX, DriverTexts
from access_policy.adapters.ocpp.outgoing.base import VersionCommands
from access_policy.adapters.ocpp.outgoing.calling import call, status_of
from access_policy.adapters.ocpp.outgoing.local_list import ListMessages
from access_policy.adapters.ocpp.outgoing.offline_settings import apply_settings
from access_policy.adapters.ocpp.outgoing.reservations import ReservationMessages
from access_policy.adapters.ocpp.outgoing.v201 import display, reservations, switch, variables
from access_policy.adapters.ocpp.outgoing.v201.local_list import ListMessages201
from access_policy.adapters.ocpp.outgoing.v201.reservations import ReservationMessages201
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import SettingsSeen, StillWanted, Switch, SwitchRefused, Written
from access_policy.application.ports.charger_inspection import ChargerSettingsSeen
from access_policy.application.ports.driver_displays import Displayed
from access_policy.domain.access.denial import Denial
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import DeviceVariable


@dataclass(frozen=True, slots=True)
class Ocpp201Commands(VersionCommands):
    """Commands to one charger. `start_ids` yields the ids of remote starts. OCPP 2.1 has the same messages."""

    texts: DriverTexts
    start_ids: Iterator[int]

    list_messages: ClassVar[ListMessages] = ListMessages201()
    reservation_messages: ClassVar[ReservationMessages] = ReservationMessages201()
    text_max: ClassVar[int] = PERSONAL_MESSAGE_MAX

    # --- mode ------------------------------------------------------------------------------------------------------------

    async def read_switch(self, at: Switch) -> tuple[AccessMode | None, str]:
        return await switch.read_switch(self.connection, self._variable(at))

    async def write_switch(self, at: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
        return await switch.write_switch(self.connection, self._variable(at), mode, wanted)

    async def watch_switch(self, at: DeviceVariable) -> str:
        return await switch.watch_switch(self.connection, at)

    async def reboot(self) -> str:
        """Send Reset OnIdle (B12): the charger waits until no charge is in progress."""
        return await self.reset(Reset(type=ResetEnumType.on_idle), "OnIdle")

    async def make_safe(self, offline: OfflineStarts) -> SettingsSeen:
        return await apply_settings(variables.Variables(self.connection), variables.wanted_settings(offline))

    async def clear_cache(self) -> str:
        return await status_of(self.connection, ClearCache())

    async def set_password(self, password: str) -> None:
        """Set BasicAuthPassword (A01). The charger may need a reboot."""
        result = await variables.set_variable(self.connection, variables.PASSWORD_VARIABLE, password)
        if result.get("attributeStatus") not in ("Accepted", "RebootRequired"):
            raise SwitchRefused("rejected", f"the charger answered {str(result.get('attributeStatus'))[:40]!r}")

    async def trigger_boot(self) -> None:
        """Send TriggerMessage (F06)."""
        await call(self.connection, TriggerMessage(requested_message=MessageTriggerEnumType.boot_notification))

    async def inspect(self, keys: Sequence[str], variables_named: Sequence[DeviceVariable]) -> ChargerSettingsSeen:
        return await variables.inspect(self.connection, variables_named)

    # --- charges ---------------------------------------------------------------------------------------------------------

    async def start_freely(self, connector_id: int) -> str:
        """Send RequestStartTransaction (F01, F02), with a token of the service."""
        asked = RequestStartTransaction(
            evse_id=connector_id,
            remote_start_id=next(self.start_ids),
            id_token=IdTokenType(id_token=self.freevend_tag(), type=IdTokenEnumType.central),
        )
        return await status_of(self.connection, asked, urgency=Urgency.CHARGE)

    async def stop_session(self, transaction_id: str) -> str:
        """Send RequestStopTransaction (F03)."""
        asked = RequestStopTransaction(transaction_id=transaction_id)
        return await status_of(self.connection, asked, urgency=Urgency.CHARGE)

    async def trigger_statuses(self) -> str:
        """Send TriggerMessage for StatusNotification of all connectors (F06)."""
        asked = TriggerMessage(requested_message=MessageTriggerEnumType.status_notification)
        return await status_of(self.connection, asked)

    async def supports_reservations(self) -> bool:
        return await reservations.are_supported(self.connection)

    # --- drivers ---------------------------------------------------------------------------------------------------------

    async def has_display(self) -> bool:
        return await display.has_display(self.connection)

    async def show_denial(
        self, connector_id: int | None, denial: Denial, until: datetime, wanted: StillWanted
    ) -> Displayed:
        text, language = self.texts.denial(denial, length_max=self.text_max)
        status = await display.show(self.connection, connector_id, text, language, until, wanted)
        return Displayed(status, text, language)

    async def clear_denial(self, connector_id: int | None) -> str:
        return await display.clear(self.connection, connector_id)

    def _variable(self, at: Switch) -> DeviceVariable:
        """Return the variable. Raises `SwitchRefused('not_supported')`."""
        if isinstance(at, DeviceVariable):
            return at
        raise self.other_version("configuration keys are OCPP 1.6")
