"""Chargers with local lists, the values of identifiers, and the lists sent before: in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListNotKept, ListSent, ListState, Sent
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey, TenantId, VehicleId
from tests.support.at_charger import AtCharger
from tests.support.depot_in_memory import rfid


def card(number: int) -> Identifier:
    return rfid(f"04{number:012X}")


@dataclass
class Chargers:
    """Chargers with a list each, as the port sees them. The `silent` answer nothing, those `without` have no list."""

    keys: list[ChargerKey]
    lists: dict[ChargerKey, list[Identifier]] = field(default_factory=dict)
    versions: dict[ChargerKey, int] = field(default_factory=dict)
    ends: dict[ChargerKey, dict[Identifier, datetime]] = field(default_factory=dict)
    silent: set[ChargerKey] = field(default_factory=set)
    without: set[ChargerKey] = field(default_factory=set)
    cannot_carry: set[Identifier] = field(default_factory=set)
    in_full: int = 0
    limits_asked: int = 0
    form: str = "one"

    def commands(self, key: ChargerKey) -> Any:
        return AtCharger(self, key)

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return 1

    def connected_chargers(self) -> list[ChargerKey]:
        return self.keys

    async def list_state(self, key: ChargerKey) -> ListState:
        self.limits_asked += 1
        return ListState(await self.list_version(key), 100, 50, self.form)

    async def list_version(self, key: ChargerKey) -> int:
        await asyncio.sleep(0)
        if key in self.silent:
            await asyncio.Event().wait()
        if key in self.without:
            raise ListNotKept("none")
        return self.versions.get(key, 0)

    async def send_list(
        self,
        key: ChargerKey,
        state: ListState,
        version: int,
        identifiers: Sequence[Identifier],
        ends: Mapping[Identifier, datetime],
    ) -> Sent:
        await asyncio.sleep(0)
        self.in_full += 1
        carried = [each for each in identifiers if each not in self.cannot_carry]
        self.lists[key], self.versions[key], self.ends[key] = carried, version, dict(ends)
        return Sent(version, carried, left_out=len(identifiers) - len(carried))

    async def remove_from_list(
        self, key: ChargerKey, state: ListState, version: int, identifiers: Sequence[Identifier]
    ) -> int:
        await asyncio.sleep(0)
        assert version > self.versions[key]
        self.lists[key] = [each for each in self.lists[key] if each not in identifiers]
        self.versions[key] = version
        return version


@dataclass
class SealedValues:
    """The read model and the vault in one: a value is sealed as itself. `hidden` are not in the read model yet."""

    values: dict[str, Identifier] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    asked: int = 0

    async def sealed_identifiers(self, tenant_id: TenantId, pseudonyms: Collection[str]) -> list[dict[str, Any]]:
        self.asked += 1
        await asyncio.sleep(0)
        return [
            {"pseudonym": each, "sealed": self.values[each].value} for each in pseudonyms if each not in self.hidden
        ]

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        await asyncio.sleep(0)
        return [value for _, value in sealed]


@dataclass
class RememberedLists:
    """The port, in memory; `is_down`: nothing is read."""

    sent: dict[ChargerKey, ListSent] = field(default_factory=dict)
    is_down: bool = False

    async def latest(self, key: ChargerKey) -> ListSent | None:
        if self.is_down:
            raise StoreUnavailable("down")
        return self.sent.get(key)

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        self.sent[key] = sent

    async def close(self) -> None:
        pass
