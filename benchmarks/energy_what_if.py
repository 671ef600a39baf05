"""Measure the what-if of a gate policy over a month, at a depot with 50 nodes and a meter reading every 15 seconds, and the
query for the site at an instant of that month: their processor time, and how long they block the event loop.

The read models contain the projections of that month: one row per node and minute. The rival is the naive computation: fold
every measurement of the stream, and recompute every followed gate after each. Its events come from memory, so it does not have
to read 170,000 events from a store.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

from access_policy.adapters.read_models.runner import prepare
from access_policy.adapters.read_models.tables import ACCESS_LOG, ENERGY_CHANGES, ENERGY_DEMAND
from access_policy.adapters.read_models.views import SqlViews
from access_policy.adapters.sql.databases import database_at
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Envelope, Recorded
from access_policy.application.projections import PROJECTIONS
from access_policy.application.projections.energy_changes import fold
from access_policy.application.queries.energy_past import past_site
from access_policy.application.streams import site_energy_stream
from access_policy.application.what_if.energy import LOOK_BACK, EnergyAnswer, EnergyProposal, EnergyWhatIf, judged
from access_policy.application.what_if.gate_replay import charges_of, watches_of
from access_policy.domain.ids import ActorId, ChargerId, DepotId, EnergyNodeId, TenantId
from access_policy.domain.site_energy import events
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.levels import Held
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.site_energy.site import SiteEnergy

TENANT, DEPOT, ROOT = TenantId("bench"), DepotId("bench"), EnergyNodeId("site")
CIRCUITS: Final = 5
CHARGERS: Final = 44
EVERY: Final = timedelta(seconds=15)
SESSIONS: Final = 400
FIRST: Final = datetime(2026, 10, 1, tzinfo=UTC)
POLICY: Final = EnergyPolicy(
    enabled=True, own_and_agreement_below_w=100_000, own_only_below_w=50_000, hysteresis_w=10_000, minimum_dwell_s=300
)
PROPOSED: Final = EnergyPolicy(
    enabled=True, own_and_agreement_below_w=220_000, own_only_below_w=120_000, hysteresis_w=10_000, minimum_dwell_s=300
)
Change = tuple[datetime, events.SiteEnergyEvent]


@dataclass(frozen=True)
class Measured:
    """Seconds of processor time; the holds are in milliseconds. `different` is the difference in the number of refusals to the
    rival, which sees each measurement.
    """

    measurements: int
    attempts: int
    what_if_s: float
    what_if_hold_ms: float
    rival_s: float
    rival_days: int
    different: int
    past_s: float
    past_hold_ms: float


def measure(days: int = 30, rival_days: int = 2) -> Measured:
    """Measure. The rival computes only the last `rival_days` days, because it takes long."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_measure(Path(directory), days, rival_days))


async def _measure(directory: Path, days: int, rival_days: int) -> Measured:
    until = FIRST + timedelta(days=days)
    attempts = list(_attempts(days))
    database = database_at(directory / "views.sqlite", "benchmark")
    with database.writing.begin() as connection:
        prepare(connection, PROJECTIONS)
        connection.execute(insert(ACCESS_LOG), attempts)
        connection.execute(insert(ENERGY_CHANGES), [_row(number, each) for number, each in enumerate(_set_up(), 1)])
        connection.execute(insert(ENERGY_CHANGES), [_feed()])
    _fill_demand(database, days)
    views, view = SqlViews(database.reading), DecisionView()
    for version, (at, event) in enumerate(_set_up(), 1):
        view.follow_site(TENANT, event, version, at)
    what_if = EnergyWhatIf(views, view)
    proposal = EnergyProposal(since=FIRST, until=until, policy=PROPOSED)
    what_if_s, hold, answer = await _held(what_if(TENANT, DEPOT, proposal))
    past_s, past_hold, _ = await _held(past_site(views, TENANT, DEPOT, until - timedelta(hours=1)))
    late = until - timedelta(days=rival_days)
    short = await what_if(TENANT, DEPOT, EnergyProposal(since=late, until=until, policy=PROPOSED))
    began = time.process_time()
    rival = _naive(days, late, attempts)
    rival_s = time.process_time() - began
    database.close()
    return Measured(
        measurements=days * 86_400 // 15 * len(_nodes()),
        attempts=answer.attempts,
        what_if_s=what_if_s,
        what_if_hold_ms=hold,
        rival_s=rival_s,
        rival_days=rival_days,
        different=abs(rival.refused_after - short.refused_after),
        past_s=past_s,
        past_hold_ms=past_hold,
    )


async def _held(work: Any) -> tuple[float, float, Any]:
    """Return the work's processor time in seconds, the longest time in milliseconds for which another task of the loop had to
    wait, and the result.
    """
    longest, is_over = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not is_over:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    watching = asyncio.create_task(watch())
    gc.collect()
    gc.freeze()  # excludes objects that the benchmark itself created
    began = time.process_time()
    result = await work
    took = time.process_time() - began
    is_over = True
    await watching
    return took, 1e3 * longest, result


