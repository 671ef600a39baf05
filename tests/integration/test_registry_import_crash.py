"""An import that is broken off half-way, by a store that fails, a stop or a process that ends, is finished by the next one
over the same files: each row once, one result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, EventStore, Recorded, StoreUnavailable
from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.errors import ImportFailed
from access_policy.application.streams import registry_stream
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ActorId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.events import (
    RegistryImportApplied,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleSuspended,
)
from access_policy.domain.vehicle_registry.import_plan import ImportMode, PlanRecord, PlanState
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from access_policy.settings import Settings
from tests.support.builders import NOON
from tests.support.stores import sqlite_store

ACME = TenantId("acme")
CONTEXT = Context(tenant_id=ACME, actor=ActorId("anna"), correlation_id="a-request")
WAIT_S = 20.0
VEHICLES = 30
BATCH_EVENTS = 12

BEFORE = "vehicle_id,name,access_class,rfid\n" + "".join(f"v{n},V {n},own,04{n:06X}\n" for n in range(VEHICLES))
# Every card but the first moves on to the next vehicle, names change, ADDED vehicles are new, and v0 and v1 are gone.
ADDED, CHANGED, REMOVED = 5, VEHICLES - 2, 2
AFTER = "vehicle_id,name,access_class,rfid\n" + "".join(
    f"v{n},W {n},own,04{n - 1:06X};08{n:06X}\n" for n in range(2, VEHICLES + ADDED)
)


class Broken(Exception):
    """As if the process ended here."""


@dataclass
class DisturbedStore:
    """Calls `disturb` with the number of each append and what goes on if it returns; the rest is the store's."""

    store: RecorderEventStore
    disturb: Callable[[int, Callable[[], Any]], Any]
    appends: int = 0

    async def append(self, appends: Sequence[Append]) -> int:
        self.appends += 1
        position: int = await self.disturb(self.appends, lambda: self.store.append(appends))
        return position

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@asynccontextmanager
async def process(directory: Path, store: EventStore | None = None) -> AsyncIterator[Container]:
    """One process' life over the files in `directory`."""
    container = Container(settings=Settings(data=directory))
    container.stores.keys()
    container.stores.store.override(providers.Object(store or sqlite_store(directory)))
    container.commands.plan_applier.add_kwargs(batch_events=BATCH_EVENTS)
    try:
        yield container
    finally:
        await close_opened(container)
        await container.stores.store().close()


async def imported(container: Container, file: str, mode: ImportMode = ImportMode.MERGE, **options: Any) -> PlanRecord:
    record, _ = await container.commands.registry_imports().plan(ACME, file.encode(), mode)
    return await apply(container, record.plan_id, **options)


async def apply(container: Container, plan_id: str, **options: Any) -> PlanRecord:
    record: PlanRecord = await container.commands.registry_imports().apply(
        CONTEXT, plan_id, ApplyOptions(**options), wait_s=WAIT_S
    )
    return record


async def history(container: Container) -> list[Recorded]:
    found: list[Recorded] = await container.stores.store().load(registry_stream(ACME))
    return found


async def cards(container: Container) -> dict[str, tuple[str, list[str]]]:
    """Name and unsealed cards by vehicle, from the log alone."""
    registry, sealed = VehicleRegistry(), {}
    for recorded in await history(container):
        registry.apply(recorded.event)
        if isinstance(recorded.event, VehicleIdentifierAdded):
            added = recorded.event.identifier
            sealed[recorded.event.vehicle_id, added.ref] = added.sealed
    found = {}
    for vehicle_id, vehicle in registry.vehicles.items():
        held = [(vehicle_id, sealed[vehicle_id, ref]) for ref in vehicle.identifiers]
        values = await container.records.vault().unseal_many(ACME, held)
        found[str(vehicle_id)] = (vehicle.description.name, sorted(values))
    return found


def results(log: Sequence[Recorded], plan_id: str) -> list[RegistryImportApplied]:
    events = [each.event for each in log if isinstance(each.event, RegistryImportApplied)]
    return [event for event in events if event.plan_id == plan_id]


@pytest.fixture
async def undisturbed(tmp_path: Path) -> dict[str, tuple[str, list[str]]]:
    """What the whole import makes of the registry."""
    (tmp_path / "undisturbed").mkdir()
    async with process(tmp_path / "undisturbed") as container:
        await imported(container, BEFORE)
        await imported(container, AFTER, ImportMode.REPLACE)
        return await cards(container)


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """With the vehicles of `BEFORE`."""
    (tmp_path / "disturbed").mkdir()
    async with process(tmp_path / "disturbed") as container:
        await imported(container, BEFORE)
    return tmp_path / "disturbed"


