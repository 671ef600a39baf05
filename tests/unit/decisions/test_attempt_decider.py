"""The access decider: each attempt is decided and recorded once, whatever is delivered how often."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from access_policy.application.deciding.attempts import CHARGER
from access_policy.application.deciding.redelivery import AttemptIdTaken
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.streams import attempt_stream, depot_stream, policy_stream, registry_stream
from access_policy.domain.access.events import AccessAllowed, AccessDenied, PinsLockedOut, SessionDecision
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef, identifier
from access_policy.domain.ids import ActorId, AttemptId, TenantId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleIdentifier, VehicleIdentifierAdded
from tests.support import builders
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
from tests.support.stores import memory_store


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(memory_store()).opened()


async def test_an_own_vehicle_is_allowed_and_the_decision_is_stored_with_its_lineage(depot: DepotInMemory):
    decided = await depot.decider.authorize(depot.attempt(BUS))

    (recorded,) = await depot.store.load(attempt_stream(TENANT, decided.attempt_id))
    assert recorded.event == decided.event
    assert isinstance(decided.event, AccessAllowed)
    assert decided.event.reason is Reason.OWN_VEHICLE
    assert decided.event.lineage.vehicle_id == "bus-7"
    assert decided.event.lineage.cause.id == "nights"
    assert decided.event.lineage.policy_version == 2


async def test_a_stranger_is_denied_under_managed_access_and_allowed_in_freevend(depot: DepotInMemory):
    at_night = await depot.decider.authorize(depot.attempt(STRANGER, message_id="a"))
    depot.clock.set(DAY)
    by_day = await depot.decider.authorize(depot.attempt(STRANGER, message_id="b"))

    assert isinstance(at_night.event, AccessDenied)
    assert at_night.event.reason is Reason.UNKNOWN_IDENTIFIER
    assert isinstance(by_day.event, AccessAllowed)
    assert by_day.event.reason is Reason.FREEVEND
    assert by_day.event.lineage.access_class is AccessClass.UNKNOWN
    assert by_day.event.valid_until == NIGHT.replace(hour=21)  # 22:00 in Berlin


async def test_the_same_message_delivered_twice_is_recorded_once_and_answered_the_same(depot: DepotInMemory):
    first = await depot.decider.authorize(depot.attempt(BUS))
    depot.clock.forward(seconds=30)
    again = await depot.decider.authorize(depot.attempt(BUS))

    assert again.attempt_id == first.attempt_id
    assert again.event == first.event
    assert again.redelivered
    assert len(await depot.store.load(attempt_stream(TENANT, first.attempt_id))) == 1


async def test_an_attempt_id_that_names_another_question_is_refused_and_leaves_nothing(depot: DepotInMemory):
    chosen = AttemptId("visit-1")
    await depot.decider.authorize(depot.attempt(BUS), attempt_id=chosen)

    with pytest.raises(AttemptIdTaken, match="visit-1"):
        await depot.decider.authorize(depot.attempt(STRANGER), attempt_id=chosen)

    assert len(await depot.store.load(attempt_stream(TENANT, chosen))) == 1
    on_its_own = await depot.decider.authorize(depot.attempt(STRANGER))
    assert isinstance(on_its_own.event, AccessDenied)


async def test_two_questions_at_the_same_time_cannot_share_an_attempt_id(depot: DepotInMemory):
    asked = [depot.decider.authorize(depot.attempt(each), attempt_id=AttemptId("visit-1")) for each in (BUS, STRANGER)]

    first, second = await asyncio.gather(*asked, return_exceptions=True)

    assert not isinstance(first, BaseException)
    assert isinstance(second, AttemptIdTaken)


async def test_two_deliveries_at_the_same_time_share_one_decision(depot: DepotInMemory):
    first, again = await asyncio.gather(
        depot.decider.authorize(depot.attempt(BUS)), depot.decider.authorize(depot.attempt(BUS))
    )

    assert first.attempt_id == again.attempt_id
    assert len(await depot.store.load(attempt_stream(TENANT, first.attempt_id))) == 1


async def test_authorize_when_the_first_of_two_deliveries_is_cancelled_answers_the_second(depot: DepotInMemory):
    cancelled = asyncio.create_task(depot.decider.authorize(depot.attempt(BUS)))
    second = asyncio.create_task(depot.decider.authorize(depot.attempt(BUS)))
    await asyncio.sleep(0)

    cancelled.cancel()

    assert (await second).allowed


async def test_authorize_when_the_message_id_comes_again_on_another_connection_records_another_attempt(
    depot: DepotInMemory,
):
    first = await depot.decider.authorize(depot.attempt(BUS, message_id="1", connection="before the reboot"))
    later = await depot.decider.authorize(depot.attempt(BUS, message_id="1", connection="after the reboot"))

    assert not later.redelivered
    assert later.attempt_id != first.attempt_id
    for each in (first, later):
        assert len(await depot.store.load(attempt_stream(TENANT, each.attempt_id))) == 1


async def test_authorize_when_two_tenants_choose_the_same_attempt_id_at_once_answers_each_its_own(
    depot: DepotInMemory,
):
    other = TenantId("other")
    await depot.add_charger(other, BAY)
    chosen = AttemptId("visit-1")

    ours, theirs = await asyncio.gather(
        depot.decider.authorize(depot.attempt(BUS), attempt_id=chosen),
        depot.decider.authorize(replace(depot.attempt(BUS), tenant_id=other), attempt_id=chosen),
    )

    assert ours.allowed
    assert not theirs.allowed
    assert not theirs.redelivered
    assert len(await depot.store.load(attempt_stream(other, chosen))) == 1


async def test_a_message_id_used_again_within_a_connection_is_a_new_attempt_after_ten_minutes(depot: DepotInMemory):
    first = await depot.decider.authorize(depot.attempt(BUS))
    depot.clock.forward(minutes=11)
    later = await depot.decider.authorize(depot.attempt(BUS))

    assert later.attempt_id != first.attempt_id
    assert not later.redelivered


async def test_a_permission_that_was_revoked_is_not_given_again_for_the_same_message_id(depot: DepotInMemory):
    first = await depot.decider.authorize(depot.attempt(BUS))
    registry = depot.view.registry(TENANT)
    await depot.record(registry_stream(TENANT), registry.version, registry.suspend("bus-7", "in the workshop"))

    again = await depot.decider.authorize(depot.attempt(BUS))

    assert first.allowed
    assert isinstance(again.event, AccessDenied)
    assert again.event.reason is Reason.VEHICLE_SUSPENDED


async def test_a_restarted_desk_answers_a_chosen_attempt_id_from_the_store(depot: DepotInMemory):
    chosen = AttemptId("visit-1")
    first = await depot.decider.authorize(depot.attempt(BUS), attempt_id=chosen)
    restarted = DepotInMemory(depot.store, clock=depot.clock)
    await restarted.follow()

    again = await restarted.decider.authorize(restarted.attempt(BUS), attempt_id=chosen)

    assert again.redelivered
    assert again.event == first.event


async def typed(depot: DepotInMemory, pin: str, message_id: str, *, actor: ActorId = CHARGER) -> Reason:
    ask = replace(depot.attempt(identifier(IdentifierKind.PIN, pin), message_id=message_id), actor=actor)
    event = (await depot.decider.authorize(ask)).event
    return event.would_deny or event.reason if isinstance(event, AccessAllowed) else event.reason


async def lockouts(depot: DepotInMemory) -> list[PinsLockedOut]:
    return [each.event for each in await depot.store.read_log(after=0, limit=1_000, types=[PinsLockedOut.TYPE])]


async def test_the_fifth_wrong_pin_locks_pins_out_at_that_charger_for_ten_minutes(depot: DepotInMemory):
    reasons = [await typed(depot, f"000{n}", f"w{n}") for n in range(6)]
    depot.clock.forward(minutes=10)
    afterwards = await typed(depot, "0009", "later")

    assert reasons == [Reason.UNKNOWN_IDENTIFIER] * 5 + [Reason.PIN_LOCKED_OUT]
    assert afterwards is Reason.UNKNOWN_IDENTIFIER


async def test_a_lock_out_is_recorded_once_with_its_place_and_its_end(depot: DepotInMemory):
    for n in range(7):
        await typed(depot, f"000{n}", f"w{n}")

    (locked,) = await lockouts(depot)
    assert (locked.charger_id, locked.source) == (BAY, CHARGER)
    assert (locked.since, locked.until) == (NIGHT, NIGHT + timedelta(minutes=10))


async def test_wrong_pins_of_a_service_do_not_lock_the_chargers_own_keypad(depot: DepotInMemory):
    for n in range(6):
        await typed(depot, f"000{n}", f"w{n}", actor=ActorId("kiosk"))

    assert await typed(depot, "0008", "k", actor=ActorId("kiosk")) is Reason.PIN_LOCKED_OUT
    assert await typed(depot, "0009", "own") is Reason.UNKNOWN_IDENTIFIER
    assert [each.source for each in await lockouts(depot)] == ["kiosk"]


async def test_under_observe_wrong_pins_count_and_the_lock_would_deny(depot: DepotInMemory):
    policy = depot.view.charger(TENANT, BAY).policy
    observing = policy.put(policy.settings, Enforcement.OBSERVE)
    await depot.record(policy_stream(TENANT, BAY), policy.version, observing)

    reasons = [await typed(depot, f"000{n}", f"w{n}") for n in range(6)]

    assert reasons == [Reason.UNKNOWN_IDENTIFIER] * 5 + [Reason.PIN_LOCKED_OUT]


async def test_a_lock_out_that_cannot_be_recorded_locks_all_the_same(depot: DepotInMemory, monkeypatch, caplog):
    append = depot.store.append

    async def no_lockouts(appends):
        if any(isinstance(new.event, PinsLockedOut) for each in appends for new in each.events):
            raise StoreUnavailable("the disk is full")
        return await append(appends)

    monkeypatch.setattr(depot.store, "append", no_lockouts)

    reasons = [await typed(depot, f"000{n}", f"w{n}") for n in range(6)]
    assert reasons[-1] is Reason.PIN_LOCKED_OUT
    assert "is not recorded" in caplog.text
    monkeypatch.undo()
    for n in range(2):
        await typed(depot, "0009", f"later-{n}")

    assert [locked.since for locked in await lockouts(depot)] == [NIGHT]


async def test_a_kind_that_does_not_count_at_the_depot_identifies_nobody(depot: DepotInMemory):
    there = depot.view.depot(TENANT, DEPOT)
    only_macs = there.put(replace(there.settings, identifier_kinds=frozenset({IdentifierKind.MAC})))
    await depot.record(depot_stream(TENANT, DEPOT), there.version, only_macs)

    decided = await depot.decider.authorize(depot.attempt(BUS))

    assert decided.event.reason is Reason.UNKNOWN_IDENTIFIER
    assert decided.event.lineage.vehicle_id == "bus-7"


@pytest.mark.parametrize(
    ("counting", "reason"), [("rfid", Reason.AGREEMENT_VEHICLE), ("emaid", Reason.UNKNOWN_IDENTIFIER)]
)
async def test_an_agreement_says_which_kinds_identify_its_vehicles(depot: DepotInMemory, counting: str, reason: Reason):
    kinds = frozenset({IdentifierKind(counting)})
    contract = builders.agreement_recorded(identifier_kinds=kinds)
    ref = HashedPseudonyms().ref(TENANT, STRANGER)
    truck = (
        contract,
        builders.vehicle_registered(builders.TRUCK, builders.partnered()),
        VehicleIdentifierAdded(vehicle_id=builders.TRUCK, identifier=VehicleIdentifier(ref=ref, sealed="")),
    )
    await depot.record(registry_stream(TENANT), depot.view.registry(TENANT).version, truck)

    assert (await depot.decider.authorize(depot.attempt(STRANGER))).event.reason is reason


@pytest.mark.parametrize(("exclusive", "reason"), [("mac", Reason.OWN_VEHICLE), ("rfid", Reason.IDENTIFIER_IN_USE)])
async def test_the_depot_says_which_kinds_charge_at_one_place_at_a_time(
    depot: DepotInMemory, exclusive: str, reason: Reason
):
    there = depot.view.depot(TENANT, DEPOT)
    settings = replace(there.settings, exclusive_kinds=frozenset({IdentifierKind(exclusive)}))
    await depot.record(depot_stream(TENANT, DEPOT), there.version, there.put(settings))
    depot.live.started((TENANT, OTHER_BAY), a_session(HashedPseudonyms().ref(TENANT, BUS)))

    assert (await depot.decider.authorize(depot.attempt(BUS))).event.reason is reason


def a_session(ref: IdentifierRef) -> Session:
    return Session(
        attempt_id=AttemptId("elsewhere"),
        transaction_id="tx-1",
        connector_id=1,
        identifier=ref,
        vehicle_id=None,
        decision=SessionDecision.ALLOWED,
        started_at=NIGHT,
        meter_start_wh=None,
    )


async def test_the_fifth_wrong_pin_delivered_again_is_the_same_attempt_although_pins_are_locked_out_now(
    depot: DepotInMemory,
):
    wrong = identifier(IdentifierKind.PIN, "0000")
    first = [await depot.decider.authorize(depot.attempt(wrong, message_id=f"w{n}")) for n in range(5)]

    again = await depot.decider.authorize(depot.attempt(wrong, message_id="w4"))

    assert again.redelivered
    assert again.event == first[4].event


async def test_an_attempt_that_cannot_be_recorded_is_an_error_and_no_denial(depot: DepotInMemory, monkeypatch):
    async def fails(_: object) -> int:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(depot.store, "append", fails)

    with pytest.raises(StoreUnavailable):
        await depot.decider.authorize(depot.attempt(STRANGER))


async def test_a_dry_run_records_nothing_and_explains_itself(depot: DepotInMemory):
    before = await depot.store.last_position()

    event, steps = depot.decisions.preview(depot.attempt(STRANGER), at=NIGHT)

    assert isinstance(event, AccessDenied)
    assert [step.decided for step in steps] == [False, False, False, True]
    assert steps[-1].reason is Reason.UNKNOWN_IDENTIFIER
    assert await depot.store.last_position() == before


async def test_many_attempts_at_once_share_few_commits(depot: DepotInMemory, monkeypatch):
    commits = 0
    append = depot.store.append

    async def counted(appends):
        nonlocal commits
        commits += 1
        return await append(appends)

    monkeypatch.setattr(depot.store, "append", counted)
    decided = await asyncio.gather(
        *(depot.decider.authorize(depot.attempt(BUS, message_id=f"m{n}")) for n in range(100))
    )

    assert len({d.attempt_id for d in decided}) == 100
    assert commits <= 4
    assert BAY in {d.event.lineage.charger_id for d in decided}


async def test_attempts_that_need_one_commit_take_no_task_of_their_own(depot: DepotInMemory):
    before = len(asyncio.all_tasks())
    decisions = [depot.decider.authorize_soon(depot.attempt(BUS, message_id=str(number))) for number in range(50)]

    assert len(asyncio.all_tasks()) == before + 1, "the commit"
    assert all([(await decision).allowed for decision in decisions])


async def test_authorize_whose_caller_goes_away_is_recorded_all_the_same(depot: DepotInMemory):
    caller = asyncio.create_task(depot.decider.authorize(depot.attempt(BUS, message_id="gone")))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)

    again = await depot.decider.authorize(depot.attempt(BUS, message_id="gone"))

    assert again.redelivered


async def test_authorize_whose_effects_fail_is_an_error_and_leaves_nobody_waiting(depot: DepotInMemory, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(depot.decider._effects, "follow", broken)
    async with asyncio.timeout(60):
        with pytest.raises(RuntimeError, match="broken"):
            await depot.decider.authorize(depot.attempt(BUS, message_id="effects"))

    monkeypatch.undo()
    again = await depot.decider.authorize(depot.attempt(BUS, message_id="effects"))

    assert again.redelivered
