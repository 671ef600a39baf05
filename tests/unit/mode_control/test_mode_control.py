"""The mode-control loop: level-triggered, fenced by an append, believed only after reading back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.decision_view.narrowing import Gates
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import TYPES
from access_policy.application.follower import Follower
from access_policy.application.mode_application.controller import ControllerTimings, ModeController
from access_policy.application.mode_application.reboots import REBOOTS_MAX, Reboots
from access_policy.application.mode_application.reconcile import Reconciler, ReconcileResult
from access_policy.application.mode_application.recorder import ModeRecorder
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    NoLongerWanted,
    SettingsSeen,
    StillWanted,
    Switch,
    SwitchRefused,
    Written,
)
from access_policy.application.ports.event_store import VersionConflict
from access_policy.application.queries.charger_sync import Sync, sync_of
from access_policy.application.streams import condition_stream, policy_stream
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.charger_access_policy.events import (
    ChargerAmended,
    ModeApplicationFailed,
    ModeApplied,
    ModeChangeRequested,
    ModeDriftDetected,
)
from access_policy.domain.charger_condition.events import OfflineStartsSet, ReportedSetting
from access_policy.domain.ids import AttemptId, ChargerKey
from tests.support.depot_in_memory import BAY, DAY, NIGHT, TENANT, DepotInMemory, settings_of
from tests.support.stores import memory_store

KEY: ChargerKey = (TENANT, BAY)
FREEVEND, MANAGED = AccessMode.FREEVEND, AccessMode.MANAGED


@dataclass
class ScriptedCharger:
    """A charger with a switch, as the port sees it. `refuses`, `silent` and `lies` are its defects."""

    mode: AccessMode | None = FREEVEND  # None: its value says nothing
    epoch: int | None = 1
    refuses: str | None = None
    silent: bool = False
    lies: bool = False
    loses_the_answer: bool = False
    after_reboot: bool = False
    reboots: int = 0
    release: int = 0
    watched: list[DeviceVariable] = field(default_factory=list)
    writes: list[AccessMode] = field(default_factory=list)
    cache_cleared: int = 0
    made_safe: list[OfflineStarts] = field(default_factory=list)
    before_write: Callable[[], None] = lambda: None

    def commands(self, key: ChargerKey) -> Any:
        return self

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return self.epoch

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        return self.epoch

    async def let_serve(self, key: ChargerKey) -> None:
        self.release += 1

    async def write_switch(self, switch: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
        self.before_write()
        if not wanted():
            raise NoLongerWanted("its turn came too late")
        self._answer()
        if self.refuses is not None:
            raise SwitchRefused(self.refuses, "no")
        self.writes.append(mode)
        if not self.lies:
            self.mode = mode
        if self.loses_the_answer:
            raise ChargerDidNotAnswer("the answer was lost")
        return Written.AFTER_REBOOT if self.after_reboot else Written.IN_FORCE

    async def read_switch(self, switch: Switch) -> tuple[AccessMode | None, str]:
        self._answer()
        return self.mode, f"switch={self.mode}"

    async def watch_switch(self, switch: DeviceVariable) -> str:
        self._answer()
        self.watched.append(switch)
        return "Accepted"

    async def reboot(self) -> str:
        self._answer()
        self.reboots += 1
        return "Accepted"

    async def clear_cache(self) -> str:
        self.cache_cleared += 1
        return "Accepted"

    async def make_safe(self, offline: OfflineStarts) -> SettingsSeen:
        self._answer()
        self.made_safe.append(offline)
        return SettingsSeen(
            in_force={"LocalPreAuthorize": "false"}, refused={"AllowOfflineTxForUnknownId": "not there"}
        )

    def _answer(self) -> None:
        if self.silent:
            raise ChargerDidNotAnswer("nothing came")


@dataclass
class Yard:
    depot: DepotInMemory
    charger: ScriptedCharger
    reconciler: Reconciler

    async def check(self, trigger: str = "test", *, read_back: bool = False) -> ReconcileResult:
        return await self.reconciler.reconcile(KEY, trigger, read_back=read_back)

    def sync(self) -> Sync:
        charger = self.depot.view.charger(*KEY)
        profile = self.reconciler.profiles.get(TENANT, charger.policy.settings.profile)
        return sync_of(charger.policy, profile, charger.expected(self.depot.clock.now()).mode, connected=True)

    async def boot(self) -> None:
        self.depot.clock.set(self.depot.clock.now() + timedelta(seconds=30))
        await self.reconciler.conditions.booted(KEY, vendor="V", model="M", firmware=None)
        assert self.charger.epoch is not None
        self.charger.epoch += 1

    async def facts(self) -> list[object]:
        """What mode control recorded, in order."""
        recorded = await self.depot.store.load(policy_stream(*KEY))
        kinds = ModeChangeRequested | ModeApplied | ModeApplicationFailed | ModeDriftDetected
        return [each.event for each in recorded if isinstance(each.event, kinds)]

    async def kinds(self) -> list[type]:
        return [type(fact) for fact in await self.facts()]


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    async with yard_of("microocpp-1.6") as made:
        yield made


class yard_of:  # noqa: N801  reads as the sentence it is used in
    """A charger with this profile, managed by night, and the view followed as the service does."""

    def __init__(self, profile: str, own: dict[str, str] | None = None, gates: Gates | None = None) -> None:
        self._gates = gates
        self._profile = profile
        self._own = own or {}

    async def __aenter__(self) -> Yard:
        profiles = ProfileCatalogue.packaged(lambda tenant_id: self._own)
        depot = await DepotInMemory(memory_store(), profiles=profiles, gates=self._gates).opened()
        settings = replace(settings_of(BAY), profile=self._profile)
        await depot.record(policy_stream(*KEY), 2, (ChargerAmended(charger_id=BAY, settings=settings),))
        follower = Follower("view", depot.store, depot.view.follow, depot.view.followed_to, types=TYPES, poll_s=0.02)
        self._following = asyncio.create_task(follower.run())
        facts = ModeRecorder(depot.commits, follower, depot.clock)
        charger = ScriptedCharger()
        conditions = depot.conditions()
        reboots = Reboots(charger, conditions, depot.live)
        return Yard(depot, charger, Reconciler(depot.view, facts, charger, profiles, conditions, reboots, depot.clock))

    async def __aexit__(self, *_: object) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)


async def test_a_charger_is_asked_written_and_believed_after_reading_back(yard: Yard) -> None:
    assert await yard.check() is ReconcileResult.SETTLED

    requested, applied = await yard.facts()
    assert isinstance(requested, ModeChangeRequested)
    assert isinstance(applied, ModeApplied)
    assert (requested.mode, applied.mode, applied.generation) == (MANAGED, MANAGED, requested.generation)
    assert "read back" in applied.evidence
    assert yard.charger.writes == [MANAGED]


async def test_the_request_is_on_record_before_anything_is_sent(yard: Yard) -> None:
    seen: list[int] = []
    yard.charger.before_write = lambda: seen.append(yard.depot.view.charger(*KEY).policy.application.generation)

    await yard.check()

    assert seen == [1]


async def test_a_write_that_waited_until_its_mode_went_out_of_date_is_not_sent(yard: Yard) -> None:
    yard.charger.before_write = lambda: yard.depot.clock.set(DAY + timedelta(days=1))

    assert await yard.check() is ReconcileResult.FAILED
    assert yard.charger.writes == []
    assert await yard.check("retry") is ReconcileResult.SETTLED
    assert yard.charger.mode is FREEVEND


async def test_looking_again_changes_nothing(yard: Yard) -> None:
    await yard.check()
    await yard.check()

    assert await yard.kinds() == [ModeChangeRequested, ModeApplied]
    assert yard.charger.writes == [MANAGED]


async def test_what_is_right_already_is_not_written(yard: Yard) -> None:
    yard.charger.mode = MANAGED

    await yard.check()

    assert yard.charger.writes == []
    assert await yard.kinds() == [ModeChangeRequested, ModeApplied]


async def test_a_transition_missed_offline_is_applied_late_and_says_how_late(yard: Yard) -> None:
    yard.charger.epoch = None
    assert await yard.check() is ReconcileResult.UNREACHABLE
    assert await yard.facts() == []

    yard.charger.epoch = 1
    await yard.check("connected")

    applied = (await yard.facts())[-1]
    assert isinstance(applied, ModeApplied)
    assert applied.due_at == NIGHT.replace(hour=21)  # 22:00 in Berlin; now it is 23:00
    assert applied.late_s == 3600


async def test_windows_that_were_missed_are_not_replayed(yard: Yard) -> None:
    yard.depot.clock.set(DAY)
    await yard.check()
    yard.depot.clock.set(DAY + timedelta(days=5))
    await yard.check()

    assert await yard.kinds() == [ModeChangeRequested, ModeApplied]


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ({"refuses": "rejected"}, "rejected"),
        ({"silent": True}, "no_answer"),
        ({"lies": True}, "read_back_differs"),
    ],
)
async def test_a_failure_is_recorded_once_and_the_request_is_carried_on_with(
    yard: Yard, defect: dict[str, object], reason: str
) -> None:
    for name, value in defect.items():
        setattr(yard.charger, name, value)

    results = [await yard.check() for _ in range(4)]
    for name, value in defect.items():
        setattr(yard.charger, name, None if isinstance(value, str) else False)
    await yard.check("retry")

    requested, failed, applied = await yard.facts()
    assert results == [ReconcileResult.FAILED] * 4
    assert isinstance(failed, ModeApplicationFailed)
    assert failed.reason == reason
    assert isinstance(applied, ModeApplied)
    assert isinstance(requested, ModeChangeRequested)
    assert applied.generation == requested.generation


async def test_a_write_whose_answer_was_lost_is_found_by_reading(yard: Yard) -> None:
    yard.charger.loses_the_answer = True
    assert await yard.check() is ReconcileResult.FAILED
    assert await yard.check("retry") is ReconcileResult.SETTLED

    assert yard.charger.writes == [MANAGED]
    assert await yard.kinds() == [ModeChangeRequested, ModeApplicationFailed, ModeApplied]


async def test_a_charger_that_forgot_its_mode_at_a_boot_is_seen_and_switched_back(yard: Yard) -> None:
    await yard.check()
    yard.charger.mode, yard.charger.epoch = FREEVEND, 2

    await yard.check("boot")

    assert await yard.kinds() == [
        ModeChangeRequested, ModeApplied, ModeDriftDetected, ModeChangeRequested, ModeApplied
    ]  # fmt: skip
    assert yard.charger.mode is MANAGED


# --- values that a charger takes with a reboot -------------------------------------------------------------------------


async def test_a_value_that_needs_a_reboot_is_believed_after_one(yard: Yard) -> None:
    yard.charger.after_reboot = True
    assert await yard.check() is ReconcileResult.WAITING
    assert await yard.check("retry") is ReconcileResult.WAITING  # reads as wanted, and is not in force yet
    assert await yard.kinds() == [ModeChangeRequested, ModeApplicationFailed]
    assert (yard.charger.reboots, yard.charger.writes) == (1, [MANAGED])

    await yard.boot()

    assert await yard.check("boot") is ReconcileResult.SETTLED
    assert await yard.kinds() == [ModeChangeRequested, ModeApplicationFailed, ModeApplied]


async def test_a_charger_that_waits_for_its_reboot_is_pending_and_one_that_was_rebooted_in_vain_has_failed(
    yard: Yard,
) -> None:
    yard.charger.after_reboot = True
    seen = []
    for _ in range(REBOOTS_MAX + 1):
        await yard.check()
        seen.append(yard.sync())
        yard.charger.mode = FREEVEND
        await yard.boot()

    assert seen == [Sync.PENDING] * REBOOTS_MAX + [Sync.FAILED]


async def test_a_variable_that_needs_a_reboot_by_its_profile_gets_one_though_the_charger_does_not_ask() -> None:
    variable = {"kind": "device_variable", "component": "AuthCtrlr", "variable": "Enabled", "needs_reboot": True}
    control = {**variable, "managed_value": "true", "freevend_value": "false"}
    own = json.dumps({"title": "Ours", "protocols": ["ocpp2.0.1"], "mode_control": control})
    async with yard_of("ours-2.0.1", {"ours-2.0.1": own}) as yard:
        assert await yard.check() is ReconcileResult.WAITING
        assert (yard.charger.reboots, yard.charger.writes, yard.sync()) == (1, [MANAGED], Sync.PENDING)
        await yard.boot()

        assert await yard.check("boot") is ReconcileResult.SETTLED
        assert yard.sync() is Sync.IN_SYNC


async def test_a_lost_connection_is_no_reboot(yard: Yard) -> None:
    yard.charger.after_reboot = True
    await yard.check()
    yard.charger.silent = True
    yard.charger.epoch = 2
    await yard.check("connected")
    yard.charger.silent = False

    assert await yard.check("retry") is ReconcileResult.WAITING
    assert ModeApplied not in await yard.kinds()


async def test_nobody_is_cut_off_by_a_reboot(yard: Yard) -> None:
    yard.charger.after_reboot = True
    yard.depot.live.started(KEY, session("tx-1"))
    assert [await yard.check() for _ in range(3)] == [ReconcileResult.WAITING] * 3
    assert yard.charger.reboots == 0

    yard.depot.live.ended(KEY, "tx-1")
    await yard.check("retry")

    assert yard.charger.reboots == 1


async def test_a_charger_that_forgets_at_each_boot_is_not_rebooted_for_ever(yard: Yard) -> None:
    yard.charger.after_reboot = True
    results = []
    for _ in range(REBOOTS_MAX + 2):
        results.append(await yard.check())
        yard.charger.mode = FREEVEND
        await yard.boot()

    assert yard.charger.reboots == REBOOTS_MAX
    assert results == [ReconcileResult.WAITING] * REBOOTS_MAX + [ReconcileResult.FAILED] * 2
    assert yard.depot.view.charger(*KEY).policy.application.failure == "reboot_in_vain"


async def test_a_request_that_is_no_longer_wanted_is_not_rebooted_for(yard: Yard) -> None:
    yard.charger.after_reboot = True
    yard.depot.live.started(KEY, session("tx-1"))
    await yard.check()
    yard.depot.clock.set(DAY + timedelta(days=1))
    yard.charger.after_reboot = False

    assert await yard.check("transition") is ReconcileResult.SETTLED
    assert yard.charger.writes == [MANAGED, FREEVEND]


def session(transaction_id: str) -> Session:
    return Session(
        attempt_id=AttemptId("a-1"),
        transaction_id=transaction_id,
        connector_id=1,
        identifier=None,
        vehicle_id=None,
        decision=SessionDecision.ALLOWED,
        started_at=NIGHT,
        meter_start_wh=0,
    )


async def test_a_sign_of_drift_makes_it_read_the_charger_even_on_the_same_connection(yard: Yard) -> None:
    await yard.check()
    yard.charger.mode = FREEVEND
    await yard.check("resync")
    unseen = len(await yard.facts())
    await yard.check("a start without authorisation", read_back=True)

    assert unseen == 2
    assert yard.charger.mode is MANAGED


async def test_a_value_that_says_nothing_is_written_again_and_is_no_drift(yard: Yard) -> None:
    await yard.check()
    yard.charger.mode, yard.charger.lies = None, True
    result = await yard.check("resync", read_back=True)
    yard.charger.lies = False

    assert result is ReconcileResult.FAILED
    assert await yard.check("retry") is ReconcileResult.SETTLED
    assert yard.charger.writes == [MANAGED, MANAGED, MANAGED]
    assert ModeDriftDetected not in await yard.kinds()


async def test_who_loses_the_race_for_the_version_sends_nothing(yard: Yard) -> None:
    stale = yard.depot.view.charger(*KEY).policy
    await yard.depot.record(
        policy_stream(*KEY), stale.version, (ChargerAmended(charger_id=BAY, settings=stale.settings),)
    )
    charger = yard.depot.view.charger(*KEY)
    current, charger.policy = charger.policy, stale  # as if the other's event had not been seen yet

    with pytest.raises(VersionConflict):
        await yard.check()

    charger.policy = current
    assert yard.charger.writes == []


async def test_a_charger_that_always_asks_is_in_force_by_decision_without_a_word_to_it() -> None:
    async with yard_of("ocpp16-central") as yard:
        await yard.check()

        assert await yard.kinds() == [ModeChangeRequested, ModeApplied]
        assert yard.charger.writes == []


async def test_an_unsupported_charger_is_left_alone() -> None:
    async with yard_of("unsupported") as yard:
        assert await yard.check() is ReconcileResult.SETTLED
        assert await yard.facts() == []


async def test_the_controller_follows_transitions_and_retries_until_it_is_so(yard: Yard) -> None:
    yard.depot.clock.set(DAY)
    pace = ControllerTimings(tick_s=0.01, backoff_first_s=0.01, backoff_longest_s=0.02, clock_jump_s=1e9)
    controller = ModeController(yard.depot.view, yard.reconciler, yard.depot.clock, pace)
    running = asyncio.create_task(controller.run())
    try:
        await until(lambda: applied_mode(yard) is FREEVEND)
        yard.charger.silent = True
        yard.depot.clock.set(NIGHT)
        await until(lambda: yard.depot.view.charger(*KEY).policy.application.failure is not None)
        yard.charger.silent = False
        await until(lambda: applied_mode(yard) is MANAGED)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert yard.charger.mode is MANAGED
    assert yard.charger.writes == [MANAGED]


def applied_mode(yard: Yard) -> AccessMode | None:
    return yard.depot.view.charger(*KEY).policy.application.applied_mode


async def until(condition: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  states of several objects, none of which tells
            await asyncio.sleep(0.005)


# --- permissions that the charger keeps -------------------------------------------------------------------------------


async def told(yard: Yard) -> list[OfflineStartsSet]:
    recorded = await yard.depot.store.load(condition_stream(*KEY))
    return [each.event for each in recorded if isinstance(each.event, OfflineStartsSet)]


async def test_who_may_start_without_asking_is_set_once_a_connection_and_recorded(yard: Yard):
    await yard.check()
    await yard.check()

    assert yard.charger.made_safe == [OfflineStarts.LIST]
    (seen,) = await told(yard)
    assert seen.in_force == (ReportedSetting("LocalPreAuthorize", "false"),)
    assert seen.refused == (ReportedSetting("AllowOfflineTxForUnknownId", "not there"),)


async def test_it_is_set_again_after_a_boot_and_recorded_only_where_it_differs(yard: Yard):
    await yard.check()
    yard.charger.epoch = 2
    await yard.check()

    assert len(yard.charger.made_safe) == 2
    assert len(await told(yard)) == 1


async def test_a_variable_is_watched_from_each_connection_on() -> None:
    async with yard_of("ocpp201-authctrlr") as yard:
        await yard.check()
        await yard.check(read_back=True)
        yard.charger.epoch = 2
        await yard.check("connected")

        assert [switch.variable for switch in yard.charger.watched] == ["Enabled", "Enabled"]


async def test_a_changed_policy_for_offline_starts_is_followed(yard: Yard):
    await yard.check()
    policy = yard.depot.view.charger(*KEY).policy
    closed = policy.put(replace(policy.settings, offline_starts=OfflineStarts.CLOSED), policy.enforcement)
    await yard.depot.record(policy_stream(*KEY), policy.version, closed)
    await yard.check()

    assert yard.charger.made_safe == [OfflineStarts.LIST, OfflineStarts.CLOSED]


async def test_the_cache_is_cleared_at_the_start_of_each_managed_window_and_not_in_freevend() -> None:
    async with yard_of("zaptec-go-1.6") as yard:
        yard.depot.clock.set(DAY)
        await yard.check()
        assert yard.charger.cache_cleared == 0
        yard.depot.clock.set(NIGHT)
        await yard.check()
        await yard.check()
        assert yard.charger.cache_cleared == 1
        yard.depot.clock.set(DAY + timedelta(days=1))
        await yard.check()
        yard.depot.clock.set(NIGHT + timedelta(days=1))
        await yard.check()

        assert yard.charger.cache_cleared == 2


async def test_a_charger_whose_profile_has_no_cache_is_never_asked_to_clear_one(yard: Yard) -> None:
    await yard.check()

    assert yard.charger.made_safe == [OfflineStarts.LIST]
    assert yard.charger.cache_cleared == 0


async def test_a_charger_that_always_asks_has_its_cache_cleared_as_well():
    async with yard_of("ocpp16-central") as yard:
        await yard.check()

        assert yard.charger.cache_cleared == 1
        assert yard.charger.made_safe == [OfflineStarts.LIST]


async def test_a_charger_in_its_mode_that_does_not_answer_is_asked_again_and_has_not_failed():
    async with yard_of("ocpp16-central") as yard:
        yard.charger.silent = True

        assert await yard.check() is ReconcileResult.FAILED
        assert await yard.kinds() == [ModeChangeRequested, ModeApplied]
