"""Clients of Amazon's services, and their errors."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import cache
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from access_policy.adapters.aws.address import AwsAddress

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 10.0
ATTEMPTS: Final = 1  # per call by the SDK: the callers retry

AWS_TROUBLE: Final[tuple[type[Exception], ...]] = (ClientError, BotoCoreError, OSError, TimeoutError)


class AwsClient:
    """A client of one service, opened at its first use."""

    def __init__(self, service: str, address: AwsAddress, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._service = service
        self._address = address
        self._read_timeout_s = read_timeout_s
        self._opening = asyncio.Lock()
        self._opened: Any = None
        self._closing = AsyncExitStack()

    async def get(self) -> Any:
        """Return the client, untyped because the SDK creates clients at run time. The slow import of the SDK happens here."""
        from aiobotocore.config import AioConfig

        endpoint_url = self._address.options.get("endpoint_url")
        config = AioConfig(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=self._read_timeout_s,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
        async with self._opening:
            if self._opened is None:
                client = new_session().create_client(
                    self._service,
                    region_name=self._address.options.get("region"),
                    endpoint_url=endpoint_url,
                    verify=False if (endpoint_url or "").startswith("http:") else None,  # False loads no authorities
                    config=config,
                )
                self._opened = await self._closing.enter_async_context(client)
        return self._opened

    async def close(self) -> None:
        await self._closing.aclose()


def new_session() -> Any:
    """Return a session with the current credentials of the environment. All sessions of a process share the descriptions of
    Amazon's services, because reading them is the slowest part of creating a client.
    """
    from aiobotocore.session import get_session

    session = get_session()
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@cache
def _loader(data_path: str | None) -> Any:
    from botocore.loaders import create_loader

    return create_loader(data_path)


def code_of(error: Exception) -> str:
    """Return Amazon's error code, or the class name of an error without one."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__
