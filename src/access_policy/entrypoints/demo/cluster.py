"""The service as several processes on one store, on this machine: a projector, a publisher, two gateways and an API
(`make cluster`).

With `--postgres` all of them share one PostgreSQL server, which is started beside them; else the databases that the
environment names, which are migrated first, or SQLite files.
Chargers connect to one address; whoever answers there passes each connection on to a gateway that is up, so that the chargers
of a gateway that dies come back to the other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.fleet import CHARGERS, TENANT
from access_policy.entrypoints.demo.once import all_chargers
from access_policy.entrypoints.demo.ports import free_port
from access_policy.entrypoints.demo.postgres import PostgresServer, settings_for
from access_policy.entrypoints.demo.visitors import come_and_go

GATEWAYS: Final = ("gw-1", "gw-2")
START_S: Final = 30.0
SAY_EVERY_S: Final = 10.0
BACK_AFTER_S: Final = 5.0
_COMMAND: Final = (sys.executable, "-m", "access_policy.entrypoints.cli")


@dataclass
class Member:
    """One process. `http` and `ocpp` are the ports it listens on, where its roles have any."""

    name: str
    roles: str
    http: int
    ocpp: int
    process: asyncio.subprocess.Process | None = None

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.returncode is None


@dataclass
class Cluster:
    """`chargers_at` is the port where chargers connect, whichever gateway serves them."""

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    chargers_at: int = 0
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name in GATEWAYS:
            self.members[name] = Member(name, "api,gateway", free_port(), free_port())
        for name in ("projector", "publisher", "api"):
            self.members[name] = Member(name, name, free_port(), free_port())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Cluster]:
        """The projector first, which makes what is missing; all end with the block."""
        door = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.chargers_at = door.sockets[0].getsockname()[1]
        try:
            await self._run("migrate")
            for name in ("projector", "publisher", *GATEWAYS, "api"):
                await self.start(name)
            yield self
        finally:
            door.close()
            await asyncio.gather(*(self.stop(name) for name in self.members))

    async def start(self, name: str) -> None:
        """Returns once it serves. Raises `RuntimeError` if it ends instead, `TimeoutError` if it does neither."""
        member = self.members[name]
        command = [*_COMMAND, "serve", "--data", str(self.data), "--instance", name]
        command += ["--http", f"127.0.0.1:{member.http}", "--ocpp", f"127.0.0.1:{member.ocpp}"]
        peers = ",".join(f"{each}=http://127.0.0.1:{self.members[each].http}" for each in GATEWAYS if each != name)
        settings = {"ROLES": member.roles, "PEERS": peers, "LOG_LEVEL": "WARNING", "DRAIN_S": "0.5"}
        environment = {**os.environ, **{f"ACCESS_POLICY_{key}": value for key, value in settings.items()}}
        member.process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env={**environment, **self.environment}
        )
        assert member.process.stdout is not None
        async with asyncio.timeout(START_S):
            if not await member.process.stdout.readline():
                raise RuntimeError(f"{name} did not start; what it says stands above")

    async def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self.members[name].process
        if process is not None and process.returncode is None:
            process.send_signal(how)
            await process.wait()

    async def token(self) -> str:
        return await self._run("token", "--tenant", TENANT, "--role", "admin", "--ttl", "1d")

    async def _run(self, *arguments: str) -> str:
        """What a command of ours prints. Raises `RuntimeError` if it fails."""
        process = await asyncio.create_subprocess_exec(
            *(*_COMMAND, *arguments, "--data", str(self.data)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self.environment},
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{arguments[0]} failed; what it says stands above")
        return output.decode().strip()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A charger's connection, byte by byte, to the next gateway that takes it."""
        up = [self.members[name] for name in GATEWAYS if self.members[name].is_up]
        first = next(self._turn)
        for place in range(len(up)):
            try:
                there = await asyncio.open_connection("127.0.0.1", up[(first + place) % len(up)].ocpp)
            except OSError:
                continue
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
            return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def a_postgres() -> Iterator[dict[str, str]]:
    """The settings by which everything that can lie in a database lies in that of a new server, gone with the block."""
    server = PostgresServer()
    try:
        yield settings_for(server.server_url("postgres"))
    finally:
        server.end()


async def show(planned: Cluster, console: Console, kill_every_s: float) -> None:
    """Until interrupted."""
    async with planned.running() as cluster, contextlib.AsyncExitStack() as stack:
        token = await cluster.token()
        api = DemoApi(f"http://127.0.0.1:{cluster.members['api'].http}", token)
        stack.push_async_callback(api.close)
        await api.set_up()
        for member in cluster.members.values():
            console.print(
                f"{member.name:<10} {member.roles:<12} process {member.process.pid if member.process else '-'}"
            )
        console.print(f"HTTP API   http://127.0.0.1:{cluster.members['api'].http}/v1")
        console.print(f"Chargers   ws://127.0.0.1:{cluster.chargers_at}/ocpp/{{charge_point_id}}")
        console.print("Token      ", end="")
        console.print(token, soft_wrap=True, highlight=False)
        chargers = all_chargers(f"ws://127.0.0.1:{cluster.chargers_at}/ocpp")
        for charger in chargers.values():
            await stack.enter_async_context(charger)
        jobs = [come_and_go(chargers), _say(api, console)]
        if kill_every_s:
            jobs.append(_kill(cluster, console, kill_every_s))
        await asyncio.gather(*jobs)


async def _say(api: DemoApi, console: Console) -> None:
    while True:
        await asyncio.sleep(SAY_EVERY_S)
        shown = [await api.charger(charger.charger_id) for charger in CHARGERS]
        connected = sum(each["connected"] for each in shown)
        console.print(
            f"{connected} of {len(shown)} chargers connected, {dict(Counter(each['sync'] for each in shown))}"
        )


async def _kill(cluster: Cluster, console: Console, every_s: float) -> None:
    for name in itertools.cycle(GATEWAYS):
        await asyncio.sleep(every_s)
        console.print(f"kill -9 {name}: its chargers come back to the other")
        await cluster.stop(name, signal.SIGKILL)
        await asyncio.sleep(BACK_AFTER_S)
        await cluster.start(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="where the store, the keys and the processes' files go [a new place]")
    parser.add_argument(
        "--postgres", action="store_true", help="keep events and read models in a server started for it"
    )
    parser.add_argument(
        "--kill-every", type=float, default=0.0, metavar="SECONDS", help="kill a gateway in turns [never]"
    )
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="access-policy-cluster-"))
        environment = stack.enter_context(a_postgres()) if chosen.postgres else {}
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        asyncio.run(show(Cluster(chosen.data or Path(directory), environment), Console(), chosen.kill_every))


if __name__ == "__main__":
    main()
