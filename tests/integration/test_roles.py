"""The roles of the service side by side on one store: an API, two gateways, a projector; chargers move between gateways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from access_policy.application.ports.identity import Role
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerConnected, ChargerDisconnected
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.entrypoints.processes.safety import NotAllowed
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.chargers import ChargerSpec, Identifier, SimulatedCharger, Vehicle
from tests.support.dynamodb import endpoint_for, new_table, table_url
from tests.support.lengths import Length
from tests.support.postgres_server import keep_everything_in, new_database

STORES = Length(ci=1, soak=3, of="stores")
pytestmark = pytest.mark.asyncio(loop_scope="module")

BAY, OTHER = ChargerId("bay-1"), ChargerId("bay-2")
_tenants = count(1)
CARD = "04A1B2C3D4E5F6"


@dataclass
class Processes:
    api: Service
    gateways: dict[str, Service]


@dataclass
class Cluster(Processes):
    """The processes, with a depot of a tenant of the test's own."""

    tenant_id: TenantId
    client: httpx.AsyncClient

    async def put(self, path: str, body: dict[str, Any]) -> httpx.Response:
        answer = await self.client.put(f"/v1/{path}", json=body)
        assert answer.is_success, answer.text
        return answer

    def charge_point(self, number: int) -> str:
        """The id of the first charger, or of the second one."""
        return f"{self.tenant_id}-{number}"

    def spec(self, gateway: str, number: int = 1) -> ChargerSpec:
        url = f"ws://127.0.0.1:{self.gateways[gateway].ocpp_port}/ocpp"
        charge_point_id = self.charge_point(number)
        return ChargerSpec(url=url, charge_point_id=charge_point_id, reconnect_min_s=0.05, reconnect_max_s=0.1)

    async def connections(self, charger: ChargerId = BAY) -> list[tuple[str, str]]:
        """Kind and gateway of what is on the charger's record, oldest first."""
        history = await self.api.container.stores.store().load(condition_stream(self.tenant_id, charger))
        return [
            (type(each.event).__name__, each.event.gateway)
            for each in history
            if isinstance(each.event, ChargerConnected | ChargerDisconnected)
        ]

    async def shown(self, path: str, fits: Callable[[Any], bool]) -> Any:
        """What the API shows, once it reads as expected."""
        async with asyncio.timeout(20):
            while not fits(shown := (await self.client.get(f"/v1/{path}")).json()):  # noqa: ASYNC110  it is asked
                await asyncio.sleep(0.05)
        return shown

    def holds(self, gateway: str, charger: ChargerId = BAY) -> bool:
        return self.gateways[gateway].container.chargers.connections().connected((self.tenant_id, charger))


@asynccontextmanager
async def role(data: Path, instance: str, roles: str, **more: str) -> AsyncIterator[Service]:
    settings = Settings(
        data=data, instance=instance, roles=roles, http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, **more
    )
    async with Service(settings).running() as service:
        yield service


@pytest.fixture(scope="module", params=STORES.first(["postgres", "dynamodb", "sqlite"]))
def data(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of the processes, which find their databases in the environment."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as closing:
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            template = request.getfixturevalue("migrated_template")
            keep_everything_in(closing.enter_context(new_database(server, template)), patch)
        if request.param == "dynamodb":
            endpoint = endpoint_for(request, patch)
            table = closing.enter_context(new_table(endpoint))
            patch.setenv("ACCESS_POLICY_STORE_URL", table_url(table.name, endpoint))
        yield tmp_path_factory.mktemp("roles")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def processes(data: Path) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(role(data, "projector", "projector"))
        gateways = {name: await stack.enter_async_context(role(data, name, "api,gateway")) for name in ("gw-1", "gw-2")}
        peers = ",".join(f"{name}=http://127.0.0.1:{gateway.http_port}" for name, gateway in gateways.items())
        api = await stack.enter_async_context(role(data, "api", "api", peers=peers))
        yield Processes(api, gateways)


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(processes: Processes) -> AsyncIterator[Cluster]:
    tenant_id = TenantId(f"tenant-{next(_tenants)}")
    token = processes.api.container.stores.tokens().issue(
        tenant_id, Role.ADMIN, subject="tester", ttl=timedelta(hours=1)
    )
    client = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{processes.api.http_port}",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=30,
    )
    async with client:
        made = Cluster(processes.api, processes.gateways, tenant_id, client)
        await made.put("depots/north", {"name": "North", "time_zone": "Europe/Berlin"})
        for number, charger in enumerate((BAY, OTHER), 1):
            body = {"charge_point_id": made.charge_point(number), "depot_id": "north", "profile": "ocpp16-central"}
            await made.put(f"chargers/{charger}", {**body, "baseline_mode": "managed"})
        bus = {"name": "Bus 7", "access_class": "own", "identifiers": [{"kind": "rfid", "value": CARD}]}
        await made.put("vehicles/bus-7", bus)
        yield made


