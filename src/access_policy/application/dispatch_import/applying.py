"""Apply a plan: check all of it first, then write it in a few appends to the book's stream.

Each event names the plan as its cause, so that a later run, after a crash or a lost race, can distinguish the plan's
own changes from others and write the rest.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.context import Context
from access_policy.application.dispatch_import.checks import (
    NAMES,
    BookSnapshot,
    Collided,
    Outstanding,
    left_out_at_start,
    outstanding,
    wanted_by,
)
from access_policy.application.dispatch_import.known import GatherKnown
from access_policy.application.dispatch_import.plan import DispatchPlan, DispatchPlanRow
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore, VersionConflict
from access_policy.application.ports.import_plans import ImportPlans
from access_policy.application.registry_import.checks import ROWS_NAMED, ApplyOptions
from access_policy.application.registry_import.errors import ImportFailed
from access_policy.application.registry_import.runs import Progress
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.application.streams import reservation_book_stream
from access_policy.domain.ids import ChargerId, ReservationId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.events import ConflictKind, ReservationEvent
from access_policy.domain.reservations.together import in_steps
from access_policy.domain.vehicle_registry.import_plan import (
    Action,
    Application,
    ImportResult,
    PlanRecord,
    PlanState,
    RefusedRow,
)

EVENTS_AN_APPEND = 300
FOLDED_AT_A_TIME = 20
TRIES = 6


@dataclass(frozen=True, slots=True)
class DispatchPlanApplier:
    books: ReservationBooks
    store: EventStore
    plans: ImportPlans[DispatchPlan]
    gather_known: GatherKnown
    clock: Clock

    async def __call__(
        self, context: Context, record: PlanRecord, plan: DispatchPlan, options: ApplyOptions, progress: Progress
    ) -> PlanRecord:
        """Apply the plan and return its record. Raises the refusals of `checks`, `ImportFailed`, `TooBusy` or
        `StoreUnavailable`; after the last two, call again to resume."""
        assert record.depot_id is not None, "a dispatch sheet is a depot's"
        for _ in range(TRIES):
            try:
                async with self.books.locked(record.tenant_id, record.depot_id) as book:
                    if record.application is None:
                        record = await self._begin(context, record, plan, options, book)
                    return await self._write(context, record, plan, book, progress)
            except VersionConflict:
                continue
        raise TooBusy("the depot's reservations keep changing; apply the plan again")

    async def _begin(
        self, context: Context, record: PlanRecord, plan: DispatchPlan, options: ApplyOptions, book: ReservationBook
    ) -> PlanRecord:
        known = await self.gather_known(record.tenant_id, book.depot_id, *named_in(plan.rows))
        snapshot, now = BookSnapshot.of(book), self.clock.now()
        collided: Collided = {}
        try:
            left_out = await asyncio.to_thread(
                lambda: left_out_at_start(snapshot.book(), plan, record.vehicles, options, known, now, collided)
            )
        finally:
            await self._record_collisions(context, record, book, collided, now)
        version = book.version
        application = Application(
            actor=context.actor,
            correlation_id=context.correlation_id,
            after_version=version,
            partial=options.partial,
            left_out=left_out,
        )
        of = len(_rows_of(plan, left_out))
        begun = replace(record, state=PlanState.APPLYING, application=application, of=of, done=0, error=None)
        await self.plans.update(begun)
        return begun

    async def _write(
        self, context: Context, record: PlanRecord, plan: DispatchPlan, book: ReservationBook, progress: Progress
    ) -> PlanRecord:
        """Write the plan while holding the lock. Raises `VersionConflict` if another process has changed the book;
        everything is then decided again."""
        application = record.application
        assert application is not None
        context = replace(
            context, actor=application.actor, correlation_id=application.correlation_id, causation_id=record.plan_id
        )
        rows = _rows_of(plan, application.left_out)
        ours = await self._touched_by(record, application.after_version)
        version, snapshot, now = book.version, BookSnapshot.of(book), self.clock.now()
        todo, collided = Outstanding(tuple(rows)), Collided()
        if version != application.after_version:
            todo = await asyncio.to_thread(lambda: outstanding(snapshot.book(), rows, ours, now, collided))
        if todo.moved and not application.partial:
            await self._record_collisions(context, record, book, collided, now)
            await self._failed(record, todo.moved)
        appends = await asyncio.to_thread(lambda: list(_appends(snapshot.book(), todo, plan, application, now)))
        done = len(rows) - len(todo.rows) - len(todo.moved)
        for events in appends:
            progress(done, len(rows))
            await self._append(context, book, version, events, now)
            version, done = version + len(events), min(done + len(events), len(rows))
            await self.plans.update(replace(record, done=done))
        return await self._end(record, rows, (*application.left_out, *todo.moved), version)

    async def _record_collisions(
        self, context: Context, record: PlanRecord, book: ReservationBook, collided: Collided, now: datetime
    ) -> None:
        """Record bookings that arrived after the plan was made and have taken the places of its rows: each is a
        conflict, even if the plan is refused. Raises `VersionConflict` or `StoreUnavailable`."""
        events = [
            event
            for booking, assignments in collided.items()
            for assignment_id in assignments
            for event in book.detect_conflict(booking, ConflictKind.PLAN, f"assignment {assignment_id}", now=now)
        ]
        if events:
            await self._append(replace(context, causation_id=record.plan_id), book, book.version, events, now)

    async def _append(
        self, context: Context, book: ReservationBook, version: int, events: Sequence[ReservationEvent], now: datetime
    ) -> None:
        if book.version != version:
            raise VersionConflict("the depot's reservations changed meanwhile")
        await self.books.record(context, book, tuple(events), now=now)
        async for first in cooperatively(range(0, len(events), FOLDED_AT_A_TIME)):
            self.books.follow(context.tenant_id, events[first : first + FOLDED_AT_A_TIME], version + first + 1)

    async def _touched_by(self, record: PlanRecord, after_version: int) -> frozenset[ReservationId]:
        """Return the reservations that an earlier run of this plan has changed."""
        assert record.depot_id is not None
        stream = reservation_book_stream(record.tenant_id, record.depot_id)
        found = set()
        async for recorded in cooperatively(
            await self.store.load(stream, after_version=after_version), at_a_time=FOLDED_AT_A_TIME
        ):
            if recorded.envelope.causation_id == record.plan_id:
                event = recorded.event
                found.add(event.reservation.reservation_id if hasattr(event, "reservation") else event.reservation_id)
        return frozenset(found)

    async def _failed(self, record: PlanRecord, moved: Sequence[RefusedRow]) -> None:
        said = "Others changed reservations during the import, and their rows were not applied; plan the file again."
        await self.plans.end(record.failed(said, now=self.clock.now()))
        raise ImportFailed(said, moved[:ROWS_NAMED], names=NAMES)

    async def _end(
        self, record: PlanRecord, rows: Sequence[DispatchPlanRow], left_out: tuple[RefusedRow, ...], version: int
    ) -> PlanRecord:
        now = self.clock.now()
        out = {(each.line, each.vehicle_id) for each in left_out}
        applied = Counter(row.action for row in rows if (row.line, row.subject) not in out)
        result = ImportResult(
            applied={action.value: applied[action] for action in (Action.ADD, Action.CHANGE, Action.REMOVE)},
            left_out=left_out,
            registry_version=version,
            applied_at=now,
        )
        ended = record.applied(result)
        await self.plans.end(ended)
        return ended


def named_in(rows: Sequence[DispatchPlanRow]) -> tuple[set[VehicleId], set[ChargerId]]:
    """Return the vehicles and the chargers that the rows name."""
    wanted = [row.wanted for row in rows if row.wanted is not None]
    vehicles = {each.holder.vehicle_id for each in wanted if each.holder.vehicle_id is not None}
    return vehicles, {each.place.charger_id for each in wanted if each.place.charger_id is not None}


def _rows_of(plan: DispatchPlan, left_out: Sequence[RefusedRow]) -> list[DispatchPlanRow]:
    out = {(each.line, each.vehicle_id) for each in left_out}
    return [row for row in plan.rows if row.touched is not None and (row.line, row.subject) not in out]


def _appends(
    book: ReservationBook, todo: Outstanding, plan: DispatchPlan, application: Application, now: datetime
) -> Iterator[Sequence[ReservationEvent]]:
    """Yield the events of each append. The first append records conflicts with bookings, whose rows are left out."""
    conflicts = [event for row in plan.rows for event in _conflicts(book, row, now)]
    if conflicts:
        yield conflicts
    yield from in_steps(book, wanted_by(todo.rows, application.actor, now), size=EVENTS_AN_APPEND)


def _conflicts(book: ReservationBook, row: DispatchPlanRow, now: datetime) -> Iterator[ReservationEvent]:
    for booking in row.bookings:
        if booking in book.entries.by_id:
            for event in book.detect_conflict(booking, ConflictKind.PLAN, f"assignment {row.assignment_id}", now=now):
                book.apply(event)
                yield event
