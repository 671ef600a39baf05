"""Open consoles, in a separate process: `python -m benchmarks.console_client URL COOKIE CONSOLES`.

Half of the consoles show the board, the others the attempts. Each reads the live stream and fetches its fragments again as
`live.js` does. Prints `open` once all streams are open. At the end of its input it prints one JSON line with the number of
fragments and the delays of attempts in milliseconds: from the decision to the arrival of a fragment requested after the event
arrived, with their three stages (until the event arrives, until the fragment is requested, until it arrives).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

import httpx
import uvloop

BOARD: Final = "/console/board"
ATTEMPTS: Final = "/console/attempts"
REST_FACTOR: Final = 2.0  # as in live.js, and its wait for events that arrive together
TOGETHER_S: Final = (0.05, 0.2)
ROWS_EVERY_S: Final = 0.5  # data-live-every of the board's chargers and of the attempts
PROBLEMS_EVERY_S: Final = 6.0
STAGES: Final = ("event_ms", "asked_ms", "answered_ms")


class Waiting(NamedTuple):
    """An attempt that a console does not show yet: when it was decided, and when its event arrived."""

    decided: float
    arrived: float


@dataclass
class Part:
    """An element that is fetched again after events of some kinds. With `by_charger`, only the changed rows are fetched."""

    path: str
    kinds: frozenset[str]
    every_s: float
    by_charger: bool = False
    changed: set[str] = field(default_factory=set)
    waiting: list[Waiting] = field(default_factory=list)
    is_fetched: bool = False
    not_before: float = 0.0


class Console:
    def __init__(self, client: httpx.AsyncClient, parts: list[Part]) -> None:
        self._client = client
        self._parts = parts
        self._seen = 0
        self._fetching: set[asyncio.Task[None]] = set()
        self.opened = asyncio.Event()
        self.delays_ms: list[float] = []
        self.stages_ms: dict[str, list[float]] = {name: [] for name in STAGES}
        self.fragments = 0

    async def run(self) -> None:
        async with self._client.stream("GET", "/v1/stream", timeout=None) as answer:
            answer.raise_for_status()
            kind = ""
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self._seen = max(self._seen, int(value))
                elif name == "event":
                    kind = value
                    if kind == "ready":
                        self.opened.set()
                elif name == "data":
                    self._note(kind, json.loads(value))

    def _note(self, kind: str, data: dict[str, Any]) -> None:
        for part in self._parts:
            if kind not in part.kinds:
                continue
            part.changed.add(data.get("charger_id", ""))
            if kind == "attempt":
                part.waiting.append(Waiting(datetime.fromisoformat(data["occurred_at"]).timestamp(), time.time()))
            if not part.is_fetched:
                self._fetch_later(part)

    def _fetch_later(self, part: Part) -> None:
        part.is_fetched = True
        task = asyncio.create_task(self._fetch(part))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _fetch(self, part: Part) -> None:
        await asyncio.sleep(max(random.uniform(*TOGETHER_S), part.not_before - time.monotonic()))
        changed, waiting = part.changed, part.waiting
        part.changed, part.waiting = set(), []
        asked = time.time()
        parameters = [("charger_id", each) for each in changed] if part.by_charger else []
        answer = await self._client.get(part.path, params=parameters, headers={"X-Seen-Position": str(self._seen)})
        answer.raise_for_status()
        now = time.time()
        self._pace(part, now - asked)
        self.fragments += 1
        for each in waiting:
            self.delays_ms.append(1000 * (now - each.decided))
            moments = (each.decided, each.arrived, asked, now)
            for name, (begin, end) in zip(STAGES, pairwise(moments), strict=True):
                self.stages_ms[name].append(1000 * (end - begin))

    def _pace(self, part: Part, took_s: float) -> None:
        part.is_fetched = False
        part.not_before = time.monotonic() + max(part.every_s - took_s, REST_FACTOR * took_s)
        if part.changed:
            self._fetch_later(part)


def parts_of(number: int) -> list[Part]:
    if number % 2:
        return [Part(f"{ATTEMPTS}/rows", frozenset({"attempt"}), ROWS_EVERY_S)]
    return [
        Part(f"{BOARD}/rows", frozenset({"charger", "attempt", "mode_change"}), ROWS_EVERY_S, by_charger=True),
        Part(f"{BOARD}/problems", frozenset({"charger", "mode_change"}), PROBLEMS_EVERY_S),
    ]


async def main(url: str, cookie: str, count: int) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, headers={"Cookie": cookie}, trust_env=False, timeout=60, limits=limits
    ) as client:
        consoles = [Console(client, parts_of(number)) for number in range(count)]
        running = [asyncio.create_task(each.run()) for each in consoles]
        opening = asyncio.gather(*(each.opened.wait() for each in consoles))
        await asyncio.wait({opening, *running}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            raise SystemExit("a stream has ended before all were open")
        print("open", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        if any(each.done() for each in running):
            raise SystemExit("a stream was cut")
        found = {
            "delays_ms": [each for console in consoles for each in console.delays_ms],
            **{name: [each for console in consoles for each in console.stages_ms[name]] for name in STAGES},
            "fragments": sum(console.fragments for console in consoles),
        }
        print(json.dumps(found), flush=True)
        for each in running:
            each.cancel()
        await asyncio.wait(running)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
