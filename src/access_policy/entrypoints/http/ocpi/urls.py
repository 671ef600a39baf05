"""The URLs under which partners reach this service: those of the request, as proxies forward them."""

from __future__ import annotations

from typing import Final

from fastapi import Request

OCPI: Final = "/ocpi"


def ocpi_url(request: Request) -> str:
    """Return the base URL without a trailing slash."""
    return f"{str(request.base_url).rstrip('/')}{OCPI}"


def versions_url(request: Request) -> str:
    return f"{ocpi_url(request)}/versions"
