"""One-time links to the console for the terminal, each with a QR code."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Final

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.records.login_links import SqlLoginLinks
from access_policy.application.console_sign_in import new_login_link
from access_policy.application.ports.identity import Identity
from access_policy.settings import Settings

RECORDS: Final = "login_links"


async def one_time_link(settings: Settings, identity: Identity, http_port: int) -> str:
    """Return a URL that opens one session within ten minutes. This works while the service is running.

    Raises `StoreUnavailable`, or `MigrationNeeded` or `SQLAlchemyError` if the records cannot be opened.
    """
    links = await asyncio.to_thread(SqlLoginLinks, _location(settings))
    try:
        code = await new_login_link(links, identity, SystemClock())
    finally:
        await links.close()
    return f"{_origin(settings, http_port)}/login/once?code={code}"


def qr_code(url: str) -> str:
    """Return a QR code for a terminal, in half-block characters."""
    import segno  # only needed when a link is printed

    out = io.StringIO()
    segno.make(url, micro=False, error="l").terminal(out=out, compact=True, border=2)
    return out.getvalue()


def _location(settings: Settings) -> Path | str:
    where = settings.records_location
    return where / f"{RECORDS}.sqlite" if isinstance(where, Path) else where


def _origin(settings: Settings, http_port: int) -> str:
    scheme = "http" if settings.http_tls_certificate is None else "https"
    return settings.public_url or f"{scheme}://{settings.http.reached_at}:{http_port}"
