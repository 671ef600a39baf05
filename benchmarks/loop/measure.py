"""One depot in a separate process: `python -m benchmarks.loop.measure {demo|large} DIRECTORY CHARGERS VEHICLES RUNS`.

The service runs on this process's event loop, which is watched; its clients run on other threads or in other processes. Each
operation is driven `RUNS` times, and the shortest of its longest holds counts, because code that itself holds the loop does so
every time. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
from typer.testing import CliRunner

from access_policy.adapters.event_intake.messages import read
from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.entrypoints.cli.root import app as command_line
from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.fleet import CHARGERS
from access_policy.entrypoints.demo.fleet import DEPOT as DEMO_DEPOT
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from benchmarks import fleet_server
from benchmarks.loop.commands import COMMANDS, DAYS, KEPT, MAY_FAIL
from benchmarks.loop.holds import Hold, Holds
from benchmarks.loop.operations import OPERATIONS, PROFILE, dispatch_sheet, list_denied_identifiers, messages
from benchmarks.loop.scene import TENANT, Scene, Unexpected, file_of

ONCE = {
    "plan_registry_import",
    "get_registry_import",
    "apply_registry_import",
    "export_registry",
}  # of a large registry
AFTER_S = 0.15  # background work that an operation starts within this time counts as part of it
IN_FLIGHT = 200
CATCH_UP_S = 300.0
CONNECTED_S = 120.0
CONNECTED_MAX = 200  # chargers; more of them would take the processors away from the service
NEWLY_DENIED = {
    "denied ignore": 1_000,
    "denied enrol": 1_001,
}  # by the scene's number: an identifier that is not enrolled
ATTEMPTS = {"demo": 500, "large": 5_000}

Rows = dict[str, dict[str, dict[str, float | str]]]


def main(kind: str, directory: str, chargers: int, vehicles: int, runs: int) -> None:
    logging.basicConfig(level=logging.ERROR)
    settings = Settings(data=Path(directory), http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.5)
    print(json.dumps(asyncio.run(_measure(kind, settings, chargers, vehicles, runs))))


async def _measure(kind: str, settings: Settings, chargers: int, vehicles: int, runs: int) -> Rows:
    if kind == "large":
        async with Service(settings).running() as service:
            await fleet_server.set_up(service, chargers, depots=1)
    rows: Rows = {}
    holds = Holds()
    with holds.watched():
        async with _started(settings, holds, rows, "start") as service:
            scene = _scene(kind, service, chargers, vehicles)
            with _chargers(kind, service, chargers):
                holds.label, holds.longest = lambda: "connect the chargers", {}
                await asyncio.to_thread(_set_up, kind, service, scene)
                rows["start"] |= _shown(holds.longest)
                await _attempts(service, scene, ATTEMPTS[kind])
                await _caught_up(service)
                rows["HTTP operation"] = await _drive(holds, service, _operations(scene, runs))
                rows["intake message"] = await _drive(holds, service, _intake(scene, service, runs))
                rows["command"] = await _drive(holds, service, _commands(scene, service, settings.data))
        async with _started(settings, holds, rows, "start with what was kept"):
            pass
        (settings.data / "view.snapshot").unlink()
        async with _started(settings, holds, rows, "start that folds the log"):
            pass
    return rows


@asynccontextmanager
async def _started(settings: Settings, holds: Holds, rows: Rows, name: str) -> AsyncIterator[Service]:
    service = Service(settings)
    holds.label, holds.longest = lambda: service.step, {}
    async with service.running():
        await asyncio.sleep(AFTER_S)
        rows[name] = _shown(holds.longest)
        print(name, rows[name], file=sys.stderr)
        yield service
        holds.label, holds.longest = lambda: service.step, {}
    rows[name] |= _shown({"stop": max(holds.longest.values(), key=lambda hold: hold.wall_s)})


def _scene(kind: str, service: Service, chargers: int, vehicles: int) -> Scene:
    tokens, for_long = service.container.stores.tokens(), timedelta(hours=3)
    token = tokens.issue(TenantId(TENANT), Role.ADMIN, subject="bench", ttl=for_long)
    installation = tokens.issue(NO_TENANT, Role.INSTALLATION, subject="bench", ttl=for_long)
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{service.http_port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=600,
        trust_env=False,
    )
    if kind == "demo":
        return Scene(client, DEMO_DEPOT, CHARGERS[0].charger_id, len(CHARGERS), vehicles, installation=installation)
    return Scene(client, "depot-0", "charger-0", chargers, vehicles, installation=installation)


def _set_up(kind: str, service: Service, scene: Scene) -> None:
    """Set up the scene on a separate thread; the chargers are connected when it ends."""
    if kind == "demo":

        async def demo() -> None:
            api = DemoApi(str(scene.client.base_url), scene.client.headers["Authorization"].removeprefix("Bearer "))
            await api.set_up()
            await api.close()

        asyncio.run(demo())
    ends = time.monotonic() + CONNECTED_S
    while len(service.container.chargers.connections().connected_chargers()) < min(scene.chargers, CONNECTED_MAX):
        if time.monotonic() > ends:
            raise SystemExit("the chargers did not connect in time")
        time.sleep(0.2)


@contextmanager
def _chargers(kind: str, service: Service, chargers: int) -> Iterator[None]:
    """Connect chargers from another process. The demo's chargers retry until they are registered."""
    url = f"ws://127.0.0.1:{service.ocpp_port}/ocpp"
    if kind == "demo":
        command = [sys.executable, "-m", "benchmarks.loop.demo_client", url]
    else:
        command = [
            sys.executable,
            "-m",
            "benchmarks.fleet_client",
            url,
            "0",
            str(min(chargers, CONNECTED_MAX)),
            "0",
            "2",
        ]
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        client.terminate()
        client.wait()


