"""The URL under which providers reach this service: that of the request, as proxies forward it."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from access_policy.application.oscp_providers.exchange import VERSION

OSCP: Final = "/oscp"


def own_url(request: Request) -> str:
    """Return the base URL of version 2.0, without a trailing slash."""
    return f"{str(request.base_url).rstrip('/')}{OSCP}/{VERSION}"
