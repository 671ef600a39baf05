"""Thousands of simulated chargers in one process: `python -m benchmarks.fleet_client URL FIRST COUNT FAULTY LONGEST_S`.

Of every hundred chargers, `FAULTY` have a defect: in turn, they answer nothing, refuse to be switched, or take five seconds for
each answer. A charger that lost its connection reconnects within `LONGEST_S`. At most twice a second, after a change, one line
of JSON says what can be observed at the chargers.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import time
from collections import Counter
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulated_charger import (
    OCPP16,
    OCPP201,
    Behaviour,
    ChargerSpec,
    FreevendKey,
    FreevendVariable,
    SimulatedCharger,
    connection,
)
from simulated_charger.behaviour import EVERYTHING
from simulated_charger.observed import Frame

VEHICLES = 100
SAMPLE_S = 0.5
SLOW_S = 5.0
DEFECTS = ("silent", "refusing", "slow")
AT_A_TIME = 200
NO_CLOSING_FRAME = 1006


def tag(number: int) -> str:
    return f"04{number:012X}"


def charge_point(number: int) -> str:
    return f"CP{number:05d}"


def is_v16(number: int) -> bool:
    return number % 2 == 0


def defect(number: int, faulty: int) -> str | None:
    return DEFECTS[number // 100 % len(DEFECTS)] if number % 100 < faulty else None


def spec(url: str, number: int, faulty: int, longest_s: float) -> ChargerSpec:
    wrong = defect(number, faulty)
    readonly = wrong == "refusing"
    return ChargerSpec(
        url=url,
        charge_point_id=charge_point(number),
        protocol=OCPP16 if is_v16(number) else OCPP201,
        freevend=FreevendKey(key="FreeCharging", tag_key="FreeChargingIdTag", readonly=readonly)
        if is_v16(number)
        else FreevendVariable(readonly=readonly),
        behaviour=Behaviour(
            never_answers=EVERYTHING if wrong == "silent" else frozenset(),
            answer_delay_s=SLOW_S if wrong == "slow" else 0.0,
        ),
        local_list_capacity=VEHICLES,
        local_list_per_message=VEHICLES,
        reconnect_min_s=min(1.0, longest_s),
        reconnect_max_s=longest_s,
        keep_frames=0,
    )


class Fleet:
    """A fleet. `asked` counts the service's CALLs by action; `closed` counts the ends of connections by close code;
    `turned_away` counts refused handshakes.
    """

    def __init__(self, url: str, first: int, count: int, faulty: int, longest_s: float) -> None:
        self.asked: Counter[str] = Counter()
        self.closed: Counter[int] = Counter()
        self.turned_away = 0
        self.chargers = [
            SimulatedCharger(spec(url, number, faulty, longest_s), on_frame=self._observe)
            for number in range(first, first + count)
        ]
        self.healthy = [
            charger for number, charger in enumerate(self.chargers, first) if defect(number, faulty) is None
        ]
        log = logging.getLogger(connection.__name__)
        log.setLevel(logging.DEBUG)
        log.addFilter(self._note_end)

    def _observe(self, frame: Frame) -> None:
        if not frame.sent and frame.raw.startswith(b"[2,"):
            self.asked[frame.action or ""] += 1

    def seen(self) -> dict[str, Any]:
        return {
            "online": sum(charger.online for charger in self.chargers),
            "ready": sum(charger.ready for charger in self.chargers),
            "freevend": sum(charger.freevend_active for charger in self.healthy),
            "listed": Counter(charger.state.local_authorisation.listed for charger in self.healthy),
            "asked": self.asked,
            "closed": self.closed,
            "turned_away": self.turned_away,
            "connects": sum(charger.connects for charger in self.chargers),
        }

    def _note_end(self, record: logging.LogRecord) -> bool:
        """Count an end of a connection or a refused handshake, both of which the chargers log."""
        match record.args:
            case (_, ConnectionClosed() as end):
                self.closed[end.rcvd.code if end.rcvd is not None else NO_CLOSING_FRAME] += 1
            case (_, InvalidStatus()):
                self.turned_away += 1
        return False


async def main(url: str, first: int, count: int, faulty: int, longest_s: float) -> None:
    fleet = Fleet(url, first, count, faulty, longest_s)
    for begin in range(0, count, AT_A_TIME):
        await asyncio.gather(*(charger.start() for charger in fleet.chargers[begin : begin + AT_A_TIME]))
        await asyncio.sleep(0.2)
    gc.freeze()
    last = ""
    while True:
        seen = json.dumps(fleet.seen())
        if seen != last:
            last = seen
            print(json.dumps({"at": time.time(), "cpu_s": time.process_time(), **json.loads(seen)}), flush=True)
        await asyncio.sleep(SAMPLE_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
