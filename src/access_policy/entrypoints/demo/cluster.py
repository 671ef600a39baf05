"""Run the service as several processes on this machine: a projector, a publisher, two gateways and an API (`make cluster`).

With `--postgres` the processes share a PostgreSQL server that this program starts. Otherwise they use the databases that
the environment names, migrated first, or SQLite files. Chargers connect to one address, where a proxy forwards each
connection to a running gateway, so that the chargers of a killed gateway reconnect to the other.
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
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from access_policy.domain.plurals import counted
from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.fleet import CHARGERS, TENANT
from access_policy.entrypoints.demo.once import all_chargers
from access_policy.entrypoints.demo.ports import free_port
from access_policy.entrypoints.demo.postgres import PostgresServer, settings_for
from access_policy.entrypoints.demo.visitors import come_and_go

GATEWAYS: Final = ("gw-1", "gw-2")
ROLES: Final = {  # of each process, in the order in which they start: the projector first, because it creates missing tables
    "projector": "projector",
    "publisher": "publisher",
    **dict.fromkeys(GATEWAYS, "api,gateway"),
    "api": "api",
}
START_S: Final = 30.0
REPORT_EVERY_S: Final = 10.0
BACK_AFTER_S: Final = 5.0
_COMMAND: Final = (sys.executable, "-m", "access_policy.entrypoints.cli")


@dataclass
class Member:
    """One process. `http` and `ocpp` are the ports on which it listens if its roles need them."""

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
    """The cluster. `started` names the processes to run; by default all of them. `chargers_at` is the proxy's port,
    where chargers connect."""

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    started: Collection[str] = tuple(ROLES)
    members: dict[str, Member] = field(default_factory=dict)
    chargers_at: int = 0
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name, roles in ROLES.items():
            if name in self.started:
                self.members[name] = Member(name, roles, free_port(), free_port())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Cluster]:
        """Run the processes until the block ends."""
        proxy = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.chargers_at = proxy.sockets[0].getsockname()[1]
        try:
            await self._run("migrate")
            for name in self.members:
                await self.start(name)
            yield self
        finally:
            proxy.close()
            await asyncio.gather(*(self.stop(name) for name in self.members))

    async def start(self, name: str) -> None:
        """Start a process and wait until it serves. Raise `RuntimeError` if it ends instead, or `TimeoutError`."""
        member = self.members[name]
        command = [*_COMMAND, "serve", "--data", str(self.data), "--instance", name]
        command += ["--http", f"127.0.0.1:{member.http}", "--ocpp", f"127.0.0.1:{member.ocpp}"]
        others = [each for each in self.members.values() if each.name in GATEWAYS and each.name != name]
        peers = ",".join(f"{each.name}=http://127.0.0.1:{each.http}" for each in others)
        settings = {"ROLES": member.roles, "PEERS": peers, "LOG_LEVEL": "WARNING", "DRAIN_S": "0.5"}
        environment = {**os.environ, **{f"ACCESS_POLICY_{key}": value for key, value in settings.items()}}
        member.process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env={**environment, **self.environment}
        )
        assert member.process.stdout is not None
        async with asyncio.timeout(START_S):
            if not await member.process.stdout.readline():
                raise RuntimeError(f"{name} did not start; see its output above")

    async def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self.members[name].process
        if process is not None and process.returncode is None:
            process.send_signal(how)
            await process.wait()

    async def token(self) -> str:
        return await self._run("token", "--tenant", TENANT, "--role", "admin", "--ttl", "1d")

    async def _run(self, *arguments: str) -> str:
        """Run a command of the CLI and return its output. Raise `RuntimeError` if it fails."""
        process = await asyncio.create_subprocess_exec(
            *(*_COMMAND, *arguments, "--data", str(self.data)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self.environment},
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{arguments[0]} failed; see its output above")
        return output.decode().strip()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a charger's connection to the next gateway that accepts it."""
        up = [each for each in self.members.values() if each.name in GATEWAYS and each.is_up]
        first = next(self._turn)
        for offset in range(len(up)):
            try:
                gateway = await asyncio.open_connection("127.0.0.1", up[(first + offset) % len(up)].ocpp)
            except OSError:
                continue
            await asyncio.gather(_copy(reader, gateway[1]), _copy(gateway[0], writer))
            return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
    finally:
        writer.close()


@contextlib.contextmanager
def temporary_postgres() -> Iterator[dict[str, str]]:
    """Start a PostgreSQL server for the block. Yield the settings that keep all data in its database."""
    server = PostgresServer()
    try:
        yield settings_for(server.server_url("postgres"))
    finally:
        server.end()


async def show(planned: Cluster, console: Console, kill_every_s: float) -> None:
    """Run the cluster with the demo's chargers and drivers until interrupted."""
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
        jobs = [come_and_go(chargers), _report(api, console)]
        if kill_every_s:
            jobs.append(_kill(cluster, console, kill_every_s))
        await asyncio.gather(*jobs)


async def _report(api: DemoApi, console: Console) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        shown = [await api.charger(charger.charger_id) for charger in CHARGERS]
        connected = sum(each["connected"] for each in shown)
        console.print(
            f"{connected} of {counted(len(shown), 'charger')} connected, {dict(Counter(each['sync'] for each in shown))}"
        )


async def _kill(cluster: Cluster, console: Console, every_s: float) -> None:
    for name in itertools.cycle(GATEWAYS):
        await asyncio.sleep(every_s)
        console.print(f"kill -9 {name}: its chargers reconnect to the other gateway")
        await cluster.stop(name, signal.SIGKILL)
        await asyncio.sleep(BACK_AFTER_S)
        await cluster.start(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="directory of the store, keys and process files [default: temporary]")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL server for events and read models")
    parser.add_argument(
        "--kill-every",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="interval at which the gateways are killed in turn [default: never]",
    )
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="access-policy-cluster-"))
        environment = stack.enter_context(temporary_postgres()) if chosen.postgres else {}
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        asyncio.run(show(Cluster(chosen.data or Path(directory), environment), Console(), chosen.kill_every))


if __name__ == "__main__":
    main()
