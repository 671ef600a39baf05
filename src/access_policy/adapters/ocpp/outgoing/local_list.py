"""Send a charger's local list over OCPP: SendLocalList and GetLocalListVersion (1.6, 5.10 and 5.15; 2.x, D01 and D02).

A Full update replaces the list; a Differential update adds entries to it or, for entries without a status, removes them. Each
message has a new version, greater than the one before; 0 is never used. Entries that do not fit in one message follow in
Differential updates.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from access_policy.adapters.ocpp.outgoing.calling import call
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.application.ports.local_lists import ListNotKept, ListState, Sent
from access_policy.domain.capability_profiles.charger_values import value_text
from access_policy.domain.identifiers import Identifier

log = logging.getLogger(__name__)

CAPACITY_UNSTATED: Final = 100  # entries, for a charger that does not state its limit
PER_MESSAGE_UNSTATED: Final = 20
SPELLING: Final = 1  # of entries: increasing it makes the service send every list again
FULL: Final = "Full"
DIFFERENTIAL: Final = "Differential"


Ends = Mapping[Identifier, datetime]
_WITHOUT_END: Final[Ends] = {}


class ListMessages(Protocol):
    """The messages of one protocol version. `version_field` is the name of the version in an answer."""

    version_field: str

    def entry(self, identifier: Identifier, *, allowed: bool, until: datetime | None = None) -> object | None:
        """Return an entry valid until `until`, exclusive; None for an identifier that the protocol cannot carry in a list."""
        ...

    def send(self, version: int, update: str, entries: list[Any]) -> object: ...

    def version(self) -> object: ...

    async def limits(self, connection: ChargerConnection) -> tuple[int | None, int | None]:
        """Return the entries of a list and of a message; None for a limit that the charger does not state."""
        ...


class LocalList:
    """The list of one connected charger, and the port's operations on it."""

    def __init__(self, connection: ChargerConnection, messages: ListMessages) -> None:
        self._connection = connection
        self._messages = messages

    async def state(self) -> ListState:
        version = await self.version()
        capacity, per_message = await self._messages.limits(self._connection)
        form = f"{self._connection.version.subprotocol}/{SPELLING}"
        return ListState(version, capacity or CAPACITY_UNSTATED, per_message or PER_MESSAGE_UNSTATED, form)

    async def version(self) -> int:
        answer = await request(self._connection, self._messages.version())
        stated = value_text(answer.get(self._messages.version_field)) or ""
        if not (stated.isascii() and stated.isdigit() and len(stated) <= 18):  # -1: no local lists (1.6, 5.10)
            raise ListNotKept(f"it reports list version {stated[:20] or None}")
        return int(stated)

    async def replace(
        self, state: ListState, version: int, identifiers: Sequence[Identifier], ends: Ends = _WITHOUT_END
    ) -> Sent:
        listable = [each for each in identifiers if self._messages.entry(each, allowed=True) is not None]
        taken = list(listable[: state.per_message])
        await self._send(version, FULL, taken, allowed=True, ends=ends)
        for part in _parts(listable[state.per_message :], state.per_message):
            try:
                await self._send(version + 1, DIFFERENTIAL, part, allowed=True, ends=ends)
            except ListNotKept as reason:  # it is full: the list is as it was before this message (D01.FR.12)
                log.info("charger %s: %s", self._connection.charge_point_id, reason)
                break
            version += 1
            taken += part
        return Sent(await self._read_back(version), taken, left_out=len(identifiers) - len(listable))

    async def remove(self, state: ListState, version: int, identifiers: Sequence[Identifier]) -> int:
        parts = _parts(identifiers, state.per_message)
        for number, part in enumerate(parts):
            await self._send(version + number, DIFFERENTIAL, part, allowed=False)
        return await self._read_back(version + len(parts) - 1)

    async def _send(
        self,
        version: int,
        update: str,
        identifiers: Sequence[Identifier],
        *,
        allowed: bool,
        ends: Ends = _WITHOUT_END,
    ) -> None:
        made = (self._messages.entry(each, allowed=allowed, until=ends.get(each)) for each in identifiers)
        entries = [entry for entry in made if entry]
        status = (await request(self._connection, self._messages.send(version, update, entries))).get("status")
        if status != "Accepted":
            raise ListNotKept(f"the charger answered {str(status)[:40]!r} to a {update} list of {len(entries)} entries")

    async def _read_back(self, version: int) -> int:
        found = await self.version()
        if found != version:
            raise ListNotKept(f"the charger accepted list version {version} but reports version {found}")
        return found


async def request(connection: ChargerConnection, message: object) -> Mapping[str, Any]:
    """Send the message. Raises `ListNotKept` or `ChargerDidNotAnswer`."""
    try:
        return await call(connection, message, urgency=Urgency.LIST)
    except SwitchRefused as refusal:
        raise ListNotKept(refusal.detail) from refusal


def count(value: object) -> int | None:
    """Return a limit that a charger states; None if it is not a sensible number."""
    text = value_text(value) or ""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 100_000 else None


def _parts(identifiers: Sequence[Identifier], size: int) -> list[Sequence[Identifier]]:
    return [identifiers[begin : begin + size] for begin in range(0, len(identifiers), size)]
