"""The dispatch sheet imports of all tenants: planned, reviewed, and applied by tasks that this object owns."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

from access_policy.application.context import Context
from access_policy.application.dispatch_import.applying import DispatchPlanApplier
from access_policy.application.dispatch_import.cells import ASSIGNMENTS, ReadAssignment, read_assignments
from access_policy.application.dispatch_import.checks import BookSnapshot
from access_policy.application.dispatch_import.plan import PLAN_IDS, DispatchPlan
from access_policy.application.dispatch_import.planning import Planned, plan_rows
from access_policy.application.event_loop import release
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.csv_file import rows_of
from access_policy.application.registry_import.runs import ImportRuns, Progress
from access_policy.application.repositories.depots import Depots
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.vehicle_registry.import_plan import ImportMode, PlanRecord


class DispatchImports(ImportRuns[DispatchPlan]):
    """Plans and applies imports of dispatch sheets."""

    id_prefix = PLAN_IDS

    def __init__(
        self,
        depots: Depots,
        plans: ImportPlans[DispatchPlan],
        applier: DispatchPlanApplier,
        store: EventStore,
        clock: Clock,
    ) -> None:
        super().__init__(plans, store, clock)
        self._depots = depots
        self._applier = applier

    async def plan(
        self, tenant_id: TenantId, depot_id: DepotId, file: bytes, mode: ImportMode
    ) -> tuple[PlanRecord, DispatchPlan]:
        """Plan the file without changing any reservation. The plan is stored for a week; the file is not stored.

        Raises `DepotUnknown`, `ImportFileUnreadable`, `StoreUnavailable`.
        """
        now = self._clock.now()
        await self._plans.forget_old(now=now)
        zone = (await self._depots.get(tenant_id, depot_id)).zone
        read, fingerprint = await asyncio.to_thread(self._read, tenant_id, depot_id, file, zone)
        vehicles = {each.values["vehicle_id"] for each in read if "vehicle_id" in each.values}
        chargers = {each.values["charger_id"] for each in read if "charger_id" in each.values}
        known = await self._applier.gather_known(tenant_id, depot_id, vehicles, chargers)
        async with self._applier.books.locked(tenant_id, depot_id) as book:
            snapshot = BookSnapshot.of(book)

        def planned() -> Planned:
            return plan_rows(snapshot.book(), read, mode, zone, known, now)

        found = await asyncio.to_thread(planned)
        await release(read)
        plan = DispatchPlan(
            tenant_id=tenant_id,
            plan_id="",  # set when the plan is stored
            mode=mode,
            file_fingerprint=fingerprint,
            registry_version=snapshot.state.version,
            vehicles=found.live,
            rows=found.rows,
            depot_id=depot_id,
        )
        return await self._keep(plan, now=now)

    def _read(
        self, tenant_id: TenantId, depot_id: DepotId, file: bytes, zone: ZoneInfo
    ) -> tuple[list[ReadAssignment], str]:
        """Return the rows, and the fingerprint of the file for this depot."""
        fingerprint = self._plans.fingerprint_of(tenant_id, f"{depot_id}\0".encode() + file)
        return read_assignments(rows_of(file, ASSIGNMENTS), zone), fingerprint

    async def _apply(
        self,
        context: Context,
        record: PlanRecord,
        plan: DispatchPlan,
        options: ApplyOptions,
        progress: Progress,
    ) -> PlanRecord:
        return await self._applier(context, record, plan, options, progress)
