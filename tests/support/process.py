"""The service in a process of its own, and the decisions in its store afterwards."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.entrypoints.demo.ports import free_port
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings

__all__ = ["free_port"]


@asynccontextmanager
async def serving(
    data: Path, ports: tuple[int, int], *flags: str, drain_s: float = 0.1
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", "--data", str(data)),
        *("--http", f"127.0.0.1:{ports[0]}", "--ocpp", f"127.0.0.1:{ports[1]}", *flags),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "ACCESS_POLICY_DRAIN_S": str(drain_s)},
    )
    try:
        assert process.stdout is not None
        assert (await asyncio.wait_for(process.stdout.readline(), 120)).startswith(b"HTTP API")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def serving_here(data: Path, ports: tuple[int, int] = (0, 0)) -> AsyncIterator[Service]:
    """The service in this process, for tests of what it does and not of its processes: two of them take ten CPU seconds to
    import it."""
    settings = Settings(data=data, http=f"127.0.0.1:{ports[0]}", ocpp=f"127.0.0.1:{ports[1]}", drain_s=0.0)
    async with Service(settings).running() as service:
        yield service


async def recorded(data: Path) -> list[AccessAllowed | AccessDenied]:
    """All decisions, in the order of their commit, read from the store of the settings."""
    container = Container(settings=Settings(data=data))
    store = container.stores.store()
    decisions: list[AccessAllowed | AccessDenied] = []
    after = 0
    types = (AccessAllowed.TYPE, AccessDenied.TYPE)
    while batch := await store.read_log(after=after, limit=1_000, types=types):
        decisions += [each.event for each in batch]
        after = batch[-1].position
    await close_opened(container)
    return decisions
