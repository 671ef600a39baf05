"""Build before the first request what the frameworks build at the first request that needs it."""

from __future__ import annotations

from typing import Any, Final

import anyio
from fastapi import FastAPI
from starlette.routing import BaseRoute

from access_policy.application.turns import in_turns

_NOWHERE: Final[dict[str, Any]] = {"type": "http", "method": "GET", "root_path": "", "headers": []}


async def warm_up(app: FastAPI) -> None:
    """Let each included router build its routes, one router in a turn of the event loop: the first request that searched all of
    them would do it in one turn, which held the loop of a busy machine for a second. Then load anyio's backend."""
    async for route in in_turns(app.router.routes):
        build(route)
    async with anyio.create_task_group():
        pass


def build(route: BaseRoute) -> None:
    """What an included router builds when it first compares a path with its routes."""
    beginning = getattr(getattr(route, "original_router", None), "beginning", "/")
    route.matches({**_NOWHERE, "path": beginning})
