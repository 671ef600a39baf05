"""`serve` as an operator runs it: a supervisor, a gateway and an office in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import condition_stream
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.processes.parts import PartName
from access_policy.settings import Settings
from tests.integration.test_drain import CONTEXT, answer_to, booted, set_up
from tests.support.attempts import recovered
from tests.support.process import free_port, serving
from tests.support.stores import happened

SPOOLED = ChargerId("CP9")  # a charger that no other test step touches
START_S = 300  # an upper bound on a busy machine


@asynccontextmanager
async def supervised(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, tuple[int, int]]]:
    """With the data directory of an installation that ran in one process before, and was killed while the store was down."""
    await set_up(data)
    spool = SqliteSpool(data / "spool.sqlite")
    await spool.append([Append(condition_stream(CONTEXT.tenant_id, SPOOLED), 0, (happened(recovered()),))])
    await spool.close()
    ports = free_port(), free_port()
    async with serving(data, ports) as process:
        yield process, ports


def children(process: asyncio.subprocess.Process) -> dict[str, int]:
    """Process id by name of the part."""
    found = {}
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
            name = Path(f"/proc/{pid}/comm").read_text()  # of a fork, which has the command line of its template
            if running := re.search(r"\bchild (gateway|office)\b", f"{name} {command}"):
                found[running[1]] = int(pid)
    return found


async def parts(port: int) -> dict[str, bool]:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return dict((await client.get(f"http://127.0.0.1:{port}/readyz")).json()["parts"])
    except httpx.TransportError:
        return {}


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(START_S):
        while not await is_so():  # noqa: ASYNC110  other processes tell nothing
            await asyncio.sleep(0.05)


async def until_ready(port: int) -> None:
    async def is_ready() -> bool:
        return all((found := await parts(port)).values()) and bool(found)

    await until(is_ready)


async def authorizes(port: int) -> bool:
    """Whether a charger of the installation gets a decision."""
    async with connect(f"ws://127.0.0.1:{port}/ocpp/CP0", subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as ws:
        await ws.send('[2,"m","Authorize",{"idTag":"04A1B2C3D4E5F6"}]')
        return bool((await answer_to(ws, "m"))["idTagInfo"]["status"] == "Invalid")


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


async def spooled_are_stored(data: Path) -> bool:
    container = Container(settings=Settings(data=data))
    try:
        return len(await container.stores.store().load(condition_stream(CONTEXT.tenant_id, SPOOLED))) == 1
    finally:
        await close_opened(container)


async def test_crash_of_one_process_leaves_the_other_serving_and_is_mended(tmp_path: Path) -> None:
    async with supervised(tmp_path) as (process, (http, ocpp)):
        await until_ready(http)
        await (await booted(ocpp, "CP0")).close()
        before = children(process)
        os.kill(before["office"], signal.SIGKILL)
        assert await authorizes(ocpp)
        await until_ready(http)
        os.kill(before["gateway"], signal.SIGKILL)

        async def is_missed() -> bool:
            return (await parts(http)).get("gateway") is False

        await until(is_missed)
        await until_ready(http)
        assert await authorizes(ocpp)
        after = children(process)
        process.send_signal(signal.SIGINT)  # as Ctrl-C does

        assert await process.wait() == 0
        assert set(before) == set(after) == {"gateway", "office"}
        assert not set(before.values()) & set(after.values())
        assert not any(map(is_running, after.values()))
        assert await spooled_are_stored(tmp_path)


@pytest.mark.started_anew
async def test_kill_of_the_supervisor_ends_its_children_and_frees_their_files(tmp_path: Path) -> None:
    async with supervised(tmp_path) as (process, (http, ocpp)):
        orphans = children(process)
        process.kill()
        await process.wait()

        async def are_gone() -> bool:
            return not any(map(is_running, orphans.values()))

        await until(are_gone)
    assert len(orphans) == 2
    for port in (http, ocpp):
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))


PRINT_MODULES = """
import sys
from pathlib import Path
from access_policy.entrypoints.processes.parts import PartName, part_of
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings

part = part_of(Settings(data=Path(sys.argv[2])), PartName(sys.argv[1]))
Service(part.settings, part)
print(*sys.modules)
"""


def modules_of(name: PartName, data: Path) -> set[str]:
    """The modules of a process that is ready to serve this part. It starts anew: a fork has imported more."""
    command = [sys.executable, "-c", PRINT_MODULES, name.value, str(data)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_gateway_imports_neither_the_api_nor_the_console(tmp_path: Path) -> None:
    of_offices = {"access_policy.entrypoints.http." + name for name in ("app", "console", "v1.routers", "live")}

    assert of_offices <= modules_of(PartName.OFFICE, tmp_path)
    assert not of_offices & modules_of(PartName.GATEWAY, tmp_path)