async def _attempts(service: Service, scene: Scene, count: int) -> None:
    """Record refused attempts, for operations that read the past."""
    decider = service.container.deciding.decider()
    for first in range(0, count, IN_FLIGHT):
        asks = [
            AccessAttempt(
                tenant_id=TenantId(TENANT),
                charger_id=ChargerId(scene.charger),
                connector_id=None,
                identifier=identifier(IdentifierKind.RFID, f"0BEEEE{number:08X}"),
                protocol="ocpp1.6",
                message_id=f"attempt-{number}",
                signals=None,
            )
            for number in range(first, min(count, first + IN_FLIGHT))
        ]
        await asyncio.gather(*(decider.authorize(each) for each in asks))


async def _caught_up(service: Service) -> None:
    last = await service.container.stores.store().last_position()
    await service.container.read_side.follower().wait_until(last, timeout_s=CATCH_UP_S)


# --- driving -----------------------------------------------------------------------------------------------------------------

Run = tuple[str, Callable[[], object]]


async def _drive(holds: Holds, service: Service, runs: Iterator[Run]) -> dict[str, dict[str, float | str]]:
    """Return the shortest of each operation's longest holds. A run that the service refused did not do its work and does not
    count.
    """
    found: dict[str, Hold] = {}
    refused: dict[str, str] = {}
    for name, run in runs:
        holds.longest, holds.label = {}, str
        try:
            await asyncio.to_thread(run)
        except (Unexpected, LookupError) as error:
            refused[name] = repr(error)
            await _caught_up(service)
            continue
        await _caught_up(service)
        await asyncio.sleep(AFTER_S)
        hold = holds.longest[""]
        print(f"{name}: {1000 * hold.wall_s:.0f} ms, CPU {1000 * hold.cpu_s:.0f} ms {hold.doing}", file=sys.stderr)
        if name not in found or hold.wall_s < found[name].wall_s:
            found[name] = hold
    for name, why in refused.items():
        print(f"{name} {'was refused once' if name in found else 'NEVER WORKED'}: {why}", file=sys.stderr)
    return _shown(found)


def _operations(scene: Scene, runs: int) -> Iterator[Run]:
    for number in range(runs):
        scene.number = number
        for name, drive in OPERATIONS.items():
            if number == 0 or name not in ONCE:
                yield name, partial(drive, scene)


def _intake(scene: Scene, service: Service, runs: int) -> Iterator[Run]:
    """Yield runs that take messages in as from a queue: on the event loop, from the bytes on."""
    loop = asyncio.get_running_loop()

    async def take(body: str) -> None:
        await service.container.intake.receiver().receive(read(body))

    def run(body: str) -> None:
        asyncio.run_coroutine_threadsafe(take(body), loop).result()

    for number in range(runs):
        scene.number = number
        for name, message in messages(scene, "queue").items():
            yield name, partial(run, json.dumps(message))


def _commands(scene: Scene, service: Service, data: Path) -> Iterator[Run]:
    files = data / "cli"
    files.mkdir()
    (files / "vehicles.csv").write_bytes(file_of(min(scene.vehicles, 2_000), name="By command"))
    (files / "profile.json").write_text(json.dumps(PROFILE))
    (files / "changes.json").write_text(json.dumps({"rules": []}))
    (files / "days.ics").write_text(DAYS)
    (files / "assignments.csv").write_text(dispatch_sheet(scene, days=300))
    environment = {
        "ACCESS_POLICY_URL": f"http://127.0.0.1:{service.http_port}",
        "ACCESS_POLICY_TOKEN": scene.client.headers["Authorization"].removeprefix("Bearer "),
        "ACCESS_POLICY_DATA": str(data),
        "COLUMNS": "200",
    }

    def run(name: str) -> None:
        if name in NEWLY_DENIED:
            list_denied_identifiers(replace(scene, number=NEWLY_DENIED[name]))
        arguments = [*COMMANDS[name](scene, files), *(["--json"] if name in KEPT else [])]
        result = CliRunner().invoke(command_line, ["--yes", *arguments], env=environment)
        if result.exit_code and name not in MAY_FAIL:
            raise Unexpected(f"{arguments}: {result.exit_code} {result.output} {result.exception!r}")
        if name in KEPT:
            kept, field = KEPT[name]
            scene.made[kept] = json.loads(result.stdout)[field]

    for name in COMMANDS:
        yield name, partial(run, name)


def _shown(holds: dict[str, Hold]) -> dict[str, dict[str, float | str]]:
    return {
        name: {"wall_ms": 1000 * hold.wall_s, "cpu_ms": 1000 * hold.cpu_s, "doing": hold.doing}
        for name, hold in holds.items()
        if name
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
