"""The URLs under which partners reach this service: those of the request, as proxies pass them on."""

from __future__ import annotations

from typing import Final

from fastapi import Request

OCPI: Final = "/ocpi"


def ocpi_url(request: Request) -> str:
    """Without a slash at its end."""
    return f"{str(request.base_url).rstrip('/')}{OCPI}"


def versions_url(request: Request) -> str:
    return f"{ocpi_url(request)}/versions"
