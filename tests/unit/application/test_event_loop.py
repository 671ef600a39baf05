"""Long work leaves the event loop to others, after a number of items that does not depend on how many there are."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.local_files.view_snapshots import FileViewSnapshots
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.application.context import Context, enveloped
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.decision_view.whole_commands import FOLDED_AT_A_TIME
from access_policy.application.event_loop import FREED_AT_A_TIME, cooperatively, release, release_on_a_thread
from access_policy.application.mode_application import controller
from access_policy.application.mode_application.controller import ControllerTimings
from access_policy.application.mode_application.reconcile import ReconcileResult
from access_policy.application.ports.event_store import Append, Recorded
from access_policy.application.ports.relay_positions import HeldStream
from access_policy.application.ports.view_snapshots import ViewState
from access_policy.application.ports.views import Page, ReportFilter
from access_policy.application.queries import access_report
from access_policy.application.queries.access_report import AccessReports, GroupBy
from access_policy.application.registry_import import imports
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.application.relay import held_streams, relay
from access_policy.application.relay.timings import RelayTimings as RelayPace
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.streams import policy_stream, registry_stream
from access_policy.application.what_if.proposal import Proposal
from access_policy.application.what_if.replay import Question, WhatIf
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.events import ModeOverrideLifted
from access_policy.domain.ids import ActorId, ChargerId, OverrideId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleRegistered
from access_policy.domain.vehicle_registry.import_plan import ImportMode, PlanRow
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from tests.support.builders import BERLIN
from tests.support.depot_in_memory import (
    BAY,
    DAY,
    NIGHT,
    TENANT,
    DepotInMemory,
    HashedPseudonyms,
    SettableClock,
    managed_nights,
    settings_of,
)
from tests.support.effort import loop_iterations, most_in_an_iteration
from tests.support.stores import happened, inline_memory_store


async def depot_of(chargers: int) -> DepotInMemory:
    depot = await DepotInMemory(inline_memory_store()).opened()
    for number in range(chargers):
        charger = ChargerId(f"more-{number}")
        registered = policies.register(charger, settings_of(charger), Enforcement.ENFORCE)
        policy = policies.fold(registered)
        assert policy is not None
        scheduled = policy.schedule(managed_nights(), now=depot.clock.now())
        await depot.record(policy_stream(TENANT, charger), 0, (*registered, *scheduled))
    return depot


class Attempts:
    """`count` attempts at one charger, in pages."""

    def __init__(self, count: int = 0) -> None:
        self._left = count

    async def attempts(self, *_: Any, limit: int, **__: Any) -> Page:
        size = min(limit, self._left)
        self._left -= size
        row = {
            "charger_id": BAY,
            "occurred_at": NIGHT,
            "identifier_kind": None,
            "reason": "identifier_invalid",
            "would_deny": None,
        }
        return Page([row] * size, "more" if self._left else None)


async def longest_turn_of_what_if(chargers: int, attempts: int) -> int:
    depot = await depot_of(chargers)
    what_if = WhatIf(depot.view, Attempts(attempts), HashedPseudonyms(), depot.clock)  # type: ignore[arg-type]
    question = Question(
        since=NIGHT - timedelta(days=7), until=DAY + timedelta(days=1), charger_ids=None, proposal=Proposal()
    )
    await what_if(TENANT, question)  # what is computed once is there
    what_if = WhatIf(depot.view, Attempts(attempts), HashedPseudonyms(), depot.clock)  # type: ignore[arg-type]

    async with loop_iterations() as iterations:
        answer = await what_if(TENANT, question)

    assert answer.attempts == attempts
    return iterations.longest


class Freed:
    """Counts the items that are freed."""

    def __init__(self) -> None:
        self.count = 0

    def items(self, count: int) -> list[Any]:
        class Item:
            def __del__(self, freed: Freed = self) -> None:
                freed.count += 1

        return [Item() for _ in range(count)]


async def test_release_frees_a_bounded_number_of_items_in_one_turn_of_the_loop() -> None:
    freed, count = Freed(), 10 * FREED_AT_A_TIME + 1
    items, at_once, before = freed.items(count), [], 0
    releasing = asyncio.create_task(release(items))
    while not releasing.done():
        await asyncio.sleep(0)
        at_once.append(freed.count - before)
        before = freed.count

    assert (items, freed.count) == ([], count)
    assert max(at_once) == FREED_AT_A_TIME


def test_release_on_a_thread_frees_every_item() -> None:
    freed = Freed()
    items = freed.items(FREED_AT_A_TIME + 1)
    release_on_a_thread(items)

    assert (items, freed.count) == ([], FREED_AT_A_TIME + 1)


async def test_cooperatively_lets_others_run_after_each_group_of_items() -> None:
    ran: list[str] = []

    async def other() -> None:
        while True:
            ran.append("other")
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for item in cooperatively("abcd", at_a_time=2):
        ran += item
    task.cancel()

    assert ran == ["other", "a", "b", "other", "c", "d"]


async def test_loop_iterations_do_not_count_the_finalizers_of_earlier_garbage() -> None:
    class Left:
        """Garbage in a cycle, as an earlier test may leave it, whose finalizer calls functions."""

        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            for _ in range(1_000):
                len("")

    gc.collect()  # the next collection begins after as many objects as the threshold says
    Left()
    async with loop_iterations() as iterations:
        kept = [[] for _ in range(2 * gc.get_threshold()[0])]

    assert kept
    assert iterations.longest < 1_000


async def test_what_if_looks_at_as_many_chargers_in_a_turn_whatever_their_number() -> None:
    few, many = await longest_turn_of_what_if(20, 0), await longest_turn_of_what_if(200, 0)

    assert many < 2 * few


async def test_what_if_decides_as_many_attempts_in_a_turn_whatever_their_number() -> None:
    some, many = await longest_turn_of_what_if(0, 100), await longest_turn_of_what_if(0, 2_000)

    assert many < 2 * some


async def test_a_dry_run_at_another_instant_leaves_the_timeline_of_decisions_in_place() -> None:
    depot = await DepotInMemory(inline_memory_store()).opened()
    await depot.decider.authorize(depot.attempt(None))
    charger = depot.view.charger(TENANT, BAY)
    present = charger.timeline_now(depot.clock.now())

    for days in (-30, 30, 400):
        depot.decisions.preview(depot.attempt(None), at=NIGHT + timedelta(days=days))
        charger.expected(NIGHT - timedelta(days=days))

    assert charger.timeline_now(depot.clock.now()) is present
    assert charger.timeline_at(depot.clock.now()) is present


@pytest.mark.threads
async def test_a_report_by_day_is_added_up_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    on_the_loop: list[bool] = []
    grouped = access_report._grouped

    def noted(*arguments: Any) -> Any:
        try:
            asyncio.get_running_loop()
            on_the_loop.append(True)
        except RuntimeError:
            on_the_loop.append(False)
        return grouped(*arguments)

    class Counts:
        async def access_counts(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
            return [
                dict.fromkeys(access_report.COUNTS, 1)
                | {
                    "quarter": NIGHT,
                    "depot_id": "north",
                    "first_attempt_at": NIGHT,
                    "last_attempt_at": NIGHT,
                }
            ]

    monkeypatch.setattr(access_report, "_grouped", noted)
    reports = AccessReports(Counts(), lambda *_: BERLIN, lambda _: ())  # type: ignore[arg-type]

    report = await reports(TENANT, [GroupBy.DAY], ReportFilter(since=DAY, until=NIGHT))

    assert [row["day"] for row in report.rows] == ["2026-11-20"]
    assert on_the_loop == [False]


class _Plans:
    """Keeps nothing."""

    def fingerprint_of(self, *_: Any) -> str:
        return "f" * 64

    async def find(self, *_: Any, **__: Any) -> None:
        return None

    async def keep(self, *_: Any) -> None:
        return None

    async def forget_old(self, **_: Any) -> int:
        return 0


async def test_an_import_is_planned_from_one_version_of_the_registry_while_others_change_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = VehicleRegistry()

    class InMemory:
        def registry(self, _: Any) -> VehicleRegistry:
            return live

    plan_rows = imports.plan_rows

    def while_others_register_it(registry: VehicleRegistry, *rest: Any) -> tuple[PlanRow, ...]:
        description = VehicleDescription(name="Bus", access_class=AccessClass.OWN)
        live.follow(1, VehicleRegistered(vehicle_id=VehicleId("bus-1"), description=description))
        return plan_rows(registry, *rest)

    monkeypatch.setattr(imports, "plan_rows", while_others_register_it)
    store, plans, clock = inline_memory_store(), _Plans(), SettableClock(NIGHT)
    registries = VehicleRegistries(store, InMemory())
    applier = PlanApplier(registries, store, plans, None, clock)  # type: ignore[arg-type]
    planner = RegistryImports(registries, plans, HashedPseudonyms(), applier, clock)  # type: ignore[arg-type]

    record, plan = await planner.plan(TENANT, b"vehicle_id,name,access_class\nbus-1,Bus,own\n", ImportMode.MERGE)

    assert (record.registry_version, plan.vehicles, record.counts["add"]) == (0, 0, 1)
    assert live.version == 1


# --- what follows the log, and what a change of a whole depot starts ---------------------------------------------------------


async def test_the_decision_view_folds_a_long_batch_in_slices_and_each_command_as_a_whole() -> None:
    store, view = inline_memory_store(), DecisionView()
    for number in range(40):
        context = Context(tenant_id=TENANT, actor=ActorId("test"), correlation_id=f"command-{number}")
        description = VehicleDescription(name="Bus", access_class=AccessClass.OWN)
        registered = tuple(
            VehicleRegistered(vehicle_id=VehicleId(f"v-{number}-{n}"), description=description) for n in range(30)
        )
        events = enveloped(context, registered, now=NIGHT)
        await store.append([Append(registry_stream(TENANT), number * 30, events)])
    batch = await store.read_log(after=0, limit=10_000)
    versions: list[int] = []

    def folded() -> int:
        versions.append(view.registry(TENANT).version)
        return versions[-1]

    async with most_in_an_iteration(folded) as iterations:
        await view.follow(batch, batch[-1].position)

    assert folded() == 40 * 30
    assert iterations.longest <= FOLDED_AT_A_TIME + 30
    assert {version % 30 for version in versions} == {0}


@pytest.mark.threads
async def test_a_kept_view_is_restored_off_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depot = await DepotInMemory(inline_memory_store()).opened()
    snapshots = FileViewSnapshots(tmp_path / "view.snapshot")
    await ViewKeeper(depot.view, depot.store, snapshots).save()
    on_the_loop: list[bool] = []
    view = DecisionView()
    restore = view.restore

    def noted(state: ViewState) -> None:
        on_the_loop.append(asyncio._get_running_loop() is not None)
        restore(state)

    monkeypatch.setattr(view, "restore", noted)

    assert await ViewKeeper(view, depot.store, snapshots).restore()
    assert on_the_loop == [False]


async def test_the_relay_makes_events_public_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    store, made = inline_memory_store(), 0
    entry_of = relay.entry_of

    def counted(recorded: Recorded) -> Any:
        nonlocal made
        made += 1
        return entry_of(recorded)

    monkeypatch.setattr(relay, "entry_of", counted)
    for number in range(300):
        new = happened(ModeOverrideLifted(charger_id=BAY, override_id=OverrideId(f"o-{number}"), lifted_at=NIGHT))
        await store.append([Append(policy_stream(TENANT, ChargerId(f"bay-{number}")), 0, (new,))])
    batch = await store.read_log(after=0, limit=10_000)
    clock = SettableClock(NIGHT)
    publishing = relay.Relay(store, InProcessBus(), MemoryRelayPositions(), clock)

    async with most_in_an_iteration(lambda: made) as iterations:
        await publishing.follow(batch, batch[-1].position)

    assert made == 300
    assert iterations.longest <= relay.MADE_PUBLIC_AT_A_TIME


async def test_a_held_stream_is_published_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    store, made = inline_memory_store(), 0
    entry_of = held_streams.entry_of

    def counted(recorded: Recorded) -> Any:
        nonlocal made
        made += 1
        return entry_of(recorded)

    monkeypatch.setattr(held_streams, "entry_of", counted)
    stream = policy_stream(TENANT, BAY)
    lifted = (ModeOverrideLifted(charger_id=BAY, override_id=OverrideId(f"o-{n}"), lifted_at=NIGHT) for n in range(300))
    await store.append([Append(stream, 0, tuple(happened(each) for each in lifted))])
    held = held_streams.HeldStreams(store, InProcessBus(), MemoryRelayPositions(), SettableClock(NIGHT), RelayPace())
    held.add([HeldStream(stream=stream, version=1, passed=300, reason="a long run", tries=0, try_again_at=NIGHT)])

    async with most_in_an_iteration(lambda: made) as iterations:
        while made < 300:
            await held.try_again()

    assert iterations.longest <= held_streams.PUBLISHED_AT_A_TIME


async def test_a_change_of_a_whole_depot_starts_a_few_looks_at_chargers_in_a_turn() -> None:
    depot = await depot_of(200)
    looked = 0

    class Reconciler:
        @property
        def gateway(self) -> Any:
            return self

        def configurable_epoch(self, _: Any) -> None:
            return None

        async def reconcile(self, *_: Any, **__: Any) -> ReconcileResult:
            nonlocal looked
            looked += 1
            return ReconcileResult.UNREACHABLE

    timings = ControllerTimings(tick_s=0.01, clock_jump_s=1e9)
    controlling = controller.ModeController(depot.view, Reconciler(), depot.clock, timings)  # type: ignore[arg-type]

    async with most_in_an_iteration(lambda: looked) as iterations:
        running = asyncio.create_task(controlling.run())
        async with asyncio.timeout(30):
            while looked < 202:  # noqa: ASYNC110  iteration by iteration, so that each is seen
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert iterations.longest <= controller.STARTED_AT_A_TIME
