"""A depot of 200 chargers with three days behind it, as events: late switches, drift, failures, chargers that are away,
overrides, an exception and charges under way. The service reads it at its start; its chargers are recorded, not connected.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application import streams
from access_policy.application.ports.event_store import Append, NewEvent, StreamId
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind
from access_policy.domain.charger_access_policy import events as policy
from access_policy.domain.charger_condition.events import ChargerBooted, ChargerConnected, ChargerDisconnected
from access_policy.domain.ids import (
    AttemptId,
    ChargePointId,
    ChargerId,
    DepotId,
    OverrideId,
    RuleId,
    TenantId,
    VehicleId,
)
from access_policy.domain.mode_schedule.rules import ModeRule, local_instant
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support import builders
from tests.support.attempts import started
from tests.support.console_pages import ServedDepot, serving_client
from tests.support.places import prepare_file
from tests.support.served_axe import serving_axe
from tests.support.stores import batched, envelope

TENANT: Final = TenantId("demo")
DEPOT: Final = DepotId("harbour")
ZONE: Final = ZoneInfo("Europe/Berlin")
BUSES: Final = 200
FREEVEND, MANAGED = AccessMode.FREEVEND, AccessMode.MANAGED
NIGHTS: Final = Cause(CauseKind.RULE, "nights", "Nights")
DAYS_BACK: Final = 3
DRIFT: Final = timedelta(hours=3)  # from the switch that a drift follows to the end of the drift


@asynccontextmanager
async def served_history(
    directory: Path, chargers: int = BUSES, before: Callable[[Settings], Awaitable[None]] | None = None
) -> Any:
    """A `ServedDepot` on it, without a gateway: a process that only shows and writes. `before` adds to its store."""
    prepare_file(directory / "views.sqlite")
    settings = Settings(
        data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, roles="api,projector", instance="office"
    )
    await _record(settings, chargers, datetime.now(UTC))
    if before is not None:
        await before(settings)
    async with AsyncExitStack() as closing:
        with serving_axe():
            service = await closing.enter_async_context(Service(settings).running())
        client = await closing.enter_async_context(serving_client(service, TENANT))
        yield ServedDepot(service, client, {}, TENANT)


async def _record(settings: Settings, chargers: int, now: datetime) -> None:
    container = Container(settings=settings)
    store = container.stores.store()
    depot = builders.depot_registered(name="Harbour depot")
    await store.append([_append(streams.depot_stream(TENANT, DEPOT), [replace(depot, depot_id=DEPOT)], now)])
    for appends in batched(each for number in range(chargers) for each in _charger(number, now)):
        await store.append(appends)
    await close_opened(container)


def _append(stream: StreamId, events: list[Any], now: datetime) -> Append:
    """Mode changes are recorded when they were due, everything else three days ago."""
    begin = now - timedelta(days=DAYS_BACK + 1)
    new = [NewEvent(each, envelope(tenant=TENANT, at=_at(each) or begin)) for each in events]
    return Append(stream, 0, tuple(new))


def _at(event: Any) -> datetime | None:
    match event:
        case policy.ModeChangeRequested():
            return event.due_at
        case policy.ModeApplied():
            return event.applied_at
        case policy.ModeApplicationFailed():
            return event.failed_at
        case policy.ModeDriftDetected():
            return event.detected_at
        case _:
            return None


def _charger(number: int, now: datetime) -> Iterator[Append]:
    letter = "ABCDEFGH"[number // 25 % 8]
    charger_id, point = ChargerId(f"{letter}-{number % 25 + 1:02d}"), ChargePointId(f"HB-{number + 1:04d}")
    settings = builders.settings(charge_point_id=point, depot_id=DEPOT, profile="microocpp-1.6")
    events: list[Any] = [builders.registered()]
    events[0] = replace(events[0], charger_id=charger_id, settings=settings)
    events.append(policy.ModeScheduled(charger_id=charger_id, rule=_nights(now, number)))
    if number % 40 == 7:
        events.append(_open_house(charger_id, now))
    if letter == "H":
        tomorrow = now.astimezone(ZONE).date() + timedelta(days=1)
        events.append(replace(builders.excepted(tomorrow.isoformat(), reason="Works outing"), charger_id=charger_id))
    events += _switches(charger_id, number, now)
    yield _append(streams.policy_stream(TENANT, charger_id), events, now)
    yield _append(streams.condition_stream(TENANT, charger_id), list(_condition(charger_id, number, now)), now)
    if number % 6 == 1:
        yield _charge(charger_id, number, now)


def _nights(now: datetime, number: int) -> ModeRule:
    anchor = now.astimezone(ZONE).date() - timedelta(days=30)
    start = time(22, 0) if number % 3 else time(20, 30)
    return builders.rule(rule_id=RuleId("nights"), name="Nights", anchor=anchor, start=f"{start:%H:%M}")


def _open_house(charger_id: ChargerId, now: datetime) -> policy.ModeOverridden:
    return policy.ModeOverridden(
        charger_id=charger_id,
        override_id=OverrideId(f"open-{charger_id}"),
        mode=MANAGED,
        starts_at=now - timedelta(hours=2),
        ends_at=now + timedelta(hours=3),
        reason="Fleet only until the evening",
        made_by=builders.ANNA,
    )


def _switches(charger_id: ChargerId, number: int, now: datetime) -> Iterator[Any]:
    generation = 0
    night = time(22, 0) if number % 3 else time(20, 30)
    today = now.astimezone(ZONE).date()
    changes: list[tuple[datetime, AccessMode, Cause]] = []
    for back in range(DAYS_BACK, -1, -1):
        day: date = today - timedelta(days=back)
        changes.append((local_instant(day, time(6, 0), ZONE), FREEVEND, BASELINE_CAUSE))
        changes.append((local_instant(day, night, ZONE), MANAGED, NIGHTS))
    past = [each for each in changes if each[0] < now]
    drifted = max(index for index, (due, mode, _) in enumerate(past) if mode is MANAGED and due < now - DRIFT)
    for index, (due, mode, cause) in enumerate(past):
        generation += 1
        late = timedelta(seconds=2 + number % 5)
        if number % 17 == 3 and index % 3 == 1:
            late = timedelta(minutes=48 + number)
        yield _requested(charger_id, generation, mode, cause, due)
        if number % 50 == 11 and index == len(past) - 1:
            yield policy.ModeApplicationFailed(
                charger_id=charger_id,
                generation=generation,
                mode=mode,
                reason="rejected",
                detail="SetConfiguration: Rejected",
                failed_at=due + timedelta(seconds=5),
            )
            return
        yield _applied(charger_id, generation, mode, cause, due, due + late)
        if number % 29 == 5 and index == drifted:
            found = due + timedelta(hours=2)
            yield policy.ModeDriftDetected(
                charger_id=charger_id, expected=MANAGED, found=FREEVEND, evidence="read back", detected_at=found
            )
            generation += 1
            yield _requested(charger_id, generation, mode, cause, found)
            yield _applied(charger_id, generation, mode, cause, found, found + timedelta(minutes=50))


def _requested(charger_id: ChargerId, generation: int, mode: AccessMode, cause: Cause, due: datetime) -> Any:
    return policy.ModeChangeRequested(
        charger_id=charger_id,
        generation=generation,
        mode=mode,
        cause=cause,
        due_at=due,
        mode_control="configuration_key",
        trigger="transition",
    )


def _applied(
    charger_id: ChargerId, generation: int, mode: AccessMode, cause: Cause, due: datetime, at: datetime
) -> Any:
    return policy.ModeApplied(
        charger_id=charger_id,
        generation=generation,
        mode=mode,
        cause=cause,
        due_at=due,
        applied_at=at,
        late_s=(at - due).total_seconds(),
        evidence="Cst_FreeVendActive read back",
    )


def _condition(charger_id: ChargerId, number: int, now: datetime) -> Iterator[Any]:
    if number % 33 == 32:
        return
    connected = now - timedelta(days=2)
    yield ChargerConnected(charger_id=charger_id, protocol="ocpp1.6", connected_at=connected, gateway="gateway-1")
    yield ChargerBooted(
        charger_id=charger_id, vendor="Simulated", model="Depot 150", firmware="2.4.1", booted_at=connected
    )
    if number % 23 == 9:
        away = now - timedelta(minutes=7 * number % 300 + 3)
        yield ChargerDisconnected(
            charger_id=charger_id, reason="the connection timed out", disconnected_at=away, gateway="gateway-1"
        )


def _charge(charger_id: ChargerId, number: int, now: datetime) -> Append:
    attempt = AttemptId(f"charge-{number}")
    event = started(
        attempt_id=attempt,
        charger_id=charger_id,
        depot_id=DEPOT,
        connector_id=1,
        transaction_id=f"tx-{number}",
        started_at=now - timedelta(minutes=number),
        vehicle_id=VehicleId(f"bus-{100 + number}"),
        expected_mode=FREEVEND,
    )
    return _append(streams.attempt_stream(TENANT, attempt), [event], now)
