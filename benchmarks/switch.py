"""A boundary that all chargers of a fleet share: how long until each is in its new mode, written and read back.

One rule for all chargers of each depot makes them free at an instant and managed again at a later one. Times count from the
boundary to the commit of the event that says that the mode was read back. The service runs with its default settings; a depot's
chargers are switched at a bounded rate (`Pace.depot_per_s` after a first `depot_burst`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.fleet import Fleet, at_share, fleet, p99_ms
from benchmarks.fleet_client import tag

CHARGERS = 2_000
LEAD_S = 20.0  # for all rules to be in place before the first boundary
CONNECTED_S, SWITCHED_S = 120.0, 300.0


@dataclass(frozen=True)
class Switched:
    """Seconds from the boundary until it was recorded, and until the last charger itself was in the mode (checked twice a
    second). `commands` (CALLs of the service) and `cpu_ms` (its processor time) are per charger.
    """

    name: str
    into: str
    p50_s: float
    p99_s: float
    all_s: float
    at_chargers_s: float
    authorize_p99_ms: float
    commands: float
    cpu_ms: float


def measure(chargers: int = CHARGERS) -> Iterator[Switched]:
    for name, depots, faulty in (
        ("20 depots", 20, 0),
        ("1 depot", 1, 0),
        ("20 depots, one in ten silent, refusing or slow", 20, 10),
    ):
        with fleet(chargers, depots) as each:
            yield from _both_ways(each, name, faulty)


def _both_ways(fleet: Fleet, name: str, faulty: int) -> Iterator[Switched]:
    healthy = fleet.chargers * (100 - faulty) // 100
    fleet.start_service()
    fleet.start_chargers(faulty=faulty)
    fleet.until("all connected", lambda: fleet.now("ready") >= healthy, timeout_s=CONNECTED_S)
    fleet.until("all managed at first", lambda: fleet.applied() >= healthy, timeout_s=SWITCHED_S)
    prober = fleet.start_prober(tag(1), every_s=0.05)
    time.sleep(10)
    free_for_s = 30.0 if fleet.depots > 1 else 120.0
    free_at = time.time() + LEAD_S
    managed_at = free_at + free_for_s
    for depot in range(fleet.depots):
        fleet.post(
            f"/depots/depot-{depot}/mode-rules", {"charger_ids": "all", "rule": _always_free_in(free_at, managed_at)}
        )
    assert time.time() < free_at, "the rules took longer than the lead"
    for into, boundary, until in (("freevend", free_at, managed_at), ("managed", managed_at, managed_at + free_for_s)):
        _wait_until(boundary - 0.5)
        asked, cpu_s = sum(fleet.counted("asked").values()), fleet.service_cpu_s()
        free = into == "freevend"
        _wait_until(boundary)
        fleet.until("all switched", lambda: fleet.now("freevend") == (healthy if free else 0), timeout_s=SWITCHED_S)  # noqa: B023
        time.sleep(1)
        asked, cpu_s = sum(fleet.counted("asked").values()) - asked, fleet.service_cpu_s() - cpu_s
        _wait_until(until - 2.0)
        instants = [at - boundary for at in fleet.applied_at() if boundary <= at < until]
        all_s = at_share(instants, 1.0, healthy)
        yield Switched(
            name,
            into,
            p50_s=at_share(instants, 0.5, healthy),
            p99_s=at_share(instants, 0.99, healthy),
            all_s=all_s,
            at_chargers_s=fleet.reached("freevend", healthy if free else 0, since=boundary, below=not free),
            authorize_p99_ms=p99_ms(prober, boundary, boundary + min(all_s, until - boundary)),
            commands=asked / fleet.chargers,
            cpu_ms=1000 * cpu_s / fleet.chargers,
        )


def _always_free_in(start: float, end: float) -> dict[str, object]:
    return {
        "name": "common",
        "mode": "freevend",
        "recurrence": "FREQ=DAILY",
        "start": "00:00",
        "end": "00:00",
        "applies_from": _instant(start),
        "applies_until": _instant(end),
    }


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _wait_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))
