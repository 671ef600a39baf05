"""A day with a capacity provider: every message of OSCP in both directions, right and wrong ones, and who may start meanwhile.

The frames are written to build/oscp_frames.txt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.domain.ids import ChargerId, EnergyNodeId
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from simulated_provider.forecasts import HOUR, bad_forecasts, block, forecast
from simulated_provider.provider import ANSWERED
from tests.integration.oscp.conftest import GIVEN
from tests.integration.oscp.test_forecasts import looked, measured
from tests.support.builders import NOON
from tests.support.oscp import BY_SYSTEM, NORTH, OscpWorld, oscp_world
from tests.support.partner_trust import PartnerTrust

FRAMES = Path(__file__).parents[3] / "build" / "oscp_frames.txt"
GUEST = {"kind": "rfid", "value": "04A1B2C3D4E5F6"}
MINUTE = timedelta(minutes=1)
CHARGER: list[tuple[str, str, Any]] = [
    (
        "PUT",
        "/v1/chargers/bay-1",
        {
            "charge_point_id": "CP-1",
            "depot_id": "north",
            "profile": "ocpp201-central",
            "baseline_mode": "freevend",
        },
    )
]


@pytest.fixture
async def world(tmp_path: Path, partner_trust: PartnerTrust) -> AsyncIterator[OscpWorld]:
    async with oscp_world(tmp_path, partner_trust.ca, partner_trust.certificate, [*GIVEN, *CHARGER]) as made:
        node = EnergyNode(
            node_id=EnergyNodeId("at-bay-1"),
            parent_id=EnergyNodeId("yard"),
            kind=NodeKind.CHARGER,
            charger_id=ChargerId("bay-1"),
        )
        await made.api.container.commands.put_energy_node()(BY_SYSTEM, PutEnergyNode(depot_id=NORTH, node=node))
        yield made


async def decided(world: OscpWorld) -> tuple[str, str]:
    """What a vehicle that nobody knows gets at the charger, which is in freevend."""
    await world.api.settled()
    body = {"charger_id": "bay-1", "identifier": GUEST, "dry_run": True}
    answer = await world.api.done("POST", "/v1/access-decisions", body)
    return answer["decision"], answer["reason"]


async def test_day_of_a_provider_narrows_and_opens_access_with_every_message(world: OscpWorld) -> None:
    provider = world.provider
    await world.connected(measurements=("CONTINUOUS",), heartbeat_interval_s=600)
    await provider.until(lambda: provider.received["heartbeat"])
    open_at_first = await decided(world)

    hours = (block(NOON, 200), block(NOON + HOUR, 30), block(NOON + 2 * HOUR, 200))
    await provider.forecast(forecast(*hours, group_id="EAN-1"))
    night = block(NOON, 10, hours=24)
    await provider.forecast(forecast(night, group_id="EAN-1", kind="FALLBACK_CONSUMPTION"))
    await provider.forecast(forecast(night, group_id="EAN-1", kind="OPTIMUM"))
    for wrong, body in bad_forecasts(NOON).items():
        named = body if wrong == "unknown group" else {**body, "group_id": "EAN-1"}
        assert (await provider.forecast(named)).status in (400, 404)
    await provider.call("heartbeat", {"offline_mode_at": "2026-11-18T23:00:00Z"}, token="wrong")
    await provider.heartbeat(NOON + 90 * MINUTE)
    room = await decided(world)

    world.clock.forward(hours=1)
    short = await decided(world)
    await measured(world, 45_000)
    await looked(world)
    world.clock.forward(minutes=1)
    await measured(world, 45_000)
    await looked(world)
    await provider.until(lambda: provider.received["update_group_measurements"])
    await provider.until(lambda: provider.received["group_capacity_compliance_error"])
    widened = forecast(block(NOON + HOUR, 250, hours=2), group_id="EAN-1")
    await provider.forecast(widened, message_id="wider")
    await provider.forecast(widened, message_id="wider")
    world.clock.forward(minutes=10)
    wide_again = await decided(world)

    world.clock.forward(minutes=30)
    silent = await decided(world)
    late = await provider.forecast(forecast(block(world.clock.now(), 250), group_id="EAN-1"))
    await provider.handshake()
    await provider.forecast(forecast(block(world.clock.now(), 250, hours=3), group_id="EAN-1"))
    world.clock.forward(minutes=10)
    back = await decided(world)

    FRAMES.parent.mkdir(exist_ok=True)
    FRAMES.write_text(provider.frames.text("OSCP 2.0: registered, limited, short, wider, silent, back"))
    assert open_at_first == ("allowed", "freevend")
    assert room == ("allowed", "freevend")
    assert short == ("denied", "energy_restricted")
    assert wide_again == ("allowed", "freevend")
    assert silent == ("denied", "energy_restricted"), "the fallback leaves 10 kW"
    assert late.status == 409
    assert back == ("allowed", "freevend")
    assert all(provider.received[path] for path in ANSWERED), provider.received
