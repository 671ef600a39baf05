"""`python -m simulated_provider` plays a provider against a running service."""

from __future__ import annotations

import asyncio
import sys

from tests.support.oscp import GROUP, OscpWorld
from tests.support.partner_trust import PartnerTrust


async def test_program_plays_a_provider_and_prints_every_frame(world: OscpWorld, partner_trust: PartnerTrust) -> None:
    made = await world.put_provider(groups=[{**GROUP, "group_id": "grid"}])
    files = partner_trust.certificate
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulated_provider", "--url", world.own_url, "--token", made["token"]),
        *("--certificate", str(files.certificate), "--key", str(files.key), "--wait", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await program.communicate()

    assert program.returncode == 0, err.decode()
    frames = out.decode()
    assert f"capacity provider: POST {world.own_url}/handshake" in frames
    assert "/oscp/cp/2.0/handshake_acknowledge" in frames
    assert "x-error-message: Two blocks overlap" in frames
    assert made["token"] not in frames
    assert [(node_id, kw, fallback) for node_id, _, kw, fallback in await world.limits()][:2] == [
        ("grid", 60, 40),
        ("grid", 150, 40),
    ]
