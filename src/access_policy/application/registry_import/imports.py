"""The registry imports of all tenants: planned, reviewed, and applied by tasks that this object owns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from access_policy.application.context import Context
from access_policy.application.event_loop import release
from access_policy.application.freevend_tags import OF_REMOTE_STARTS, FreevendTags
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.ports.secrets import Pseudonyms, refs_of
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.cells import ReadRow, read_rows
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.csv_file import rows_of
from access_policy.application.registry_import.planning import plan_rows
from access_policy.application.registry_import.runs import ImportRuns, Progress
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.import_plan import ImportMode, ImportPlan, PlanRecord
from access_policy.domain.vehicle_registry.registry import VehicleRegistry


class RegistryImports(ImportRuns[ImportPlan]):
    """Plans and applies imports of vehicles."""

    def __init__(
        self,
        registries: VehicleRegistries,
        plans: ImportPlans[ImportPlan],
        pseudonyms: Pseudonyms,
        applier: PlanApplier,
        clock: Clock,
        freevend_tags: FreevendTags = OF_REMOTE_STARTS,
    ) -> None:
        super().__init__(plans, applier.store, clock)
        self._registries = registries
        self._pseudonyms = pseudonyms
        self._applier = applier
        self._freevend_tags = freevend_tags

    # --- planning ----------------------------------------------------------------------------------------------------

    async def plan(self, tenant_id: TenantId, file: bytes, mode: ImportMode) -> tuple[PlanRecord, ImportPlan]:
        """Plan the file without changing the registry. The plan is stored for a week; the file is not stored.

        Raises `ImportFileUnreadable`, `StoreUnavailable`.
        """
        now = self._clock.now()
        await self._plans.forget_old(now=now)
        read, fingerprint = await asyncio.to_thread(self._read, tenant_id, file)
        async with self._registries.locked(tenant_id) as registry:
            snapshot = registry.copy()  # the thread plans from one version while this process follows other changes
        plan = await asyncio.to_thread(_planned, snapshot, read, tenant_id, mode, fingerprint)
        await release(read)
        return await self._keep(plan, now=now)

    def _read(self, tenant_id: TenantId, file: bytes) -> tuple[list[ReadRow], str]:
        read = read_rows(
            rows_of(file),
            lambda found: self._pseudonyms.ref(tenant_id, found),
            lambda found: refs_of(self._pseudonyms, tenant_id, found),
            self._freevend_tags.check(tenant_id),
        )
        return read, self._plans.fingerprint_of(tenant_id, file)

    async def _apply(
        self, context: Context, record: PlanRecord, plan: ImportPlan, options: ApplyOptions, progress: Progress
    ) -> PlanRecord:
        return await self._applier(context, record, plan, options, progress)


def _planned(
    registry: VehicleRegistry, read: Sequence[ReadRow], tenant_id: TenantId, mode: ImportMode, fingerprint: str
) -> ImportPlan:
    version, vehicles = registry.version, len(registry.vehicles)
    rows = plan_rows(registry, read, mode)
    return ImportPlan(
        tenant_id=tenant_id,
        plan_id="",  # set when the plan is stored,
        mode=mode,
        file_fingerprint=fingerprint,
        registry_version=version,
        vehicles=vehicles,
        rows=rows,
    )