def ended_all(attempts: list[Any]) -> bool:
    return bool(attempts) and all(each["session"] and each["session"]["ended_at"] for each in attempts)


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not fits():  # noqa: ASYNC110  states of several processes, none of which tells
            await asyncio.sleep(0.02)


@pytest.mark.soak(STORES)
async def test_two_processes_of_one_name_do_not_share_their_files(cluster: Cluster) -> None:
    with pytest.raises(NotAllowed, match="--instance"):
        async with Service(cluster.api.settings).running():
            pass


@pytest.mark.soak(STORES)
async def test_what_the_api_is_told_every_gateway_decides_by(cluster: Cluster) -> None:
    for gateway, number in (("gw-1", 1), ("gw-2", 2)):
        async with SimulatedCharger(cluster.spec(gateway, number)) as charger:
            await charger.until_ready()
            await charger.plug_in(1, Vehicle())
            assert (await charger.present(1, Identifier.rfid(CARD))).charged
            await charger.stop_charging(1)
            await charger.until_all_sent()

    suspended = await cluster.client.post("/v1/vehicles/bus-7/suspend", json={"reason": "stolen"})
    position = int(suspended.headers["X-Log-Position"])
    for gateway, number in (("gw-1", 1), ("gw-2", 2)):
        assert await cluster.gateways[gateway].settled(position)
        async with SimulatedCharger(cluster.spec(gateway, number)) as charger:
            await charger.until_ready()
            await charger.plug_in(1, Vehicle())
            assert not (await charger.present(1, Identifier.rfid(CARD))).charged


@pytest.mark.soak(STORES)
async def test_the_answer_of_one_process_can_be_read_from_another(cluster: Cluster) -> None:
    told = await cluster.put("depots/south", {"name": "South", "time_zone": "Europe/Berlin"})
    headers = {**cluster.client.headers, "X-Log-Position": told.headers["X-Log-Position"]}
    port = cluster.gateways["gw-2"].http_port
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as other:
        read = await other.get(f"http://127.0.0.1:{port}/v1/depots/south")
        headers["X-Log-Position"] = str(10**12)
        ahead = await other.get(f"http://127.0.0.1:{port}/v1/depots/south", headers=headers)

    assert read.json()["name"] == "South"
    assert (ahead.status_code, ahead.json()["type"].rpartition(":")[2]) == (503, "not-caught-up")


@pytest.mark.soak(STORES)
async def test_a_charger_that_moves_belongs_to_the_gateway_it_came_to(cluster: Cluster) -> None:
    url = f"{cluster.spec('gw-1').url}/{cluster.charge_point(1)}"
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as left_behind:
        await cluster.shown("chargers/bay-1", lambda shown: shown["connected"])
        async with SimulatedCharger(cluster.spec("gw-2")) as charger:
            await charger.until_ready()
            await left_behind.wait_closed()
            await until(lambda: cluster.holds("gw-2") and not cluster.holds("gw-1"))
            shown = await cluster.shown("chargers/bay-1", lambda shown: shown["applied_mode"] == "managed")

            assert left_behind.close_code == CloseCode.POLICY_VIOLATION
            assert shown["connected"]
            assert await cluster.connections() == [("ChargerConnected", "gw-1"), ("ChargerConnected", "gw-2")]
    await cluster.shown("chargers/bay-1", lambda shown: not shown["connected"])


