"""A refused charge that draws energy is stopped and recorded; charges that run into a managed window go by the policy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.application.charger_tasks import ChargerTasks
from access_policy.application.charging_sessions.reports import EndReport, EnergyReport, StartReport
from access_policy.application.consequences.denial_follow_up import ENERGY_TOLERATED_WH, FollowUp
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.streams import attempt_stream, policy_stream, reservation_book_stream
from access_policy.domain.access.events import DenialNotHonoured, SessionStopRequested, StopCause
from access_policy.domain.access_mode import CauseKind, Enforcement, OnWindowStart
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ActorId, ChargerId, ChargerKey
from access_policy.domain.reservations.reservation import Holder, HolderIdentifier
from access_policy.domain.site_energy.gate import Gate, GateLevel
from tests.support import reservations
from tests.support.at_charger import AtCharger
from tests.support.depot_in_memory import (
    BAY,
    BUS,
    DAY,
    DEPOT,
    NIGHT,
    OTHER_BAY,
    STRANGER,
    TENANT,
    DepotInMemory,
    HashedPseudonyms,
)
from tests.support.energy import GivenGates, a_window
from tests.support.ocpp_pipe import until
from tests.support.outages import FailingStore
from tests.support.reservations import R1
from tests.support.stores import inline_memory_store, memory_store

KEY: ChargerKey = (TENANT, BAY)
RESERVED = NIGHT + timedelta(hours=1)


@dataclass
class AskedToStop:
    """What the gateway is asked; `epoch` None: the charger is away."""

    epoch: int | None = 1
    silent: bool = False
    asked: list[str] = field(default_factory=list)

    def commands(self, key: ChargerKey) -> Any:
        return AtCharger(self, key)

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return self.epoch

    async def stop_session(self, key: ChargerKey, transaction_id: str) -> str:
        self.asked.append(transaction_id)
        if self.silent:
            raise ChargerDidNotAnswer("nothing came")
        return "Accepted"


@dataclass
class Yard:
    depot: DepotInMemory
    gateway: AskedToStop
    follow_up: FollowUp

    async def started(
        self, presented: Identifier | None, transaction_id: str = "101", *, charger: ChargerId = BAY
    ) -> str:
        report = StartReport(
            tenant_id=TENANT,
            charger_id=charger,
            connector_id=int(transaction_id) - 100,
            identifier=presented,
            anonymous=presented is None,
            transaction_ids=(transaction_id,),
            started_at=self.depot.clock.now(),
            meter_start_wh=1_000,
            offline=False,
            protocol="ocpp1.6",
            message_id=f"s-{transaction_id}",
            signals=None,
        )
        return (await self.depot.sessions.start(report)).attempt_id

    async def energy(
        self,
        wh: int | None,
        *,
        charging: bool = False,
        transaction_id: str | None = "101",
        charger: ChargerId = BAY,
    ) -> None:
        await self.follow_up.energy(
            EnergyReport(
                tenant_id=TENANT,
                charger_id=charger,
                connector_id=1,
                transaction_id=transaction_id,
                energy_wh=wh,
                charging=charging,
                at=self.depot.clock.now(),
            )
        )

    async def check(self) -> None:
        self.follow_up.check()
        await self.follow_up.finish()

    async def facts(self, attempt_id: str) -> list[object]:
        history = await self.depot.store.load(attempt_stream(TENANT, attempt_id))
        return [each.event for each in history if isinstance(each.event, DenialNotHonoured | SessionStopRequested)]

    async def policy(self, **changes: object) -> None:
        policy = self.depot.view.charger(*KEY).policy
        enforcement = changes.pop("enforcement", policy.enforcement)
        put = policy.put(replace(policy.settings, **changes), enforcement)  # type: ignore[arg-type]
        await self.depot.record(policy_stream(*KEY), policy.version, put)


@pytest.fixture
async def yard() -> Yard:
    return await yard_over(memory_store())


async def yard_over(store, **more) -> Yard:
    depot = DepotInMemory(store, **more)
    await (depot.follow() if more else depot.opened())
    gateway = AskedToStop()
    return Yard(depot, gateway, depot.follow_up_by(gateway))


# --- energy after a refusal -------------------------------------------------------------------------------------------


async def test_energy_after_a_refusal_is_recorded_once_and_the_charge_is_stopped(yard: Yard) -> None:
    attempt = await yard.started(STRANGER)

    for wh in (1_000, 1_400, 2_000):
        await yard.energy(wh)
    await yard.check()

    seen, stop = await yard.facts(attempt)
    assert isinstance(seen, DenialNotHonoured)
    assert seen.energy_wh == 400
    assert isinstance(stop, SessionStopRequested)
    assert stop.cause is StopCause.DENIAL_NOT_HONOURED
    assert yard.gateway.asked == ["101"]


async def test_what_a_charger_counts_while_it_takes_the_refusal_in_is_tolerated(yard: Yard) -> None:
    attempt = await yard.started(STRANGER)

    await yard.energy(1_000 + ENERGY_TOLERATED_WH)
    await yard.energy(None, charging=True)

    assert await yard.facts(attempt) == []


async def test_a_charger_that_says_it_charges_long_after_the_refusal_is_believed(yard: Yard) -> None:
    attempt = await yard.started(STRANGER)
    yard.depot.clock.forward(seconds=16)

    await yard.energy(None, charging=True, transaction_id=None)

    assert [type(each) for each in await yard.facts(attempt)] == [DenialNotHonoured]


async def test_energy_of_an_allowed_charge_is_nothing_to_follow_up(yard: Yard) -> None:
    attempt = await yard.started(BUS)

    await yard.energy(9_000)
    await yard.check()

    assert await yard.facts(attempt) == []
    assert yard.gateway.asked == []


async def test_a_charge_that_has_ended_is_not_stopped(yard: Yard) -> None:
    await yard.started(STRANGER)
    await yard.energy(2_000)
    end = EndReport(
        tenant_id=TENANT,
        charger_id=BAY,
        transaction_id="101",
        ended_at=NIGHT + timedelta(minutes=1),
        meter_stop_wh=2_000,
        reason="DeAuthorized",
    )
    await yard.depot.sessions.end(end)

    await yard.check()

    assert yard.gateway.asked == []


async def test_the_end_finds_its_place_after_what_was_followed_up(yard: Yard) -> None:
    attempt = await yard.started(STRANGER)
    await yard.energy(2_000)
    await yard.check()
    end = EndReport(
        tenant_id=TENANT,
        charger_id=BAY,
        transaction_id="101",
        ended_at=NIGHT + timedelta(minutes=1),
        meter_stop_wh=2_000,
        reason="Remote",
    )

    assert await yard.depot.sessions.end(end) is not None

    history = await yard.depot.store.load(attempt_stream(TENANT, attempt))
    assert [each.event.TYPE for each in history][-3:] == [
        "access.denial_not_honoured.v1",
        "access.session_stop_requested.v1",
        "access.charging_ended.v1",
    ]


async def test_a_charger_that_is_away_is_asked_when_it_is_back(yard: Yard) -> None:
    await yard.started(STRANGER)
    yard.gateway.epoch = None
    await yard.energy(2_000)
    await yard.check()
    assert yard.gateway.asked == []

    yard.gateway.epoch = 2
    await yard.check()

    assert yard.gateway.asked == ["101"]


async def test_a_charger_that_does_not_answer_is_asked_again_later_and_recorded_once(yard: Yard, monkeypatch) -> None:
    attempt = await yard.started(STRANGER)
    yard.gateway.silent = True
    await yard.energy(2_000)

    await yard.check()
    await yard.check()  # not at once
    assert yard.gateway.asked == ["101"]
    for stop in yard.follow_up._stops.values():
        stop.due = 0.0
    await yard.check()

    assert yard.gateway.asked == ["101", "101"]
    assert len(await yard.facts(attempt)) == 2


# --- charges that run into a managed window ---------------------------------------------------------------------------


async def test_by_default_a_charge_goes_on_over_the_start_of_a_managed_window(yard: Yard) -> None:
    yard.depot.clock.set(DAY)
    await yard.started(STRANGER)
    yard.depot.clock.set(NIGHT)

    await yard.check()

    assert yard.gateway.asked == []


async def test_where_the_policy_stops_the_unauthorised_only_they_are_stopped(yard: Yard) -> None:
    await yard.policy(on_window_start=OnWindowStart.STOP_UNAUTHORISED)
    yard.depot.clock.set(DAY)
    anonymous = await yard.started(None, "101")
    await yard.started(STRANGER, "102")
    await yard.started(BUS, "103")
    await yard.check()
    assert yard.gateway.asked == []
    yard.depot.clock.set(NIGHT)

    await yard.check()

    assert sorted(yard.gateway.asked) == ["101", "102"]
    (stop,) = await yard.facts(anonymous)
    assert isinstance(stop, SessionStopRequested)
    assert stop.cause is StopCause.WINDOW_START


async def test_an_anonymous_start_in_a_managed_window_is_stopped_by_the_same_policy(yard: Yard) -> None:
    await yard.policy(on_window_start=OnWindowStart.STOP_UNAUTHORISED)
    await yard.started(None)

    await yard.check()

    assert yard.gateway.asked == ["101"]


async def test_under_observe_nobody_is_stopped(yard: Yard) -> None:
    await yard.policy(on_window_start=OnWindowStart.STOP_UNAUTHORISED, enforcement=Enforcement.OBSERVE)
    await yard.started(None)

    await yard.check()

    assert yard.gateway.asked == []


async def test_a_charge_that_was_judged_once_in_a_window_is_not_judged_again_in_it(yard: Yard) -> None:
    await yard.started(None)
    await yard.check()
    await yard.policy(on_window_start=OnWindowStart.STOP_UNAUTHORISED)

    await yard.check()

    assert yard.gateway.asked == []


# --- charges where energy is short ------------------------------------------------------------------------------------


async def test_charge_goes_on_where_energy_narrows_the_charger_until_a_window_of_the_plan_begins() -> None:
    gates, gateway = GivenGates(), AskedToStop()
    depot = await DepotInMemory(memory_store(), gates=gates).opened()
    yard = Yard(depot, gateway, depot.follow_up_by(gateway))
    await yard.policy(on_window_start=OnWindowStart.STOP_UNAUTHORISED)
    yard.depot.clock.set(DAY)
    await yard.started(STRANGER, "102")
    gates.give((TENANT, BAY), a_window(DAY + timedelta(minutes=1), NIGHT + timedelta(hours=9), GateLevel.OWN_ONLY))
    depot.narrowing.freshen((TENANT, BAY))

    yard.depot.clock.set(DAY + timedelta(minutes=1))
    await yard.check()
    assert yard.depot.view.charger(TENANT, BAY).expected(DAY + timedelta(minutes=1)).cause.kind is CauseKind.ENVELOPE
    assert yard.gateway.asked == []
    yard.depot.clock.set(NIGHT)
    await yard.check()

    assert yard.gateway.asked == ["102"]


async def test_charge_under_way_meets_no_gate() -> None:
    depot = await DepotInMemory(memory_store(), gates=GivenGates()).opened()
    charger = depot.view.charger(TENANT, BAY)
    timeline = charger.timeline_at(NIGHT)

    def gate_of(actor: ActorId | None) -> Gate | None:
        return depot.decisions.inputs.gather(charger, None, NIGHT, timeline, connector_id=1, actor=actor).gate

    assert gate_of(None) is None
    assert gate_of(ActorId("charger")) is not None


# --- charges and reservations -----------------------------------------------------------------------------------------


async def reserve(yard: Yard, card: Identifier, **terms: Any) -> None:
    """Bay 1 for the card, from an hour into the night for two hours."""
    holder = Holder(identifiers=(HolderIdentifier(ref=HashedPseudonyms().ref(TENANT, card), sealed=""),))
    made = reservations.reservation(start=RESERVED, holder=holder, terms=reservations.terms(**terms))
    version = yard.depot.view.book(TENANT, DEPOT).version
    await yard.depot.record(
        reservation_book_stream(TENANT, DEPOT), version, [reservations.made(made, at=yard.depot.clock.now())]
    )


@pytest.mark.parametrize(
    ("policy", "stopped"), [(OnWindowStart.LET_FINISH, []), (OnWindowStart.STOP_UNAUTHORISED, ["102"])]
)
async def test_charge_that_runs_into_another_holder_s_window_goes_by_the_policy(
    yard: Yard, policy: OnWindowStart, stopped: list[str]
) -> None:
    await yard.policy(on_window_start=policy)
    await reserve(yard, STRANGER)
    await yard.started(BUS, "102")
    await yard.check()
    assert yard.gateway.asked == []
    yard.depot.clock.set(RESERVED)

    await yard.check()

    assert yard.gateway.asked == stopped


@pytest.mark.parametrize(
    ("policy", "stopped"), [(OnWindowStart.LET_FINISH, []), (OnWindowStart.STOP_UNAUTHORISED, ["101"])]
)
async def test_charge_of_a_reservation_goes_on_over_its_late_stop_and_then_by_the_policy(
    yard: Yard, policy: OnWindowStart, stopped: list[str]
) -> None:
    await yard.policy(on_window_start=policy)
    await reserve(yard, STRANGER, late_stop_min=30)
    yard.depot.clock.set(RESERVED)
    await yard.started(STRANGER, "101")
    version = yard.depot.view.book(TENANT, DEPOT).version
    await yard.depot.record(
        reservation_book_stream(TENANT, DEPOT), version, [reservations.fulfilled(at=RESERVED, reservation_id=R1)]
    )
    for minutes in (60, 120, 149):
        yard.depot.clock.set(RESERVED + timedelta(minutes=minutes))
        await yard.check()
        assert yard.gateway.asked == []

    yard.depot.clock.set(RESERVED + timedelta(minutes=150))
    await yard.check()

    assert yard.gateway.asked == stopped


# --- when a part fails once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["down", "loses_answers"])
async def test_a_refusal_not_honoured_whose_append_failed_once_is_recorded_once_by_the_next_report(fault: str) -> None:
    store = FailingStore(memory_store())
    yard = await yard_over(store)
    attempt = await yard.started(STRANGER)
    setattr(store, fault, True)
    with pytest.raises(StoreUnavailable):
        await yard.energy(2_000)
    setattr(store, fault, False)

    await yard.energy(2_100)
    await yard.energy(2_200)

    assert [type(fact) for fact in await yard.facts(attempt)] == [DenialNotHonoured]


@pytest.mark.parametrize("fault", ["down", "loses_answers"])
async def test_a_stop_whose_record_failed_once_is_recorded_once_and_then_asked_for(fault: str) -> None:
    store = FailingStore(memory_store())
    yard = await yard_over(store)
    attempt = await yard.started(STRANGER)
    await yard.energy(2_000)
    setattr(store, fault, True)
    await yard.check()
    assert yard.gateway.asked == []
    setattr(store, fault, False)

    for _ in range(2):
        for stop in yard.follow_up._stops.values():
            stop.due = 0.0
        await yard.check()

    assert [type(fact) for fact in await yard.facts(attempt)] == [DenialNotHonoured, SessionStopRequested]
    assert yard.gateway.asked == ["101", "101"]


async def test_a_stop_that_an_earlier_process_recorded_is_asked_for_and_not_recorded_again(yard: Yard) -> None:
    attempt = await yard.started(STRANGER)
    await yard.energy(2_000)
    await yard.check()
    after = await yard_over(yard.depot.store, clock=yard.depot.clock)
    (session,) = yard.depot.live.sessions_at(KEY)
    after.depot.live.started(KEY, replace(session, version=0))

    await after.check()

    assert after.gateway.asked == ["101"]
    assert len(await yard.facts(attempt)) == 2


# --- one task per charger ---------------------------------------------------------------------------------------------


@dataclass
class SilentBay(AskedToStop):
    """`BAY` answers nothing until `answers` is set."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop_session(self, key: ChargerKey, transaction_id: str) -> str:
        answer = await AskedToStop.stop_session(self, key, transaction_id)
        if key == KEY:
            await self.answers.wait()
        return answer


