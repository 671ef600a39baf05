"""What the adapters of Amazon's services share: addresses in settings, clients, and which errors pass."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 10.0
ATTEMPTS: Final = 1  # of the SDK: who calls has patience of its own

AWS_TROUBLE: Final[tuple[type[Exception], ...]] = (ClientError, BotoCoreError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class AwsAddress:
    """`scheme://NAME?region=…&endpoint_url=…`; without a region, that of the machine's AWS configuration; without an endpoint,
    Amazon's own. Credentials are always the machine's."""

    name: str
    options: dict[str, str]

    @classmethod
    def of(cls, url: str, scheme: str, *known: str) -> AwsAddress:
        """Raises `ValueError`."""
        parts = urlsplit(url)
        name = unquote(parts.netloc + parts.path)
        if parts.scheme != scheme or not name:
            raise ValueError(f"{url!r} is not {scheme}://NAME?region=…")
        options = {key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        if unknown := options.keys() - {"region", "endpoint_url", *known}:
            raise ValueError(
                f"{scheme}:// takes region, endpoint_url{''.join(f', {each}' for each in known)}; "
                f"not {', '.join(sorted(unknown))}"
            )
        return cls(name, options)


class AwsClient:
    """A client of one service, made when it is first asked for."""

    def __init__(self, service: str, address: AwsAddress, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._service = service
        self._address = address
        self._config = AioConfig(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
        self._opening = asyncio.Lock()
        self._opened: Any = None
        self._closing = AsyncExitStack()

    async def get(self) -> Any:
        """The SDK makes its clients at run time: they have no types."""
        async with self._opening:
            if self._opened is None:
                client = get_session().create_client(
                    self._service,
                    region_name=self._address.options.get("region"),
                    endpoint_url=self._address.options.get("endpoint_url"),
                    config=self._config,
                )
                self._opened = await self._closing.enter_async_context(client)
        return self._opened

    async def close(self) -> None:
        await self._closing.aclose()


def code_of(error: Exception) -> str:
    """Amazon's own, or the kind of what kept us from hearing one."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__
