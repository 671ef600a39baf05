"""The charger imports of all tenants: planned, reviewed, and applied by tasks that this object owns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from access_policy.application.charger_import.applying import ChargerPlanApplier
from access_policy.application.charger_import.cells import CHARGERS, read_chargers
from access_policy.application.charger_import.plan import PLAN_IDS, ChargerImportPlan
from access_policy.application.charger_import.planning import ChargerPlanner
from access_policy.application.context import Context
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.csv_file import rows_of
from access_policy.application.registry_import.runs import ImportRuns, Progress
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.vehicle_registry.import_plan import ImportMode, PlanRecord


class ChargersOfTenant(Protocol):
    def charger_ids_of(self, tenant_id: TenantId) -> Iterable[ChargerId]:
        """Return the ids of all chargers, including retired ones."""
        ...


class ChargerImports(ImportRuns[ChargerImportPlan]):
    """Plans and applies imports of chargers."""

    id_prefix = PLAN_IDS

    def __init__(
        self,
        planner: ChargerPlanner,
        plans: ImportPlans[ChargerImportPlan],
        chargers: ChargersOfTenant,
        applier: ChargerPlanApplier,
        store: EventStore,
        clock: Clock,
    ) -> None:
        super().__init__(plans, store, clock)
        self._planner = planner
        self._chargers = chargers
        self._applier = applier

    async def plan(self, context: Context, file: bytes, mode: ImportMode) -> tuple[PlanRecord, ChargerImportPlan]:
        """Plan the file without changing any charger. The plan is stored for a week; the file is not stored.

        Raises `ImportFileUnreadable`, `StoreUnavailable`.
        """
        now, tenant_id = self._clock.now(), context.tenant_id
        await self._plans.forget_old(now=now)
        read = await asyncio.to_thread(lambda: read_chargers(rows_of(file, CHARGERS)))
        fingerprint = await asyncio.to_thread(self._plans.fingerprint_of, tenant_id, file)
        position = await self._store.last_position()
        in_service: dict[ChargerId, ChargerAccessPolicy] = {}
        async for charger_id in cooperatively(list(self._chargers.charger_ids_of(tenant_id))):
            policy = await self._planner.put_charger.policies.find(tenant_id, charger_id)
            if policy is not None and policy.retired_at is None:
                in_service[charger_id] = policy
        plan = ChargerImportPlan(
            tenant_id=tenant_id,
            plan_id="",  # set when the plan is stored
            mode=mode,
            file_fingerprint=fingerprint,
            registry_version=position,
            vehicles=len(in_service),
            rows=await self._planner(context, read, in_service, mode),
        )
        return await self._keep(plan, now=now)

    async def _apply(
        self,
        context: Context,
        record: PlanRecord,
        plan: ChargerImportPlan,
        options: ApplyOptions,
        progress: Progress,
    ) -> PlanRecord:
        return await self._applier(context, record, plan, options, progress)
