"""The service ends and starts again, and thousands of chargers reconnect: after a kill (SIGKILL) and after an orderly stop
(SIGTERM).

The chargers retry within a second for as long as necessary, which is harder than any real fleet. A prober among them sends
Authorize continuously. Times count from the moment at which the new process listens.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

from benchmarks.fleet import Fleet, fleet, p99_ms
from benchmarks.fleet_client import tag

CHARGERS = 5_000
DEPOTS = 50
CONNECTED_S = 180.0


@dataclass(frozen=True)
class Stormed:
    """`closed` counts the ends of connections as the chargers saw them, by close code. `ended_s` is how long the old process
    took to end, and `start_s` the time from its end until the new one listens. `turned_away` counts handshakes answered with
    503.
    """

    signal: str
    ended_s: float
    closed: dict[str, int]
    start_s: float
    p50_s: float
    p99_s: float
    all_s: float
    cpu_s: float
    authorize_p99_ms: float
    turned_away: int
    mib: float


def measure(chargers: int = CHARGERS) -> list[Stormed]:
    with fleet(chargers, DEPOTS) as each:
        each.start_service()
        each.start_chargers(processes=2, longest_s=1.0)
        each.start_prober(tag(1), every_s=0.01)
        each.until("all connected", lambda: each.now("ready") == chargers, timeout_s=CONNECTED_S)
        time.sleep(30)
        return [_storm(each, number) for number in (signal.SIGKILL, signal.SIGTERM)]


def _storm(fleet: Fleet, number: signal.Signals) -> Stormed:
    closed, away = fleet.counted("closed"), fleet.now("turned_away")
    ended_s = fleet.end_service(number)
    ended = time.time()
    fleet.start_service()
    fleet.until("all connected again", lambda: fleet.now("ready") == fleet.chargers, timeout_s=CONNECTED_S)
    listening = fleet.listening_since
    fleet.until("none has to be asked again", lambda: time.time() - listening > 30, timeout_s=60)
    after = fleet.counted("closed")
    return Stormed(
        signal=number.name,
        ended_s=ended_s,
        closed={code: count - closed.get(code, 0) for code, count in after.items() if count > closed.get(code, 0)},
        start_s=listening - ended,
        p50_s=fleet.reached("ready", fleet.chargers * 0.5, since=listening),
        p99_s=fleet.reached("ready", fleet.chargers * 0.99, since=listening),
        all_s=fleet.reached("ready", fleet.chargers, since=listening),
        cpu_s=fleet.service_cpu_s(),
        authorize_p99_ms=p99_ms(fleet.others[0], listening, listening + 30),
        turned_away=fleet.now("turned_away") - away,
        mib=fleet.service_mib(),
    )
