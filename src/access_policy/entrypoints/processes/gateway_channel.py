"""The office's client of the gateway process, over the unix socket in the data directory."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import httpx

from access_policy.adapters.local_files.sockets import socket_address

log = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 1.0
READY_PATH: Final = "/process/ready"
METRICS_PATH: Final = "/process/metrics"
BASE_URL: Final = "http://gateway"


class GatewayChannel:
    def __init__(self, path: Path) -> None:
        self.path = path

    async def is_ready(self) -> bool:
        """Whether the gateway answers in time that it serves."""
        answer = await self._get(READY_PATH)
        return answer is not None and answer.is_success

    async def metrics(self) -> bytes | None:
        """None if the gateway does not answer in time."""
        answer = await self._get(METRICS_PATH)
        return answer.content if answer is not None and answer.is_success else None

    async def _get(self, path: str) -> httpx.Response | None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                with socket_address(self.path) as address:
                    transport = httpx.AsyncHTTPTransport(uds=address)
                    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
                        return await client.get(path)
        except (httpx.HTTPError, OSError, TimeoutError) as trouble:
            log.warning("the gateway process does not answer: %r", trouble)
            return None
