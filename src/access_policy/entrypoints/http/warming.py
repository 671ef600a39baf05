"""Build before the first request what the frameworks build at the first request that needs it."""

from __future__ import annotations

from typing import Any, Final

import anyio
from fastapi import FastAPI

from access_policy.application.turns import in_turns
from access_policy.entrypoints.http.ocpi.urls import OCPI
from access_policy.entrypoints.http.oscp.urls import OSCP

_NOWHERE: Final[dict[str, Any]] = {"type": "http", "method": "GET", "root_path": "", "headers": []}
_PATHS: Final = ("/", f"{OCPI}/", f"{OSCP}/")  # of the routers that look at the beginning of a path first


async def warm_up(app: FastAPI) -> None:
    """Let each included router build its routes, one router in a turn of the event loop: the first request that searched all of
    them would do it in one turn, which held the loop of a busy machine for a second. Then load anyio's backend."""
    async for route, path in in_turns([(route, path) for route in app.router.routes for path in _PATHS]):
        route.matches({**_NOWHERE, "path": path})
    async with anyio.create_task_group():
        pass
