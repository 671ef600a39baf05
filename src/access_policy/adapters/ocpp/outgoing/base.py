"""The operations that are the same in every protocol version, given the messages of one version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from access_policy.adapters.ocpp.outgoing.calling import call
from access_policy.adapters.ocpp.outgoing.local_list import ListMessages, LocalList
from access_policy.adapters.ocpp.outgoing.reservations import ReservationMessages, cancel, reserve
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused
from access_policy.application.ports.charger_reservations import Reserved
from access_policy.application.ports.local_lists import ListState, Sent
from access_policy.domain.capability_profiles.capabilities import REMOTE_START_TAG, CapabilityProfile
from access_policy.domain.identifiers import Identifier

ProfileOf = Callable[[], CapabilityProfile | None]


@dataclass(frozen=True, slots=True)
class VersionCommands:
    """Commands to one charger. `profile` returns the charger's current capability profile."""

    connection: ChargerConnection
    profile: ProfileOf

    list_messages: ClassVar[ListMessages]
    reservation_messages: ClassVar[ReservationMessages]

    async def list_state(self) -> ListState:
        """Return the list's state, with the smaller of the charger's stated limit and its profile's limit."""
        state = await self._list.state()
        profile = self.profile()
        most = profile.list_entries_max if profile is not None else None
        return state if most is None else replace(state, capacity=min(state.capacity, most))

    async def list_version(self) -> int:
        return await self._list.version()

    async def send_list(
        self, state: ListState, version: int, identifiers: Sequence[Identifier], ends: Mapping[Identifier, datetime]
    ) -> Sent:
        return await self._list.replace(state, version, identifiers, ends)

    async def remove_from_list(self, state: ListState, version: int, identifiers: Sequence[Identifier]) -> int:
        return await self._list.remove(state, version, identifiers)

    async def reserve(
        self, number: int, connector_id: int, identifier: Identifier, until: datetime, wanted: StillWanted
    ) -> Reserved:
        token = self.reservation_messages.token(identifier)
        if token is None:
            return Reserved.not_carried(self.connection.version.subprotocol)
        message = self.reservation_messages.reserve(number, connector_id, token, until)
        return await reserve(self.connection, message, wanted)

    async def cancel_reservation(self, number: int) -> str:
        return await cancel(self.connection, self.reservation_messages.cancel(number))

    @property
    def _list(self) -> LocalList:
        return LocalList(self.connection, self.list_messages)

    def freevend_tag(self) -> str:
        """The tag of charges that the service starts in freevend."""
        profile = self.profile()
        return (profile.freevend_tag if profile is not None else None) or REMOTE_START_TAG

    async def reset(self, asked: object, kind: str) -> str:
        """Send Reset and return the status. Raises `SwitchRefused('reboot_refused')` or `ChargerDidNotAnswer`."""
        status = str((await call(self.connection, asked)).get("status"))
        if status not in ("Accepted", "Scheduled"):
            raise SwitchRefused("reboot_refused", f"the charger answered {status[:40]!r} to Reset {kind}")
        return status

    def other_version(self, switches: str) -> SwitchRefused:
        """Return the refusal for a charger that speaks another version than its profile is for."""
        return SwitchRefused(
            "not_supported",
            f"the charger speaks {self.connection.version.subprotocol} and {switches}; give it a profile of its own version",
        )
