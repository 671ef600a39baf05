"""A vehicle is suspended: how long until the first charger that asks is refused, and until the vehicle is off the last local
list.

All chargers have a list of all vehicles; the simulated chargers report their lists. A prober asks for the vehicle continuously.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.fleet import fleet, p99_ms
from benchmarks.fleet_client import VEHICLES, tag

CHARGERS = 2_000
CONNECTED_S, LISTED_S = 120.0, 300.0
REVOKED = 7


@dataclass(frozen=True)
class Revoked:
    """Seconds after the suspension was requested; lists are checked twice a second. `kib` is the resident memory per charger
    that is connected, managed and has its list.
    """

    chargers: int
    faulty: int
    first_lists_s: float
    denied_s: float
    p50_s: float
    p99_s: float
    all_s: float
    commands: float
    cpu_ms: float
    before_p99_ms: float
    meanwhile_p99_ms: float
    kib: float


def measure(chargers: int = CHARGERS) -> list[Revoked]:
    return [_measure(chargers, faulty) for faulty in (0, 10)]


def _measure(chargers: int, faulty: int) -> Revoked:
    with fleet(chargers, depots=20) as each:
        healthy = chargers * (100 - faulty) // 100
        each.start_service()
        began, empty_mib = time.time(), each.service_mib()
        each.start_chargers(faulty=faulty)
        each.until("all connected", lambda: each.now("ready") >= healthy, timeout_s=CONNECTED_S)
        each.until("all lists there", lambda: each.counted("listed") == {str(VEHICLES): healthy}, timeout_s=LISTED_S)
        first_lists_s = time.time() - began
        time.sleep(10)
        kib = 1024 * (each.service_mib() - empty_mib) / chargers
        prober = each.start_prober(tag(REVOKED), every_s=0.02)
        each.until("the prober is let in", lambda: len(prober.lines) > 100, timeout_s=20)
        asked, cpu_s, suspended = sum(each.counted("asked").values()), each.service_cpu_s(), time.time()
        each.post(f"/vehicles/vehicle-{REVOKED}/suspend", {"reason": "stolen"})
        each.until("on no list", lambda: each.counted("listed") == {str(VEHICLES - 1): healthy}, timeout_s=LISTED_S)

        def without(share: float) -> float:
            return each.reached("listed", healthy * share, since=suspended, key=str(VEHICLES - 1))

        cpu_s = each.service_cpu_s() - cpu_s
        return Revoked(
            chargers=chargers,
            faulty=faulty,
            first_lists_s=first_lists_s,
            denied_s=next(line["asked"] for line in prober.lines if line["status"] != "Accepted") - suspended,
            p50_s=without(0.5),
            p99_s=without(0.99),
            all_s=without(1.0),
            commands=(sum(each.counted("asked").values()) - asked) / chargers,
            cpu_ms=1000 * cpu_s / chargers,
            before_p99_ms=p99_ms(prober, 0.0, suspended),
            meanwhile_p99_ms=p99_ms(prober, suspended, suspended + without(1.0)),
            kib=kib,
        )