@pytest.mark.soak(STORES)
async def test_a_charge_goes_on_and_ends_at_another_gateway(cluster: Cluster) -> None:
    async with SimulatedCharger(cluster.spec("gw-1")) as charger:
        await charger.until_ready()
        await charger.plug_in(1, Vehicle())
        assert (await charger.present(1, Identifier.rfid(CARD))).charged
        charger.go_offline()
        await until(lambda: not cluster.holds("gw-1"))
        charger.state.connection._spec = replace(charger.spec, url=cluster.spec("gw-2").url)
        charger.come_online()
        await until(lambda: cluster.holds("gw-2"))
        await charger.until_ready()
        await charger.stop_charging(1)
        await charger.until_all_sent()

    events = await cluster.shown("access-events", lambda shown: ended_all(shown["items"]))
    assert [event["decision"] for event in events["items"]] == ["allowed"]


@pytest.mark.soak(STORES)
async def test_an_identifier_in_use_at_one_gateway_is_in_use_at_the_other(cluster: Cluster) -> None:
    vehicle = {"name": "Bus 8", "access_class": "own", "identifiers": [{"kind": "mac", "value": "VID:AABBCCDDEEFF"}]}
    await cluster.put("vehicles/bus-8", vehicle)
    bus = Identifier.autocharge("AABBCCDDEEFF")
    async with (
        SimulatedCharger(cluster.spec("gw-1")) as here,
        SimulatedCharger(cluster.spec("gw-2", 2)) as there,
    ):
        await here.until_ready()
        await there.until_ready()
        await here.plug_in(1, Vehicle())
        assert (await here.present(1, bus)).charged
        await until(
            lambda: bool(
                cluster.gateways["gw-2"].container.deciding.recent_activity().sessions_at((cluster.tenant_id, BAY))
            )
        )
        await there.plug_in(1, Vehicle())
        assert not (await there.present(1, bus)).charged

    denied = await cluster.shown("access-events?decision=denied", lambda shown: shown["items"])
    assert denied["items"][0]["reason"] == "identifier_in_use"


@pytest.mark.soak(STORES)
async def test_what_needs_the_connection_is_passed_on_to_who_holds_it(cluster: Cluster) -> None:
    async with SimulatedCharger(cluster.spec("gw-2")) as charger:
        await charger.until_ready()
        await cluster.shown("chargers/bay-1", lambda shown: shown["applied_mode"] == "managed")
        answer = await cluster.client.post("/v1/chargers/bay-1/rotate-password")

        assert answer.status_code == 204, answer.text
        assert len(charger.settings_in_force["AuthorizationKey"]) == 40


@pytest.mark.soak(STORES)
async def test_a_retired_charger_is_disconnected_by_whoever_holds_it(cluster: Cluster) -> None:
    async with SimulatedCharger(cluster.spec("gw-1")) as charger:
        await charger.until_ready()
        await until(lambda: cluster.holds("gw-1"))
        assert (await cluster.client.delete("/v1/chargers/bay-1")).status_code == 204
        await until(lambda: not cluster.holds("gw-1"))


@pytest.mark.soak(STORES)
async def test_one_gateway_switches_a_charger_and_the_other_lets_it_be(cluster: Cluster) -> None:
    async with SimulatedCharger(cluster.spec("gw-1")) as charger:
        await charger.until_ready()
        await cluster.shown("chargers/bay-1", lambda shown: shown["applied_mode"] == "managed")
        override = {"mode": "freevend", "for": "PT1H", "reason": "open day"}
        made = await cluster.client.post("/v1/chargers/bay-1/overrides", json=override)
        assert made.status_code == 201, made.text
        in_force = ("freevend", "in_sync")
        await cluster.shown("chargers/bay-1", lambda shown: (shown["applied_mode"], shown["sync"]) == in_force)
        position = await cluster.api.container.stores.store().last_position()
        log = await cluster.api.container.stores.store().read_log(after=0, limit=1_000, up_to=position)
        own = [each.event for each in log if each.stream.startswith(f"{cluster.tenant_id}/")]
        applied = [event.mode for event in own if type(event).__name__ == "ModeApplied"]

    assert applied == ["managed", "freevend"]
