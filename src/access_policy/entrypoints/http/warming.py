"""Build before the first request what the frameworks would build during it."""

from __future__ import annotations

from typing import Any, Final

import anyio
from fastapi import FastAPI
from starlette.routing import BaseRoute

from access_policy.application.event_loop import cooperatively

_NOWHERE: Final[dict[str, Any]] = {"type": "http", "method": "GET", "root_path": "", "headers": []}


async def warm_up(app: FastAPI) -> None:
    """Let each included router build its routes, one router per iteration of the event loop. Otherwise the first
    request that searches all of them would build them in one iteration, which blocked the loop of a busy machine for a
    second. Then load anyio's backend."""
    async for route in cooperatively(app.router.routes):
        build(route)
    async with anyio.create_task_group():
        pass


def build(route: BaseRoute) -> None:
    """Make an included router build its routes now, which it otherwise does at the first request that it compares with them."""
    beginning = getattr(getattr(route, "original_router", None), "beginning", "/")
    route.matches({**_NOWHERE, "path": beginning})
