"""Create or replace an entrance of a depot: a barrier or a door that leads to its chargers."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import BooksInMemory, DepotsOfEntrances
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.depots.entrances import Entrance, EntranceIdTaken
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.reservations.errors import GroupUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEntrance:
    depot_id: DepotId
    entrance: Entrance
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutEntranceHandler:
    depots: Depots
    policies: ChargerAccessPolicies
    books: BooksInMemory
    others: DepotsOfEntrances
    clock: Clock

    async def __call__(self, context: Context, command: PutEntrance) -> Done:
        """Create or replace the entrance. Raises `DepotUnknown`, `EntranceIdTaken`, `ChargerUnknown`, `GroupUnknown`,
        the refusals of `Depot.put_entrance`, `VersionMismatch`, `VersionConflict` or `StoreUnavailable`."""
        tenant_id, entrance = context.tenant_id, command.entrance
        depot = await self.depots.get(tenant_id, command.depot_id)
        changed_at = depot.entrance_changed_at.get(entrance.entrance_id, 0)
        check_version(command.expected_version, changed_at)
        events = depot.put_entrance(entrance)
        if events:
            await self._must_be_free(tenant_id, command)
            await self._must_lead_somewhere(tenant_id, command)
        done = await self.depots.record(
            context, command.depot_id, events, expected_version=depot.version, now=self.clock.now()
        )
        version = done.version if events else changed_at
        return Done(version=version, position=done.position, created=changed_at == 0)

    async def _must_be_free(self, tenant_id: TenantId, command: PutEntrance) -> None:
        """Refuse an id that another depot uses. Two depots that use the same id at the same moment may both get it;
        `DecisionView.entrance` then refuses to decide at either until one of them is removed."""
        entrance_id = command.entrance.entrance_id
        if any(each != command.depot_id for each in self.others.depots_with_entrance(tenant_id, entrance_id)):
            raise EntranceIdTaken(
                f"Another depot has an entrance {entrance_id}; choose another id.", pointer="/entrance_id"
            )

    async def _must_lead_somewhere(self, tenant_id: TenantId, command: PutEntrance) -> None:
        async for charger_id in cooperatively(sorted(command.entrance.charger_ids)):
            await self._must_be_in_service(tenant_id, command.depot_id, charger_id)
        known = self.books.book(tenant_id, command.depot_id).groups
        for group_id in sorted(command.entrance.group_ids):
            if group_id not in known:
                raise GroupUnknown(
                    f"This depot has no reservation group {group_id[:64]}; choose one of its groups.",
                    pointer="/group_ids",
                )

    async def _must_be_in_service(self, tenant_id: TenantId, depot_id: DepotId, charger_id: ChargerId) -> None:
        policy = await self.policies.find(tenant_id, charger_id)
        if policy is None or policy.retired_at is not None or policy.settings.depot_id != depot_id:
            raise ChargerUnknown(
                f"There is no charger {charger_id[:64]} in service at this depot; choose one of its chargers.",
                pointer="/charger_ids",
            )
