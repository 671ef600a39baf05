"""Decisions of a tenant with 10,000 live reservations beside those of a tenant without, in turns in one process that collects
garbage as the service does; and how long it takes until a partner's booking is durable.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from access_policy.application.commands.put_reservation_group import PutReservationGroup
from access_policy.application.commands.receive_booking import ReceiveBooking
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.context import enveloped
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import reservation_book_stream
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, DepotId, ReservationGroupId, ReservationId, VehicleId
from access_policy.domain.reservations.events import ReservationMade
from access_policy.domain.reservations.reservation import (
    Holder,
    PartnerRequest,
    Place,
    Reservation,
    ReservationGroup,
    ReservationSource,
)
from access_policy.entrypoints.processes.garbage import COLLECTED, search_often, spare_collections
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks.decisions import CHARGERS, decisions
from benchmarks.durable_server import CONTEXT, set_up

DEPOT = DepotId("bench")
RESERVATIONS = 10_000
GROUP_SIZE = 10  # every second charger is in a group, the others are reserved directly
BOOKINGS = 300
IN_FLIGHT = 64
ROUNDS = 7


@dataclass(frozen=True)
class Measured:
    """Decisions per second, and the processor time of one. The ratios are the medians of the rounds' ratios."""

    without: float
    reserved: float
    ratio: float
    cpu_us_without: float
    cpu_us_reserved: float
    cpu_ratio: float
    booking_p50_ms: float
    booking_p99_ms: float


def measure(seconds: float = 4.0) -> Measured:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory:
        return asyncio.run(_measure(Path(directory), seconds))


async def _measure(directory: Path, seconds: float) -> Measured:
    plain, reserved = [await service_in(directory / name) for name in ("plain", "reserved")]
    await reserve(reserved)
    gc.set_threshold(*COLLECTED)
    await spare_collections()
    searching = asyncio.create_task(search_often())  # as in a serving process
    numbers = itertools.count()
    rounds: list[dict[bool, tuple[float, float]]] = []
    for number in range(ROUNDS + 1):
        found = {}
        for with_reservations in (number % 2 == 0, number % 2 == 1):
            found[with_reservations] = await _round(reserved if with_reservations else plain, seconds, numbers)
        rounds.append(found)
    rounds = rounds[1:]  # the first one is a warm-up
    searching.cancel()
    took = await _bookings(reserved)
    for container in (plain, reserved):
        await close_opened(container)
    rates = {side: median(each[side][0] for each in rounds) for side in (False, True)}
    cpus = {side: median(each[side][1] for each in rounds) for side in (False, True)}
    return Measured(
        rates[False],
        rates[True],
        median(each[True][0] / each[False][0] for each in rounds),
        cpus[False],
        cpus[True],
        median(each[True][1] / each[False][1] for each in rounds),
        1000 * took[len(took) // 2],
        1000 * took[len(took) * 99 // 100],
    )


async def service_in(directory: Path) -> Container:
    service = Service(Settings(data=directory, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0))
    await set_up(service, CHARGERS)
    await service.container.deciding.follower().catch_up()
    return service.container


async def _round(container: Container, seconds: float, numbers: Iterator[int]) -> tuple[float, float]:
    before, busy = next(numbers), time.process_time()
    per_second, _, _ = await decisions(container, IN_FLIGHT, seconds, numbers)
    return per_second, 1e6 * (time.process_time() - busy) / (next(numbers) - before)


async def reserve(container: Container) -> None:
    """Record a week of reservations of two hours each, beginning an hour from now, in one write, as an import records a
    plan.
    """
    members = [ChargerId(f"charger-{number}") for number in range(1, CHARGERS, 2)]
    for number in range(len(members) // GROUP_SIZE):
        chargers = frozenset(members[number * GROUP_SIZE : (number + 1) * GROUP_SIZE])
        group = ReservationGroup(group_id=_group(number), name=f"Group {number}", charger_ids=chargers)
        await container.commands.put_reservation_group()(CONTEXT, PutReservationGroup(depot_id=DEPOT, group=group))
    await container.deciding.follower().catch_up()
    version, now = container.deciding.view().book(CONTEXT.tenant_id, DEPOT).version, datetime.now(UTC)
    made = tuple(
        ReservationMade(depot_id=DEPOT, reservation=each, made_by=CONTEXT.actor, made_at=now) for each in _week(now)
    )
    for begin in range(0, len(made), 500):
        events = enveloped(CONTEXT, made[begin : begin + 500], now=now)
        stream = reservation_book_stream(CONTEXT.tenant_id, DEPOT)
        await container.stores.store().append([Append(stream, version + begin, events)])
    await container.deciding.follower().catch_up()
    assert len(container.deciding.view().book(CONTEXT.tenant_id, DEPOT).entries.by_id) == RESERVATIONS


def _week(now: datetime) -> Iterator[Reservation]:
    """Yield reservations one after another for each charger or group, three hours apart."""
    for number in range(RESERVATIONS):
        charger, turn = number % CHARGERS, number // CHARGERS
        start = now + timedelta(hours=1 + 3 * turn)
        of_group = charger % 2 == 1
        place = Place(group_id=_group(charger // 2 // GROUP_SIZE)) if of_group else Place(charger_id=_charger(charger))
        yield Reservation(
            reservation_id=ReservationId(f"r{number}"),
            holder=Holder(vehicle_id=VehicleId(f"vehicle-{number % 1000}")),
            place=place,
            start=start,
            end=start + timedelta(hours=2),
            source=ReservationSource.DISPATCH,
        )


async def _bookings(container: Container) -> list[float]:
    """Return how long each booking took, in seconds, ascending. The bookings are for free hours, one after another."""
    receive, took = container.commands.receive_booking(), []
    first = datetime.now(UTC) + timedelta(days=20)
    for number in range(BOOKINGS):
        values: dict[str, Any] = {"start": first, "end": first + timedelta(hours=2), "source": ReservationSource.OCPI}
        draft = ReservationDraft(
            place=Place(charger_id=_charger(number % CHARGERS)),
            identifiers=[(IdentifierKind.RFID, f"04BB{number:010X}")],
            request=PartnerRequest(party="DE-HUB", request_id=f"q{number}", version=1),
            **values,
        )
        first += timedelta(hours=3) if number % CHARGERS == CHARGERS - 1 else timedelta()
        began = time.perf_counter()
        await receive(CONTEXT, ReceiveBooking(depot_id=DEPOT, draft=draft))
        took.append(time.perf_counter() - began)
    return sorted(took)


def _group(number: int) -> ReservationGroupId:
    return ReservationGroupId(f"group-{number}")


def _charger(number: int) -> ChargerId:
    return ChargerId(f"charger-{number}")
