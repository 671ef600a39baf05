"""What chargers, operators and the store see when PostgreSQL is stopped, slow, hung or locked by another client. The service
runs in a separate process, chargers ask continuously, and afterwards the contents of the store are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from access_policy.adapters.event_stores.postgres import postgres_event_store
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.entrypoints.demo.postgres import PostgresServer, migrated, postgres_url
from benchmarks.load_client import tag

CHARGERS = 100
ASK_EVERY_S = 0.2  # per charger, once it is answered: up to 500 a second
CALM_S = 15.0
SLOW_S = 2.0  # per answer of the server
LOOK_EVERY_S = 0.25
RUN = secrets.token_hex(4)


@dataclass
class Seen:
    """The observations of one phase. Latencies are in seconds; `verdicts` counts the answers to chargers."""

    name: str
    seconds: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    health_s: list[float] = field(default_factory=list)
    ready: Counter[bool] = field(default_factory=Counter)
    rss_mib: float = 0.0
    ready_again_s: float | None = None  # after the fault ended; None for calm phases

    def latency(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


@dataclass(frozen=True)
class Outages:
    """`lost` were answered but are not in the store, `doubled` are stored twice, and `unanswered` are stored although no
    charger got the answer.
    """

    seen: list[Seen]
    answered: int
    lost: int
    doubled: int
    unanswered: int


class SlowProxy:
    """A proxy in front of the server, which delays each of its answers by `delay_s`."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.delay_s = 0.0
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SlowProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            to_client.transport.abort()
            return
        await asyncio.wait(
            [
                asyncio.ensure_future(self._pass_on(from_client, to_server, slowly=False)),
                asyncio.ensure_future(self._pass_on(from_server, to_client, slowly=True)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for writer in (to_client, to_server):
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slowly: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if slowly and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()


class Watched:
    """A service, the chargers that ask it, and the client that checks its health. Observations are noted under the current
    `phase`.
    """

    def __init__(self, pid: int, ocpp_port: int, http_port: int) -> None:
        self._pid = pid
        self._ocpp = f"ws://127.0.0.1:{ocpp_port}/ocpp"
        self._http = f"http://127.0.0.1:{http_port}"
        self.seen: list[Seen] = []
        self.told: dict[tuple[str, str], str] = {}

    async def phase(self, name: str, fault: AbstractAsyncContextManager[None], seconds: float) -> None:
        began = time.perf_counter()
        self.seen.append(Seen(name))
        async with fault:
            await asyncio.sleep(seconds)
        self._end(began)

    async def calm(self, seconds: float = CALM_S) -> None:
        """Wait after a fault until the service is ready, and note how long that takes."""
        began, before = time.perf_counter(), self.seen[-1] if self.seen else None
        self.seen.append(Seen("calm"))
        while before is not None and not await self._is_ready():  # noqa: ASYNC110  it does not notify clients
            await asyncio.sleep(0.05)
        if before is not None:
            before.ready_again_s = time.perf_counter() - began
        await asyncio.sleep(seconds)
        self._end(began)

    def _end(self, began: float) -> None:
        self.seen[-1].seconds = time.perf_counter() - began
        self.seen[-1].rss_mib = _rss_mib(self._pid)

    async def look(self) -> None:
        async with httpx.AsyncClient(base_url=self._http, trust_env=False, timeout=30) as client:
            while True:
                began = time.perf_counter()
                await client.get("/healthz")
                self.seen[-1].health_s.append(time.perf_counter() - began)
                self.seen[-1].ready[(await client.get("/readyz")).is_success] += 1
                await asyncio.sleep(LOOK_EVERY_S)

    async def ask(self, number: int) -> None:
        """Ask repeatedly, as one charger."""
        name = f"CP{number:04d}"
        async with connect(f"{self._ocpp}/{name}", subprotocols=["ocpp1.6"], compression=None) as ws:
            await _called(ws, "boot", "BootNotification", {"chargePointVendor": "bench", "chargePointModel": "bench"})
            for count in range(1_000_000):
                message_id, began = f"{RUN}-{count}", time.perf_counter()
                verdict = await _called(ws, message_id, "Authorize", {"idTag": tag(number * 7919 + count)})
                seen = self.seen[-1]
                seen.latencies.append(time.perf_counter() - began)
                seen.verdicts[verdict] += 1
                self.told[name, message_id] = verdict
                await asyncio.sleep(ASK_EVERY_S)

    async def _is_ready(self) -> bool:
        async with httpx.AsyncClient(base_url=self._http, trust_env=False, timeout=30) as client:
            return (await client.get("/readyz")).is_success


def measure(fault_s: float = 30.0) -> Outages:
    with tempfile.TemporaryDirectory(prefix="access-policy-bench-") as directory:
        server = PostgresServer()
        try:
            return asyncio.run(_measure(Path(directory), server, fault_s))
        finally:
            server.end()


async def _measure(directory: Path, server: PostgresServer, fault_s: float) -> Outages:
    async with SlowProxy(server.port).running() as proxy, _service(directory, proxy.port) as (pid, ports):
        watched = Watched(pid, *ports)
        watched.seen.append(Seen("calm"))
        asking = [asyncio.create_task(watched.ask(number)) for number in range(CHARGERS)]
        looking = asyncio.create_task(watched.look())
        await asyncio.sleep(2.0)  # all have booted
        watched.seen.clear()
        await watched.calm()
        faults: list[tuple[str, Callable[[], AbstractAsyncContextManager[None]], float]] = [
            ("stopped at once", lambda: _stopped(server), fault_s),
            (f"{SLOW_S:g} s slower an answer", lambda: _slow(proxy), 2 * fault_s),
            ("hung", lambda: _hung(server), fault_s),
            ("events locked by somebody", lambda: _locked(server), fault_s),
        ]
        for name, fault, seconds in faults:
            await watched.phase(name, fault(), seconds)
            await watched.calm()
        looking.cancel()
        for charger in asking:
            charger.cancel()
        ended = await asyncio.gather(looking, *asking, return_exceptions=True)
        if broken := [end for end in ended if not isinstance(end, asyncio.CancelledError)]:
            raise RuntimeError(f"{len(broken)} chargers did not go on to the end: {broken[0]!r}")
    return await _compared(server, watched)


async def _compared(server: PostgresServer, watched: Watched) -> Outages:
    store = postgres_event_store(server.server_url("postgres"))
    stored: Counter[tuple[str, str]] = Counter()
    after = 0
    while page := await store.read_log(after=after, limit=5_000, types=(AccessAllowed.TYPE, AccessDenied.TYPE)):
        after = page[-1].position
        for each in page:
            lineage = each.event.lineage
            stored[f"CP{int(lineage.charger_id.removeprefix('charger-')):04d}", lineage.message_id] += 1
    await store.close()
    answered = {key for key, verdict in watched.told.items() if not verdict.startswith("error")}
    return Outages(
        [each for each in watched.seen if each.latencies],
        answered=len(answered),
        lost=len(answered - stored.keys()),
        doubled=sum(count > 1 for count in stored.values()),
        unanswered=len(stored.keys() - answered),
    )


# --- faults ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _stopped(server: PostgresServer) -> AsyncIterator[None]:
    server.stop()
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def _slow(proxy: SlowProxy) -> AsyncIterator[None]:
    proxy.delay_s = SLOW_S
    yield
    proxy.delay_s = 0.0


@asynccontextmanager
async def _hung(server: PostgresServer) -> AsyncIterator[None]:
    with server.paused():
        yield


@asynccontextmanager
async def _locked(server: PostgresServer) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(server.server_url("postgres")) as other:
        await other.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
        yield


# --- the service -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _service(directory: Path, database_port: int) -> AsyncIterator[tuple[int, tuple[int, int]]]:
    places = await asyncio.to_thread(migrated, postgres_url("127.0.0.1", database_port, "postgres"))
    environment = {**os.environ, **places}
    command = [sys.executable, "-m", "benchmarks.durable_server", str(directory), str(CHARGERS)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environment
    )
    try:
        assert process.stdout is not None
        yield process.pid, (int(await process.stdout.readline()), int(await process.stdout.readline()))
    finally:
        process.terminate()
        await process.wait()


async def _called(ws: ClientConnection, message_id: str, action: str, payload: dict[str, object]) -> str:
    """Return the status of the answer, or `error CODE`; CALLs of the server are answered as not supported."""
    await ws.send(msgspec.json.encode([2, message_id, action, payload]), text=True)
    while True:
        frame = msgspec.json.decode(await ws.recv(decode=False))
        if frame[0] == 2:
            await ws.send(msgspec.json.encode([4, frame[1], "NotSupported", "", {}]), text=True)
        elif frame[0] == 4:
            return f"error {frame[2]}"
        else:
            return str(frame[2].get("idTagInfo", frame[2])["status"])


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")
