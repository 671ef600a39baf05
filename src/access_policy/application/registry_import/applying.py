"""Apply a plan while holding the registry's lock: check the whole plan first, then write in batches.

A batch is one append, and decisions can run before the next one. Each event names the plan as its cause, so that a
later run, after a crash or a lost race, can distinguish the plan's own changes from other changes and resume.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore, Recorded, VersionConflict
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.ports.secrets import VehicleVault
from access_policy.application.registry_import.checks import (
    ROWS_NAMED,
    ApplyOptions,
    left_out_at_start,
    left_out_midway,
    rows_to_apply,
)
from access_policy.application.registry_import.errors import ImportFailed
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.streams import registry_stream
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.events import RegistryImportApplied, VehicleIdentifier
from access_policy.domain.vehicle_registry.import_plan import (
    Action,
    Application,
    ImportPlan,
    ImportResult,
    PlanRecord,
    PlanRow,
    PlanState,
)
from access_policy.domain.vehicle_registry.many_vehicles import Moves, WantedVehicle, put_vehicles
from access_policy.domain.vehicle_registry.registry import IdentifierKey, VehicleRegistry

BATCH_EVENTS = 1_000
BATCHES_A_NOTE = 10  # rows between two progress updates of the record
TRIES = 6

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PlanApplier:
    registries: VehicleRegistries
    store: EventStore
    plans: ImportPlans[ImportPlan]
    vault: VehicleVault
    clock: Clock
    batch_events: int = BATCH_EVENTS

    async def __call__(
        self, context: Context, record: PlanRecord, plan: ImportPlan, options: ApplyOptions, progress: Progress
    ) -> PlanRecord:
        """Apply the plan and return its record. Raises the refusals of `checks`, `ImportFailed`, `TooBusy` or
        `StoreUnavailable`; after the last two, call again to resume."""
        for _ in range(TRIES):
            try:
                async with self.registries.locked(record.tenant_id) as registry:
                    # threads check the snapshot and its version while this process follows other changes
                    snapshot = registry.copy()
                    record = await self._ready(context, snapshot, record, plan, options)
                    if record.state is PlanState.APPLIED:
                        return record
                    run = _Run(self, context, record, plan, progress, snapshot.version)
                    return await run.to_the_end(registry, snapshot)
            except VersionConflict:
                record = await self.plans.find(record.tenant_id, record.plan_id, now=self.clock.now()) or record
        raise TooBusy("the registry keeps changing; apply the plan again")

    async def _ready(
        self,
        context: Context,
        registry: VehicleRegistry,
        record: PlanRecord,
        plan: ImportPlan,
        options: ApplyOptions,
    ) -> PlanRecord:
        if record.application is None:
            return await self._begin(context, registry, record, plan, options)
        history = await self.store.load(
            registry_stream(record.tenant_id), after_version=record.application.after_version
        )
        for recorded in history:
            if isinstance(recorded.event, RegistryImportApplied) and recorded.event.plan_id == record.plan_id:
                return await self._ended(record, recorded)
        others = {
            recorded.event.vehicle_id
            for recorded in history
            if recorded.envelope.causation_id != record.plan_id and hasattr(recorded.event, "vehicle_id")
        }
        return await self._without_moved(registry, record, record.application, plan, others)

    async def _begin(
        self,
        context: Context,
        registry: VehicleRegistry,
        record: PlanRecord,
        plan: ImportPlan,
        options: ApplyOptions,
    ) -> PlanRecord:
        left_out = await asyncio.to_thread(left_out_at_start, plan, registry, options)
        application = Application(
            actor=context.actor,
            correlation_id=context.correlation_id,
            after_version=registry.version,
            partial=options.partial,
            left_out=left_out,
        )
        of = len(rows_to_apply(plan, left_out))
        begun = replace(record, state=PlanState.APPLYING, application=application, of=of, done=0, error=None)
        await self.plans.update(begun)
        return begun

    async def _without_moved(
        self,
        registry: VehicleRegistry,
        record: PlanRecord,
        application: Application,
        plan: ImportPlan,
        others: set[VehicleId],
    ) -> PlanRecord:
        moved = await asyncio.to_thread(left_out_midway, plan, registry, application.left_out, others)
        if not moved:
            return record
        application = replace(application, left_out=(*application.left_out, *moved))
        record = replace(record, application=application, of=len(rows_to_apply(plan, application.left_out)))
        if application.partial:
            await self.plans.update(record)
            return record
        await self._forget_removed(registry, record, plan)
        said = (
            f"{len(moved)} of the plan's vehicles changed while it was being applied. Plan the file again for the rest."
        )
        await self.plans.end(record.failed(said, now=self.clock.now()))
        raise ImportFailed(said, moved[:ROWS_NAMED])

    async def _forget_removed(self, registry: VehicleRegistry, record: PlanRecord, plan: ImportPlan) -> None:
        """Delete the keys of all vehicles that the plan removed, including those that an earlier run did not reach."""
        gone = [row.vehicle_id for row in plan.rows if row.action is Action.REMOVE and row.vehicle_id is not None]
        left_out = record.application.left_out if record.application else ()
        kept = {row.vehicle_id for row in left_out}
        removed = [each for each in gone if each not in kept and each not in registry.vehicles]
        if removed:
            await self.vault.forget_many(record.tenant_id, removed)

    async def _ended(self, record: PlanRecord, recorded: Recorded) -> PlanRecord:
        event, at = recorded.event, recorded.envelope.recorded_at
        result = ImportResult(
            applied={"add": event.added, "change": event.changed, "remove": event.removed},
            left_out=record.application.left_out if record.application else (),
            registry_version=recorded.version,
            applied_at=at,
        )
        ended = record.applied(result)
        await self.plans.end(ended)
        return ended


@dataclass(slots=True)
class _Run:
    """One run of writing, while holding the lock. `version` is the registry's version at the last check of the rows;
    each batch advances it by the events written."""

    applier: PlanApplier
    context: Context
    record: PlanRecord
    plan: ImportPlan
    progress: Progress
    version: int

    async def to_the_end(self, registry: VehicleRegistry, snapshot: VehicleRegistry) -> PlanRecord:
        """Write every remaining row. `snapshot` is the registry at `version`."""
        application = self.record.application
        assert application is not None
        self.context = replace(
            self.context,
            actor=application.actor,
            correlation_id=application.correlation_id,
            causation_id=self.record.plan_id,
        )
        rows = rows_to_apply(self.plan, application.left_out)
        todo = await asyncio.to_thread(lambda: [row for row in rows.values() if not row.matches(snapshot)])
        moves = await asyncio.to_thread(lambda: dict(_moves(snapshot, todo)))
        begin = batches = 0
        self.progress(len(rows) - len(todo), len(rows))
        while begin < len(todo):
            batch = self._next_batch(todo, begin)
            await self._write(registry, batch, moves)
            begin += len(batch)
            batches += 1
            done = len(rows) - len(todo) + begin
            self.progress(done, len(rows))
            if batches % BATCHES_A_NOTE == 0:
                await self.applier.plans.update(replace(self.record, done=done))
        await self.applier._forget_removed(registry, self.record, self.plan)
        return await self._end(registry, application, rows)

    def _next_batch(self, todo: Sequence[PlanRow], begin: int) -> Sequence[PlanRow]:
        events, end = 0, begin
        while end < len(todo) and events < self.applier.batch_events:
            events += 1 + len(todo[end].identifiers)
            end += 1
        return todo[begin:end]

    async def _write(self, registry: VehicleRegistry, batch: Sequence[PlanRow], moves: Moves) -> None:
        """Append one batch. Raises `VersionConflict`, including when others changed the registry: check all rows again
        then."""
        wanted = await self._sealed(batch)
        if registry.version != self.version:
            raise VersionConflict("the registry changed meanwhile")
        events = put_vehicles(registry, wanted, moves)
        await self.applier.registries.record(self.context, registry, events, now=self.applier.clock.now())
        for event in events:
            self.version += 1
            registry.follow(self.version, event)
        await asyncio.sleep(0)

    async def _sealed(self, batch: Sequence[PlanRow]) -> list[WantedVehicle]:
        tenant_id = self.record.tenant_id
        secrets = [
            (row.vehicle_id, each.value)
            for row in batch
            for each in row.identifiers
            if row.vehicle_id is not None and each.value is not None
        ]
        sealed = iter(await self.applier.vault.seal_many(tenant_id, secrets) if secrets else [])
        return [
            WantedVehicle(
                vehicle_id=row.vehicle_id,
                description=row.description,
                identifiers=tuple(
                    VehicleIdentifier(ref=each.ref, sealed="" if each.value is None else next(sealed))
                    for each in row.identifiers
                ),
            )
            for row in batch
            if row.vehicle_id is not None
        ]

    async def _end(
        self, registry: VehicleRegistry, application: Application, rows: Mapping[VehicleId, PlanRow]
    ) -> PlanRecord:
        counts = Counter(row.action for row in rows.values())
        event = RegistryImportApplied(
            plan_id=self.record.plan_id,
            file_fingerprint=self.record.file_fingerprint,
            mode=self.record.mode.value,
            added=counts[Action.ADD],
            changed=counts[Action.CHANGE],
            removed=counts[Action.REMOVE],
            unchanged=self.record.counts[Action.UNCHANGED.value],
            left_out=len(application.left_out),
            after_version=application.after_version,
        )
        now = self.applier.clock.now()
        committed = await self.applier.registries.record(self.context, registry, (event,), now=now)
        registry.follow(committed.version, event)
        recorded = await self.applier.store.load(
            registry_stream(self.record.tenant_id), after_version=committed.version - 1
        )
        return await self.applier._ended(self.record, recorded[0])


def _moves(registry: VehicleRegistry, rows: Iterable[PlanRow]) -> Iterator[tuple[IdentifierKey, VehicleId]]:
    """Yield the identifiers that rows take from other vehicles, whose own rows release them."""
    for row in rows:
        for each in row.identifiers:
            key = (each.ref.kind, each.ref.pseudonym)
            if row.vehicle_id is not None and registry.holders.get(key) not in (None, row.vehicle_id):
                yield key, row.vehicle_id
