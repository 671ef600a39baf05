"""Imports of files: plans are stored, reviewed, and applied by tasks that outlive the request (ADR 0014)."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic

from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import release
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore, StoreUnavailable
from access_policy.application.ports.import_plans import ImportPlans, Plan
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.errors import ImportFailed, ImportPlanUnknown
from access_policy.domain.errors import Refused
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.import_plan import Action, PlanRecord, PlanState, plan_id_of

log = logging.getLogger(__name__)

PLANS_KEPT = timedelta(days=7)
_ENDED = frozenset({PlanState.APPLIED, PlanState.FAILED})

PlanKey = tuple[TenantId, str]
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _UnderWay:
    """`task` is set as soon as it is created."""

    task: asyncio.Task[PlanRecord] | None = None
    done: int = 0
    of: int = 0

    def progress(self, done: int, of: int) -> None:
        self.done, self.of = done, of


class ImportRuns(ABC, Generic[Plan]):
    """The operations behind the endpoints. This object owns the tasks that apply plans: `resume` starts those that a
    previous process left, `close` ends all of them, and the next `resume` finishes the rest."""

    id_prefix = ""

    def __init__(self, plans: ImportPlans[Plan], store: EventStore, clock: Clock) -> None:
        self._plans = plans
        self._store = store
        self._clock = clock
        self._under_way: dict[PlanKey, _UnderWay] = {}

    @abstractmethod
    async def _apply(
        self, context: Context, record: PlanRecord, plan: Plan, options: ApplyOptions, progress: Progress
    ) -> PlanRecord:
        """Apply the plan and return its record; a repeated call resumes."""

    async def _keep(self, plan: Plan, *, now: datetime) -> tuple[PlanRecord, Plan]:
        """Store the plan, unless the same plan is stored and has not ended."""
        for generation in range(1_000):
            plan_id = await asyncio.to_thread(
                plan_id_of, plan.tenant_id, plan.mode, plan.file_fingerprint, plan.rows, generation
            )
            plan = replace(plan, plan_id=self.id_prefix + plan_id)
            known = await self._plans.find(plan.tenant_id, plan.plan_id, now=now)
            if known is None:
                break
            if known.state not in _ENDED:
                return self._live(known), plan
        counts = plan.counts()
        record = PlanRecord(
            tenant_id=plan.tenant_id,
            plan_id=plan.plan_id,
            mode=plan.mode,
            file_fingerprint=plan.file_fingerprint,
            state=PlanState.PLANNED,
            registry_version=plan.registry_version,
            vehicles=plan.vehicles,
            counts=counts,
            created_at=now,
            expires_at=now + PLANS_KEPT,
            of=counts[Action.ADD] + counts[Action.CHANGE] + counts[Action.REMOVE],
            depot_id=plan.depot_id,
        )
        await self._plans.keep(record, plan)
        return record, plan

    # --- reading
    # ---------------------------------------------------------------------------------------------------------

    async def find(self, tenant_id: TenantId, plan_id: str) -> PlanRecord:
        """Return the record of the plan. Raises `ImportPlanUnknown`, `StoreUnavailable`."""
        record = await self._plans.find(tenant_id, plan_id, now=self._clock.now())
        if record is None:
            days = PLANS_KEPT.days
            raise ImportPlanUnknown(f"Import plan not found; an unapplied plan is kept for {days} days.")
        return self._live(record)

    async def rows(self, record: PlanRecord) -> Sequence[Any]:
        """Return the rows of the plan; empty once the plan has ended."""
        plan = None if record.state in _ENDED else await self._plans.rows(record)
        return () if plan is None else plan.rows

    async def log_position(self) -> int:
        return await self._store.last_position()

    async def forget_old(self) -> int:
        """Delete plans that have expired. Raises `StoreUnavailable`."""
        return await self._plans.forget_old(now=self._clock.now())

    def _live(self, record: PlanRecord) -> PlanRecord:
        """Return the record with its progress; a plan that waits in the queue counts as being applied."""
        under_way = self._under_way.get((record.tenant_id, record.plan_id))
        if under_way is None or record.state in _ENDED:
            return record
        error = (
            record.error if record.state is PlanState.APPLYING else None
        )  # otherwise it is the error of an earlier try
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
            if plan is None:  # the plan ended between the request and this task
                return await self.find(record.tenant_id, record.plan_id)
            applied = await self._apply(context, record, plan, options, under_way.progress)
            rows = list(plan.rows)
            del plan  # so that only the list holds the rows
            await release(rows)
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
