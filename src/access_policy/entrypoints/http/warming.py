"""Build before the first request what the frameworks build at the first request that needs it."""

from __future__ import annotations

from typing import Any, Final

import anyio
from fastapi import FastAPI

from access_policy.application.turns import in_turns

_NOWHERE: Final[dict[str, Any]] = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}


async def warm_up(app: FastAPI) -> None:
    """Let each included router build its routes, one router in a turn of the event loop: the first request that searched all of
    them would do it in one turn, which held the loop of a busy machine for a second. Then load anyio's backend."""
    async for route in in_turns(list(app.router.routes)):
        route.matches(dict(_NOWHERE))
    async with anyio.create_task_group():
        pass
