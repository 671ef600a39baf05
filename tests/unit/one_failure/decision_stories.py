"""Decisions, sessions, conditions, the loops that follow them, and the steps of a start."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from access_policy.application.charging_sessions.announced_transactions import AnnouncedTransactions
from access_policy.application.charging_sessions.lost_sessions import LostSessions, LostSessionsWatch
from access_policy.application.charging_sessions.session_ends import SessionEnds
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.commands.end_session import EndSession, EndSessionHandler, SessionOver
from access_policy.application.consequences.denial_follow_up import FollowUp
from access_policy.application.context import Context
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.local_lists.updates import LocalListUpdates
from access_policy.application.mode_application.reconcile import Reconciler
from access_policy.application.mode_application.remote_starts import RemoteStarts
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, SettingsSeen
from access_policy.application.ports.event_store import Append, NewEvent, StoreUnavailable, VersionConflict
from access_policy.application.ports.spool import Spooled
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.application.presence.gone_gateways import GONE_AFTER_S, GoneGateways
from access_policy.application.recording.spool_drain import SpoolDrain
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.relay.held_streams import HeldStreams
from access_policy.application.relay.relay import Relay
from access_policy.domain.access.events import ChargingStarted
from access_policy.domain.access_mode import OfflineStarts, OnWindowStart
from access_policy.domain.charger_condition.events import ReservationOnCharger, ReservationState
from access_policy.domain.ids import ActorId, ReservationId
from tests.support.depot_in_memory import BUS, DAY, STRANGER, TENANT
from tests.support.nth_call import Faults, Story
from tests.unit.one_failure.depot_world import KEY, DepotWorld

Step = Callable[[DepotWorld], Awaitable[Any]]
LOOP_ERRORS = (StoreUnavailable, ChargerDidNotAnswer)
RESERVED = ReservationOnCharger(
    reservation_id=ReservationId("r1"),
    connector_id=1,
    state=ReservationState.RESERVED,
    detail="Accepted",
    until=DAY + timedelta(hours=2),
    reported_at=DAY,
)


def past(*steps: Step, spooled: bool = False, **opened: Any) -> Callable[[Faults], Awaitable[DepotWorld]]:
    async def lived(faults: Faults) -> DepotWorld:
        world = await DepotWorld(faults, spooled=spooled).opened(**opened)
        for step in steps:
            await step(world)
        return world

    return lived


def asks(presented: Any, message_id: str = "m-1") -> Step:
    return lambda world: world.decider.authorize(world.depot.attempt(presented, message_id=message_id))


def starts(presented: Any, **changes: Any) -> Step:
    return lambda world: world.sessions.start(world.start_report(presented, **changes))


def ends(world: DepotWorld) -> Awaitable[Any]:
    return world.sessions.end(world.end_report())


def draws_energy(world: DepotWorld) -> Awaitable[Any]:
    return world.follow_up.energy(world.energy_report())


async def by_day(world: DepotWorld) -> None:
    world.depot.clock.set(DAY)


async def at_night(world: DepotWorld) -> None:
    world.depot.clock.set(DAY + timedelta(hours=10))


async def afterwards(world: DepotWorld) -> None:
    world.depot.clock.forward(hours=1)


async def days_later(world: DepotWorld) -> None:
    world.depot.clock.forward(days=3)


async def ends_by_hand(world: DepotWorld) -> None:
    context = Context(tenant_id=TENANT, actor=ActorId("anna"), correlation_id="a-request")
    recorded = await world.inner.read_log(after=0, limit=1_000, types=[ChargingStarted.TYPE])
    with contextlib.suppress(SessionOver):  # an operator who does it again is told so
        await world.end_session(context, EndSession(attempt_id=recorded[0].event.attempt_id, reason="towed away"))


def connects(world: DepotWorld) -> Awaitable[Any]:
    return world.connections.connected(KEY, "ocpp1.6")


def reports(code: str | None) -> Step:
    return lambda world: world.conditions.status(KEY, connector_id=1, error_code=code, at=world.depot.clock.now())


def boots(world: DepotWorld) -> Awaitable[Any]:
    return world.conditions.booted(KEY, vendor="V", model="M", firmware=None)


async def followed(world: DepotWorld) -> None:
    world.follow()


async def there_is_gone(world: DepotWorld) -> None:
    """Another gateway holds the charger, and has not beaten for so long that the next look finds it gone."""
    await world.connections_of("there").connected(KEY, "ocpp1.6")
    for _ in range(3):
        await world.gone.check()
        world.now_s += GONE_AFTER_S / 2


async def plugged_in(world: DepotWorld) -> None:
    world.depot.clock.set(DAY)
    world.remote_starts.connected(KEY)
    world.remote_starts.plug_seen(KEY, 1, True)


async def leaves_rows(world: DepotWorld) -> None:
    """An earlier process left two rows in the spool, of which the first is in the store already."""
    report = world.start_report(BUS, transaction_ids=("101",))
    await world.sessions.start(report)
    await world.depot.conditions().booted(KEY, vendor="V", model="M", firmware=None)
    recorded = await world.inner.read_log(after=0, limit=1_000)
    row = [
        Append(each.stream, each.version - 1, (NewEvent(each.event, each.envelope),))
        for each in recorded
        if "/access_attempt/" in each.stream or "/condition" in each.stream
    ]
    later = NewEvent(row[-1].events[0].event, replace(row[-1].events[0].envelope, event_id="0" * 32))
    world.spool.rows = [Spooled(1, tuple(row)), Spooled(2, (Append(row[-1].stream, 1, (later,)),))]
    world.depot.live.ended(KEY, "101")


def drains(world: DepotWorld) -> Awaitable[Any]:
    return world.spooled.drain()


def in_parts(*parts: Step) -> Step:
    """Several messages; a part that failed is tried again, those before it are not."""

    async def step(world: DepotWorld) -> None:
        while world.parts_done < len(parts):
            await parts[world.parts_done](world)
            world.parts_done += 1

    return step


def condition(name: str, method: Any, step: Step, *before: Step) -> Story:
    return Story(f"note that a charger {name}", (method,), past(*before), step)


DECISIONS: tuple[Story, ...] = (
    Story("decide and allow", (AttemptDecider.authorize,), past(), asks(BUS)),
    Story("decide and refuse", (AttemptDecider.authorize,), past(), asks(STRANGER)),
    Story(
        "decide and start over the spool",
        (SpooledCommits.append, SpooledCommits.load, SpooledCommits.drain, SpoolDrain.drain),
        past(spooled=True),
        in_parts(asks(BUS), starts(BUS), ends, drains),
    ),
    Story("drain the spool", (SpooledCommits.drain, SpoolDrain.drain), past(asks(BUS), leaves_rows), drains),
    Story("start after an authorisation", (Sessions.start,), past(asks(BUS)), starts(BUS)),
    Story("start without an authorisation", (Sessions.start,), past(), starts(BUS)),
    Story("start a refused charge", (Sessions.start,), past(asks(STRANGER)), starts(STRANGER)),
    Story("start anonymously", (Sessions.start,), past(by_day), starts(None)),
    Story(
        "report a start made offline",
        (Sessions.start,),
        past(),
        lambda world: world.sessions.start(world.start_report(BUS, offline=True)),
    ),
    Story("end a charge", (Sessions.end,), past(starts(BUS)), ends),
    Story(
        "end a charge of before a restart",
        (Sessions.end,),
        past(starts(BUS), lambda world: forgets_versions(world)),
        ends,
    ),
    Story(
        "announce a transaction",
        (AnnouncedTransactions.announce,),
        past(),
        lambda w: w.announced_transactions.announce(w.announced()),
    ),
    Story(
        "end an announced transaction",
        (AnnouncedTransactions.end_of,),
        past(lambda w: w.announced_transactions.announce(w.announced())),
        lambda w: w.announced_transactions.end_of(w.announced(), w.end_report(), charged=False),
    ),
    Story(
        "end a charge that was never announced",
        (AnnouncedTransactions.end_of,),
        past(),
        lambda w: w.announced_transactions.end_of(
            w.start_report(BUS, transaction_ids=("101",)), w.end_report(), charged=True
        ),
    ),
    Story(
        "end a charge under an id that was never given",
        (SessionEnds.reported,),
        past(starts(BUS)),
        lambda w: w.sessions.end(replace(w.end_report(), transaction_id="-1", id_is_ours=True)),
    ),
    Story(
        "end the charge before on the connector",
        (LostSessions.check, LostSessions.look_at),
        past(starts(BUS), afterwards),
        in_parts(starts(STRANGER, transaction_ids=("202",)), lambda w: w.lost_watch.check()),
    ),
    Story(
        "end a charge whose connector is free",
        (LostSessions.connector_free, SessionEnds.lost, LostSessionsWatch.check),
        past(starts(BUS), afterwards),
        in_parts(lambda w: w.sessions.lost.connector_free(KEY, 1, w.depot.clock.now()), lambda w: w.lost_watch.check()),
    ),
    Story(
        "end a charge that has been quiet for too long",
        (LostSessions.end_quiet,),
        past(starts(BUS), lambda w: w.lost_watch.check(), days_later),
        lambda w: w.lost_watch.check(),
    ),
    Story(
        "learn the connector of a charge",
        (Sessions.locate,),
        past(starts(BUS, connector_id=None, transaction_ids=("101",))),
        lambda w: w.sessions.locate(KEY, "101", 1),
    ),
    Story(
        "end a charge by hand",
        (EndSessionHandler, SessionEnds.by_operator),
        past(starts(BUS)),
        ends_by_hand,
        tries=2,
    ),
    condition("connects", ConnectionRecords.connected, connects),
    condition(
        "connects still",
        ConnectionRecords.connected_still,
        lambda w: w.connections.connected_still(KEY, "ocpp1.6"),
        connects,
    ),
    condition(
        "disconnects", ConnectionRecords.disconnected, lambda w: w.connections.disconnected(KEY, "gone"), connects
    ),
    condition(
        "is left behind",
        ConnectionRecords.left_behind,
        lambda w: w.connections.left_behind(KEY, "there"),
        lambda w: w.connections_of("there").connected(KEY, "ocpp1.6"),
    ),
    condition("boots", ChargerConditions.booted, boots),
    condition("has an error", ChargerConditions.status, reports("GroundFailure")),
    condition("has recovered", ChargerConditions.status, reports(None), reports("GroundFailure")),
    condition(
        "set its offline starts",
        ChargerConditions.offline_starts_set,
        lambda w: w.conditions.offline_starts_set(
            KEY, OfflineStarts.LIST, SettingsSeen(in_force={"a": "b"}, refused={})
        ),
    ),
    condition(
        "has a reservation",
        ChargerConditions.reservation_reported,
        lambda w: w.conditions.reservation_reported(KEY, 7, RESERVED),
    ),
    condition(
        "was sent a password",
        ChargerConditions.password_sent,
        lambda w: w.conditions.password_sent(KEY, actor=ActorId("anna")),
    ),
    Story("see a refusal not honoured", (FollowUp.energy,), past(starts(STRANGER)), draws_energy),
    Story(
        "stop a charge that is not honoured",
        (FollowUp.check, FollowUp.finish),
        past(starts(STRANGER), draws_energy),
        lambda world: world.look_at_charges(),
        tries=3,
        errors=LOOP_ERRORS,
    ),
    Story(
        "stop unauthorised charges at the start of a window",
        (FollowUp.check, FollowUp.finish),
        past(by_day, starts(STRANGER), at_night, on_window_start=OnWindowStart.STOP_UNAUTHORISED),
        lambda world: world.look_at_charges(),
        tries=3,
        errors=LOOP_ERRORS,
    ),
    Story(
        "start from afar",
        (RemoteStarts.check, RemoteStarts.finish),
        past(plugged_in, profile="ocpp16-remote-start"),
        lambda world: world.look_at_plugs(),
        tries=3,
        errors=LOOP_ERRORS,
    ),
    Story(
        "switch a charger",
        (Reconciler.reconcile,),
        past(followed, profile="microocpp-1.6"),
        lambda world: switched(world),
        tries=4,
        errors=(*LOOP_ERRORS, VersionConflict),
        only=("charger", "open attempts", "applied"),
    ),
    Story(
        "note that a gateway is gone",
        (GoneGateways.check,),
        past(there_is_gone),
        lambda world: world.gone.check(),
        tries=2,
    ),
    Story("end a gateway", (GoneGateways.end,), past(lambda world: world.gone.check()), lambda world: world.gone.end()),
    Story(
        "bring a local list up to date",
        (LocalListUpdates.update,),
        past(offline_starts=OfflineStarts.LIST),
        lambda world: world.lists.update(KEY),
        errors=LOOP_ERRORS,
    ),
    Story("keep the view", (ViewKeeper.save,), past(), lambda world: world.keeper.save()),
    Story(
        "restore the view",
        (ViewKeeper.restore,),
        past(lambda world: world.keeper.save()),
        lambda world: restored(world),
    ),
    Story(
        "publish the log",
        (Relay.follow, Relay.begin),
        past(starts(BUS)),
        lambda world: published(world),
    ),
    Story(
        "publish a stream that was held",
        (HeldStreams.load, HeldStreams.try_again),
        past(starts(BUS), lambda world: held(world)),
        lambda world: published_again(world),
        tries=3,
    ),
)


async def switched(world: DepotWorld) -> None:
    await world.reconciler.reconcile(KEY, "test")


async def forgets_versions(world: DepotWorld) -> None:
    for _, session in world.depot.live.all_sessions():
        session.version = 0


async def restored(world: DepotWorld) -> None:
    fresh = DecisionView()
    world.keeper = ViewKeeper(fresh, world.store, world.keeper._snapshots)
    assert await world.keeper.restore()
    assert fresh.position == world.depot.view.position


async def published(world: DepotWorld) -> None:
    await world.relay.follower.resume()
    await world.relay.follower.catch_up()


async def held(world: DepotWorld) -> None:
    world.bus.refuses = 1
    await published(world)
    assert len(world.relay.held) == 1
    world.depot.clock.forward(hours=1)


async def published_again(world: DepotWorld) -> None:
    await world.relay.held.load()
    while await world.relay.held.try_again():
        pass