async def with_a_silent_bay() -> tuple[Yard, SilentBay]:
    """Over a store without threads: when the loop has had some turns, no work is left."""
    yard = await yard_over(inline_memory_store())
    yard.gateway = yard.follow_up._gateway = gateway = SilentBay()
    for charger, transaction_id in ((BAY, "101"), (OTHER_BAY, "202")):
        await yard.started(STRANGER, transaction_id, charger=charger)
        await yard.energy(2_000, transaction_id=transaction_id, charger=charger)
    return yard, gateway


async def test_a_silent_charger_delays_the_stop_at_no_other_and_is_not_asked_twice_at_once() -> None:
    yard, gateway = await with_a_silent_bay()

    for _ in range(3):
        yard.follow_up.check()
        for _ in range(50):
            await asyncio.sleep(0)

    assert sorted(gateway.asked) == ["101", "202"]
    gateway.answers.set()
    await yard.follow_up.finish()


async def test_the_follow_up_cancelled_ends_the_stops_under_way() -> None:
    yard, gateway = await with_a_silent_bay()
    running = asyncio.create_task(yard.follow_up.run())
    await until(lambda: len(gateway.asked) == 2)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("following up")] == []


async def test_charger_tasks_begin_no_more_than_the_bound_at_once() -> None:
    going, tasks = asyncio.Event(), ChargerTasks("test", at_once=2)
    keys = [(TENANT, ChargerId(str(number))) for number in range(4)]

    async def work(_: ChargerKey) -> None:
        await going.wait()

    assert [tasks.begin(key, work) for key in (keys[0], keys[0], keys[1], keys[2])] == [True, False, True, False]
    going.set()
    await tasks.finish()
    assert tasks.begin(keys[3], work)
    await tasks.finish()
