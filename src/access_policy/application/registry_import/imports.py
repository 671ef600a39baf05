"""The imports of all tenants: planned, reviewed, and applied by tasks that this object owns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.freevend_tags import OF_REMOTE_STARTS, FreevendTags
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.ports.secrets import Pseudonyms, refs_of
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.cells import ReadRow, read_rows
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.csv_file import rows_of
from access_policy.application.registry_import.errors import ImportFailed, ImportPlanUnknown
from access_policy.application.registry_import.planning import plan_rows
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.turns import let_go
from access_policy.domain.errors import Refused
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.import_plan import (
    Action,
    ImportMode,
    ImportPlan,
    PlanRecord,
    PlanRow,
    PlanState,
    plan_id_of,
)
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

log = logging.getLogger(__name__)

PLANS_KEPT = timedelta(days=7)
_ENDED = frozenset({PlanState.APPLIED, PlanState.FAILED})

PlanKey = tuple[TenantId, str]


@dataclass(slots=True)
class _UnderWay:
    """`task` is set as soon as it is created."""

    task: asyncio.Task[PlanRecord] | None = None
    done: int = 0
    of: int = 0

    def progress(self, done: int, of: int) -> None:
        self.done, self.of = done, of


class RegistryImports:
    """The operations behind the endpoints. This object owns the tasks that apply plans: `resume` starts those that a
    previous process left, `close` ends all of them, and the next `resume` finishes the rest.
    """

    def __init__(
        self,
        registries: VehicleRegistries,
        plans: ImportPlans,
        pseudonyms: Pseudonyms,
        applier: PlanApplier,
        clock: Clock,
        freevend_tags: FreevendTags = OF_REMOTE_STARTS,
    ) -> None:
        self._registries = registries
        self._plans = plans
        self._pseudonyms = pseudonyms
        self._applier = applier
        self._clock = clock
        self._freevend_tags = freevend_tags
        self._under_way: dict[PlanKey, _UnderWay] = {}

    # --- planning ----------------------------------------------------------------------------------------------------

    async def plan(self, tenant_id: TenantId, file: bytes, mode: ImportMode) -> tuple[PlanRecord, ImportPlan]:
        """Plan the file; the plan is kept for a week, the file is not. Changes nothing in the registry. Raises
        `ImportFileUnreadable`, `StoreUnavailable`.
        """
        now = self._clock.now()
        await self._plans.forget_old(now=now)
        read, fingerprint = await asyncio.to_thread(self._read, tenant_id, file)
        async with self._registries.locked(tenant_id) as registry:
            as_now = registry.copy()  # the thread plans from one version while this process follows other changes
        plan = await asyncio.to_thread(_planned, as_now, read, tenant_id, mode, fingerprint)
        await let_go(read)
        for generation in range(1, 1_000):
            known = await self._plans.find(tenant_id, plan.plan_id, now=now)
            if known is None:
                break
            if known.state not in _ENDED:
                return self._live(known), plan
            plan = replace(plan, plan_id=plan_id_of(tenant_id, mode, fingerprint, plan.rows, generation))
        counts = plan.counts()
        record = PlanRecord(
            tenant_id=tenant_id,
            plan_id=plan.plan_id,
            mode=mode,
            file_fingerprint=fingerprint,
            state=PlanState.PLANNED,
            registry_version=plan.registry_version,
            vehicles=plan.vehicles,
            counts=counts,
            created_at=now,
            expires_at=now + PLANS_KEPT,
            of=counts[Action.ADD] + counts[Action.CHANGE] + counts[Action.REMOVE],
        )
        await self._plans.keep(record, plan)
        return record, plan

    def _read(self, tenant_id: TenantId, file: bytes) -> tuple[list[ReadRow], str]:
        read = read_rows(
            rows_of(file),
            lambda found: self._pseudonyms.ref(tenant_id, found),
            lambda found: refs_of(self._pseudonyms, tenant_id, found),
            self._freevend_tags.check(tenant_id),
        )
        return read, self._plans.fingerprint_of(tenant_id, file)

    # --- looking -----------------------------------------------------------------------------------------------------

    async def find(self, tenant_id: TenantId, plan_id: str) -> PlanRecord:
        """Raises `ImportPlanUnknown`, `StoreUnavailable`."""
        record = await self._plans.find(tenant_id, plan_id, now=self._clock.now())
        if record is None:
            days = PLANS_KEPT.days
            raise ImportPlanUnknown(f"Import plan not found; an unapplied plan is kept for {days} days.")
        return self._live(record)

    async def rows(self, record: PlanRecord) -> Sequence[PlanRow]:
        """The rows of the plan; empty once the plan has ended."""
        plan = None if record.state in _ENDED else await self._plans.rows(record)
        return () if plan is None else plan.rows

    async def log_position(self) -> int:
        return await self._applier.store.last_position()

    async def forget_old(self) -> int:
        """Delete plans that have expired. Raises `StoreUnavailable`."""
        return await self._plans.forget_old(now=self._clock.now())

    def _live(self, record: PlanRecord) -> PlanRecord:
        """The record with its progress; a plan that waits in the queue counts as being applied."""
        under_way = self._under_way.get((record.tenant_id, record.plan_id))
        if under_way is None or record.state in _ENDED:
            return record
        error = record.error if record.state is PlanState.APPLYING else None  # that of an earlier try
        return replace(record, state=PlanState.APPLYING, done=under_way.done, of=under_way.of or record.of, error=error)

    # --- applying ----------------------------------------------------------------------------------------------------

    async def apply(self, context: Context, plan_id: str, options: ApplyOptions, *, wait_s: float) -> PlanRecord:
        """Return the record of the applied plan, or of the plan in progress if applying takes longer than `wait_s`.
        An applied plan returns its result again. Raises `ImportPlanUnknown`, `ImportHasErrors`, `ImportPlanStale`,
        `RemovalsNotConfirmed`, `ImportFailed`, `TooBusy` or `StoreUnavailable`.
        """
        record = await self.find(context.tenant_id, plan_id)
        if record.state is PlanState.APPLIED:
            return record
        if record.state is PlanState.FAILED:
            raise ImportFailed(record.error or "The plan has failed.", ())
        task = self._task(context, record, options)
        await asyncio.wait({task}, timeout=wait_s)
        if task.done():
            return task.result()
        return replace(await self.find(context.tenant_id, plan_id), state=PlanState.APPLYING)

    async def resume(self) -> None:
        """Resume the imports that were in progress when the previous process ended. Raises `StoreUnavailable`."""
        for record in await self._plans.unfinished():
            if record.application is not None:
                log.info("import %s resumes", record.plan_id)
                context = Context(
                    tenant_id=record.tenant_id,
                    actor=record.application.actor,
                    correlation_id=record.application.correlation_id,
                )
                self._task(context, record, ApplyOptions(partial=record.application.partial))

    async def close(self) -> None:
        tasks = [under_way.task for under_way in self._under_way.values() if under_way.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, context: Context, record: PlanRecord, options: ApplyOptions) -> asyncio.Task[PlanRecord]:
        key = (record.tenant_id, record.plan_id)
        known = self._under_way.get(key)
        if known is not None and known.task is not None:
            return known.task
        under_way = self._under_way[key] = _UnderWay(of=record.of)
        task = under_way.task = asyncio.create_task(
            self._applied(context, record, options, under_way), name=f"import {record.plan_id}"
        )
        task.add_done_callback(lambda ended: self._ended(key, ended))
        return task

    def _ended(self, key: PlanKey, task: asyncio.Task[PlanRecord]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # already recorded in the plan, and raised to the waiting caller

    async def _applied(
        self, context: Context, record: PlanRecord, options: ApplyOptions, under_way: _UnderWay
    ) -> PlanRecord:
        try:
            plan = await self._plans.rows(record)
            if plan is None:  # it ended between the request and this task
                return await self.find(record.tenant_id, record.plan_id)
            applied = await self._applier(context, record, plan, options, under_way.progress)
            rows = list(plan.rows)
            del plan  # so that the list alone holds the rows
            await let_go(rows)
            return applied
        except (Refused, TooBusy, StoreUnavailable) as trouble:
            await self._note(record, str(trouble))
            raise
        except Exception:
            log.exception("import %s failed", record.plan_id)
            await self._note(record, "A service error stopped the import; apply it again to resume.")
            raise

    async def _note(self, record: PlanRecord, trouble: str) -> None:
        try:
            now = await self._plans.find(record.tenant_id, record.plan_id, now=self._clock.now())
            if now is not None and now.state not in _ENDED:
                await self._plans.update(replace(now, error=trouble))
        except StoreUnavailable as unavailable:
            log.warning("import %s: %s; and the error could not be recorded: %s", record.plan_id, trouble, unavailable)


def _planned(
    registry: VehicleRegistry, read: Sequence[ReadRow], tenant_id: TenantId, mode: ImportMode, fingerprint: str
) -> ImportPlan:
    version, vehicles = registry.version, len(registry.vehicles)
    rows = plan_rows(registry, read, mode)
    return ImportPlan(
        tenant_id=tenant_id,
        plan_id=plan_id_of(tenant_id, mode, fingerprint, rows, 0),
        mode=mode,
        file_fingerprint=fingerprint,
        registry_version=version,
        vehicles=vehicles,
        rows=rows,
    )
