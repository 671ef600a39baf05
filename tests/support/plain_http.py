"""Clients of servers without TLS."""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx

# It trusts nobody, and is not used: to load the authorities of the system takes 30 ms for each client.
NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain_client(**options: Any) -> httpx.AsyncClient:
    """For `http://` addresses on this machine. `options` as of `httpx.AsyncClient`."""
    return httpx.AsyncClient(**{"trust_env": False, "timeout": 60, "verify": NOBODY} | options)