def _naive(days: int, since: datetime, attempts: Sequence[dict[str, Any]]) -> EnergyAnswer:
    site, answer = SiteEnergy(depot_id=DEPOT), EnergyAnswer()
    wanted = [each for each in attempts if each["occurred_at"] >= since]
    watches = watches_of(wanted, LOOK_BACK + PROPOSED.minimum_dwell)
    charges, held = charges_of(attempts), dict[ChargerId, tuple[Held, datetime]]()
    for _, event in _set_up():
        site.apply(event)
    site.apply(events.EnergyPolicyPut(depot_id=DEPOT, policy=PROPOSED))

    def step(charger_id: ChargerId, at: datetime) -> None:
        running = {each.charger_id for each in charges if each.is_start and each.at < at} - {
            each.charger_id for each in charges if not each.is_start and each.at <= at
        }
        path = site.path_of(charger_id, site.tree.running_below(running))
        assert path is not None
        before, then = held.get(charger_id, (Held(), at))
        held[charger_id] = path.stepped(path.advanced(before, then, at) if then < at else before, at), at

    ahead = list(reversed(wanted))
    for at in _instants(days):
        if at < since - timedelta(hours=2):
            continue
        while ahead and ahead[-1]["occurred_at"] < at:
            row = ahead.pop()
            step(row["charger_id"], row["occurred_at"])
            answer.note(judged(row, held[row["charger_id"]][0].level))
        items = tuple(Demand(node_id=each, observed_at=at, demand_w=_demand(each, at)) for each in _nodes())
        site.apply(events.DemandMeasured(depot_id=DEPOT, items=items, received_at=at))
        watched = {each.charger_id for each in watches if each.start <= at <= each.end}
        for charger_id in [each for each in held if each not in watched]:
            del held[charger_id]
        for charger_id in watched:
            step(charger_id, at)
    return answer


# --- the month --------------------------------------------------------------------------------------------------------


def _nodes() -> list[EnergyNodeId]:
    circuits = [EnergyNodeId(f"circuit-{number}") for number in range(CIRCUITS)]
    return [ROOT, *circuits, *(EnergyNodeId(f"node-{number}") for number in range(CHARGERS))]


def _set_up() -> Iterator[Change]:
    began = FIRST - timedelta(days=30)
    root = EnergyNode(node_id=ROOT, parent_id=None, kind=NodeKind.SITE, limit_w=1_000_000)
    circuits = [
        EnergyNode(node_id=each, parent_id=ROOT, kind=NodeKind.CIRCUIT, limit_w=400_000)
        for each in _nodes()[1 : CIRCUITS + 1]
    ]
    chargers = [
        EnergyNode(
            node_id=EnergyNodeId(f"node-{number}"),
            parent_id=circuits[number % CIRCUITS].node_id,
            kind=NodeKind.CHARGER,
            limit_w=150_000,
            charger_id=ChargerId(f"charger-{number}"),
        )
        for number in range(CHARGERS)
    ]
    for node in (root, *circuits, *chargers):
        yield began, events.EnergyNodePut(depot_id=DEPOT, node=node)
    yield began, events.EnergyPolicyPut(depot_id=DEPOT, policy=POLICY)
    yield began, events.DemandMeasured(depot_id=DEPOT, items=(), received_at=began)


def _instants(days: int) -> Iterator[datetime]:
    for number in range(days * 86_400 // 15):
        yield FIRST + number * EVERY


def _demand(node_id: EnergyNodeId, at: datetime) -> int:
    """Return a demand that is high for ten minutes and low for ten, a little different each minute."""
    minute = int(at.timestamp()) // 60
    base = 850_000 if node_id == ROOT else 250_000 if node_id.startswith("circuit") else 10_000
    return base + (minute // 10 % 2) * base // 8 + minute * 37 % 1_000


def _attempts(days: int) -> Iterator[dict[str, Any]]:
    numbers = random.Random(16)
    instants = sorted(FIRST + timedelta(seconds=numbers.randrange(days * 86_400)) for _ in range(SESSIONS))
    for number, at in enumerate(instants):
        row = dict.fromkeys(each.name for each in ACCESS_LOG.columns)
        yield {
            **row,
            "tenant_id": TENANT,
            "attempt_id": f"a-{number}",
            "depot_id": DEPOT,
            "charger_id": f"charger-{numbers.randrange(CHARGERS)}",
            "occurred_at": at,
            "decision": "allowed",
            "reason": "agreement_vehicle",
            "access_class": "agreement",
            "session_started_at": at,
            "session_ended_at": at + timedelta(minutes=numbers.randrange(20, 200)),
            "position": number,
        }


def _row(position: int, change: Change) -> dict[str, Any]:
    at, event = change
    return {**dict.fromkeys(each.name for each in ENERGY_CHANGES.columns), **_put(position, at, event)}


def _put(position: int, at: datetime, event: events.SiteEnergyEvent) -> dict[str, Any]:
    envelope = Envelope(
        event_id="0" * 32,
        tenant_id=TENANT,
        occurred_at=at,
        recorded_at=at,
        actor=ActorId("bench"),
        correlation_id="bench",
    )
    (put,) = fold(Recorded(site_energy_stream(TENANT, DEPOT), position, position, event, envelope))
    values: Any = put
    return {**values.key, **values.values, **values.at_first, "position": position}


def _feed() -> dict[str, Any]:
    at, event = list(_set_up())[-1]
    return {**_row(0, (at, event)), "position": 0}


def _fill_demand(database: Any, days: int) -> None:
    """Insert one row per node and minute, with the last of its measurements."""
    with database.writing.begin() as connection:
        for node_id in _nodes():
            minutes = (FIRST + timedelta(minutes=number) for number in range(days * 1_440))
            rows = [
                {
                    "tenant_id": TENANT,
                    "depot_id": DEPOT,
                    "node_id": node_id,
                    "minute": minute,
                    "observed_at": minute + 3 * EVERY,
                    "demand_w": _demand(node_id, minute + 3 * EVERY),
                }
                for minute in minutes
            ]
            connection.execute(insert(ENERGY_DEMAND), rows)