async def broken_off(directory: Path, disturb: Callable[[int, Callable[[], Any]], Any]) -> str:
    """Begin the import in a process whose store is disturbed; the id of the plan."""
    async with process(directory, DisturbedStore(sqlite_store(directory), disturb)) as container:  # type: ignore[arg-type]
        record, _ = await container.commands.registry_imports().plan(ACME, AFTER.encode(), ImportMode.REPLACE)
        with pytest.raises((StoreUnavailable, Broken)):
            await apply(container, record.plan_id)
        return record.plan_id


async def finished(container: Container, plan_id: str) -> PlanRecord:
    """What `resume` makes of it without anybody asking."""
    await container.commands.registry_imports().resume()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == f"import {plan_id}"))
    record: PlanRecord = await container.commands.registry_imports().find(ACME, plan_id)
    return record


@pytest.mark.parametrize("batches", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("written", [False, True], ids=["not written", "written, and nobody heard of it"])
async def test_an_import_goes_on_in_the_next_process_and_ends_as_if_nothing_had_been(
    directory: Path, undisturbed: dict[str, Any], batches: int, written: bool
) -> None:
    async def fail(number: int, go_on: Callable[[], Any]) -> Any:
        if number > batches + 1 or (number == batches + 1 and not written):
            raise StoreUnavailable("the disk is full")
        position = await go_on()
        if number == batches + 1:
            raise StoreUnavailable("no answer in time")
        return position

    plan_id = await broken_off(directory, fail)

    async with process(directory) as container:
        between = await container.commands.registry_imports().find(ACME, plan_id)
        record = await finished(container, plan_id)
        again = await apply(container, plan_id)
        assert (between.state, record.state) == (PlanState.APPLYING, PlanState.APPLIED)
        assert "disk is full" in str(between.error) or "no answer" in str(between.error)
        assert again == record
        assert await cards(container) == undisturbed
        (result,) = results(await history(container), plan_id)
        assert (result.added, result.changed, result.removed) == (ADDED, CHANGED, REMOVED)


async def test_applying_again_goes_on_in_the_same_process_too(directory: Path, undisturbed: dict[str, Any]) -> None:
    async def fail_once(number: int, go_on: Callable[[], Any]) -> Any:
        if number == 4:
            raise StoreUnavailable("the disk is full")
        return await go_on()

    async with process(directory, DisturbedStore(sqlite_store(directory), fail_once)) as container:  # type: ignore[arg-type]
        record, _ = await container.commands.registry_imports().plan(ACME, AFTER.encode(), ImportMode.REPLACE)
        with pytest.raises(StoreUnavailable):
            await apply(container, record.plan_id)

        assert (await apply(container, record.plan_id)).state is PlanState.APPLIED
        assert await cards(container) == undisturbed


async def test_a_stop_in_the_middle_leaves_the_rest_to_the_next_start(
    directory: Path, undisturbed: dict[str, Any]
) -> None:
    reached = asyncio.Event()

    async def hang(number: int, go_on: Callable[[], Any]) -> Any:
        if number == 4:
            reached.set()
            await asyncio.Event().wait()
        return await go_on()

    async with process(directory, DisturbedStore(sqlite_store(directory), hang)) as container:  # type: ignore[arg-type]
        imports = container.commands.registry_imports()
        made, _ = await imports.plan(ACME, AFTER.encode(), ImportMode.REPLACE)
        under_way = await imports.apply(CONTEXT, made.plan_id, ApplyOptions(), wait_s=0.0)
        await reached.wait()
        seen = await imports.find(ACME, made.plan_id)
        assert (under_way.state, seen.state) == (PlanState.APPLYING, PlanState.APPLYING)
        assert 0 < seen.done < seen.of == ADDED + CHANGED + REMOVED

    async with process(directory) as container:
        record = await finished(container, made.plan_id)
        assert record.state is PlanState.APPLIED
        assert await cards(container) == undisturbed
        assert len(results(await history(container), made.plan_id)) == 1


async def test_a_plan_whose_last_event_was_written_and_whose_record_was_not_is_not_ended_twice(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(directory) as container:
        plans = container.records.import_plans()

        async def fail(record: PlanRecord) -> None:
            raise StoreUnavailable("the file is locked")

        with monkeypatch.context() as patch:
            patch.setattr(plans, "end", fail)
            made, _ = await container.commands.registry_imports().plan(ACME, AFTER.encode(), ImportMode.REPLACE)
            with pytest.raises(StoreUnavailable):
                await apply(container, made.plan_id)

    async with process(directory) as container:
        record = await finished(container, made.plan_id)
        assert record.result is not None
        assert record.result.applied == {"add": ADDED, "change": CHANGED, "remove": REMOVED}
        assert len(results(await history(container), made.plan_id)) == 1


async def test_no_identifier_that_moves_is_ever_without_a_vehicle(directory: Path) -> None:
    async with process(directory) as container:
        await imported(container, AFTER, ImportMode.REPLACE)
        log = await history(container)

    last_import = [each for each in log if each.envelope.causation_id == log[-1].envelope.causation_id]
    moved = 0
    for recorded, following in pairwise(last_import):
        if isinstance(recorded.event, VehicleIdentifierRemoved):
            assert isinstance(following.event, VehicleIdentifierAdded)
            assert following.event.identifier.ref == recorded.event.ref
            moved += 1
    assert moved == VEHICLES - 1


# --- others meanwhile ------------------------------------------------------------------------------------------------


def suspend(store: EventStore, vehicle_id: str) -> Callable[[int, Callable[[], Any]], Any]:
    """Another process suspends the vehicle between the third batch and the fourth."""

    async def disturb(number: int, go_on: Callable[[], Any]) -> Any:
        if number == 4:
            stream = registry_stream(ACME)
            version = len(await store.load(stream))
            events = enveloped(CONTEXT, (VehicleSuspended(vehicle_id=VehicleId(vehicle_id), reason="sold"),), now=NOON)
            await store.append([Append(stream, version, events)])
        return await go_on()

    return disturb


async def test_what_another_process_does_to_other_vehicles_does_not_matter(directory: Path) -> None:
    store = sqlite_store(directory)
    async with process(directory, DisturbedStore(store, suspend(store, "v2"))) as container:  # type: ignore[arg-type]
        file = "vehicle_id,name\n" + "".join(f"v{n},W\n" for n in range(3, VEHICLES))
        record = await imported(container, file)

        assert record.state is PlanState.APPLIED
        assert {
            name for vehicle, (name, _) in (await cards(container)).items() if vehicle not in ("v0", "v1", "v2")
        } == {"W"}
        assert len(results(await history(container), record.plan_id)) == 1


async def test_a_vehicle_that_another_process_changed_half_way_ends_the_plan_naming_its_row(directory: Path) -> None:
    store = sqlite_store(directory)
    async with process(directory, DisturbedStore(store, suspend(store, f"v{VEHICLES - 1}"))) as container:  # type: ignore[arg-type]
        file = "vehicle_id,name\n" + "".join(f"v{n},W\n" for n in range(VEHICLES))
        made, _ = await container.commands.registry_imports().plan(ACME, file.encode(), ImportMode.MERGE)

        with pytest.raises(ImportFailed) as failure:
            await apply(container, made.plan_id)

        assert [(row.line, row.vehicle_id) for row in failure.value.rows] == [(VEHICLES + 1, f"v{VEHICLES - 1}")]
        assert (await container.commands.registry_imports().find(ACME, made.plan_id)).state is PlanState.FAILED
        with pytest.raises(ImportFailed):
            await apply(container, made.plan_id)
        assert results(await history(container), made.plan_id) == []
        anew = await imported(container, file)
        assert anew.plan_id != made.plan_id
        assert {name for name, _ in (await cards(container)).values()} == {"W"}


async def test_with_partial_such_a_vehicle_is_left_out(directory: Path) -> None:
    store = sqlite_store(directory)
    async with process(directory, DisturbedStore(store, suspend(store, f"v{VEHICLES - 1}"))) as container:  # type: ignore[arg-type]
        file = "vehicle_id,name\n" + "".join(f"v{n},W\n" for n in range(VEHICLES))
        record = await imported(container, file, partial=True)

        assert record.result is not None
        assert [row.vehicle_id for row in record.result.left_out] == [f"v{VEHICLES - 1}"]
        assert record.result.applied["change"] == VEHICLES - 1
