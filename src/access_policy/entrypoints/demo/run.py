"""Run the service with the demo depot: until interrupted, or once while checking all expectations."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import Recorded
from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.demo.api import DemoApi
from access_policy.entrypoints.demo.fleet import CHARGERS, FEEDER_B, TENANT, ZONE
from access_policy.entrypoints.demo.lines import line
from access_policy.entrypoints.demo.once import DemoOnce, Expectations, all_chargers
from access_policy.entrypoints.demo.visitors import come_and_go
from access_policy.entrypoints.processes.one_time_links import one_time_link
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from simulated_charger import SimulatedCharger

PERIOD = timedelta(minutes=4)  # two minutes of managed access, two of freevend
WINDOWS = 45  # three hours


async def serve_demo(settings: Settings, console: Console) -> None:
    """Run until SIGTERM or Ctrl-C."""
    service = Service(settings)
    showing: list[asyncio.Task[None]] = []

    async def ready(_: Service) -> None:
        showing.append(asyncio.create_task(_show(service, console)))

    async def stopping() -> None:
        await asyncio.gather(*map(_ended, showing))

    await service.run(ready, stopping)


async def demo_once(settings: Settings, console: Console, *, keep: bool) -> bool:
    """Return True if all expectations were met. Without `keep` the data directory is temporary."""
    with tempfile.TemporaryDirectory(prefix="access-policy-demo-") as directory:
        if not keep:
            settings = settings.model_copy(update={"data": Path(directory), "drain_s": 0.5})
        async with Service(settings).running() as service, _depot(service, console) as (api, chargers):
            checks = await DemoOnce(api, chargers).run()
    _summary(console, checks)
    return checks.all_met


async def _show(service: Service, console: Console) -> None:
    token = _token(service)
    console.print(f"HTTP API  http://127.0.0.1:{service.http_port}/v1   (documentation: /docs)")
    console.print(f"Chargers  ws://127.0.0.1:{service.ocpp_port}/ocpp/{{charge_point_id}}")
    console.print("Token     ", end="")
    console.print(token, soft_wrap=True, highlight=False)
    console.print("Console   ", end="")
    console.print(await _link(service), soft_wrap=True, highlight=False)
    console.print(f"Depot     {len(CHARGERS)} simulated chargers; managed access for two minutes of every four,")
    console.print("          and power is short at bays 5 to 7 for a minute of every eight\n")
    async with _depot(service, console) as (api, chargers):
        await api.withdraw_rules()
        windows = _windows(datetime.now(UTC))
        await api.schedule(windows)
        await api.set_up_energy()
        for _, end in windows[::2]:  # one minute of every second freevend period
            await api.narrow(FEEDER_B, end + PERIOD / 8, end + 3 * PERIOD / 8)
        await come_and_go(chargers)


@asynccontextmanager
async def _depot(service: Service, console: Console) -> AsyncIterator[tuple[DemoApi, dict[str, SimulatedCharger]]]:
    """Set up the depot, connect its chargers, and print recorded events from now on."""
    api = DemoApi(f"http://127.0.0.1:{service.http_port}", _token(service))
    chargers = all_chargers(f"ws://127.0.0.1:{service.ocpp_port}/ocpp")
    async with AsyncExitStack() as depot:
        depot.push_async_callback(api.close)
        printing = asyncio.create_task(_print_events(service, console))
        depot.push_async_callback(_ended, printing)
        await api.set_up()
        for charger in chargers.values():
            await depot.enter_async_context(charger)
        await asyncio.gather(*(charger.until_ready(timeout_s=30) for charger in chargers.values()))
        yield api, chargers


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait until it has ended, because it uses parts that are closed next."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _print_events(service: Service, console: Console) -> None:
    """Print a line for each event that the demo shows."""
    store = service.container.stores.store()
    begin = await store.last_position()
    zone = ZoneInfo(ZONE)

    async def show(batch: Sequence[Recorded], reached: int) -> None:
        for recorded in batch:
            text = line(recorded, zone)
            if text is not None and recorded.envelope.tenant_id == TENANT:
                console.print(text, soft_wrap=True)

    async def position() -> int:
        return max(begin, follower.reached)

    follower = Follower("terminal", store, show, position)
    await follower.run()


async def _link(service: Service) -> str:
    admin = Identity(tenant_id=TenantId(TENANT), role=Role.ADMIN, subject=ActorId("demo"))
    return await one_time_link(service.settings, admin, service.http_port)


def _token(service: Service) -> str:
    tokens = service.container.stores.tokens()
    return str(tokens.issue(TENANT, Role.ADMIN, subject="demo", ttl=timedelta(days=1)))


def _windows(now: datetime) -> list[tuple[datetime, datetime]]:
    first = (now + timedelta(seconds=40)).replace(second=0, microsecond=0).astimezone(ZoneInfo(ZONE))
    starts = [first + number * PERIOD for number in range(WINDOWS)]
    return [(start, start + PERIOD / 2) for start in starts]


def _summary(console: Console, checks: Expectations) -> None:
    table = Table(title="What the demo should show")
    table.add_column("")
    table.add_column("expectation")
    table.add_column("instead")
    for what, is_met, found in checks.seen:
        table.add_row("[green]yes[/]" if is_met else "[bold red]NO[/]", what, found)
    console.print(table)
    met = sum(is_met for _, is_met, _ in checks.seen)
    console.print(f"demo-once: {met} of {len(checks.seen)} expectations met")
