"""Rendered HTML, encoded and compressed once for all who receive it."""

from __future__ import annotations

import gzip
from functools import cached_property
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse

from access_policy.entrypoints.http.console.audience import Audience
from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.console.templating import environment

COMPRESSED_MIN: Final = 2_000  # bytes
LEVEL: Final = 1


class Fragment:
    def __init__(self, html: str) -> None:
        self._plain = html.encode()

    @cached_property
    def _packed(self) -> bytes:
        return gzip.compress(self._plain, LEVEL)

    def answer(self, request: Request, status: int = 200) -> HTMLResponse:
        if len(self._plain) < COMPRESSED_MIN or "gzip" not in request.headers.get("Accept-Encoding", ""):
            return HTMLResponse(self._plain, status, SECURITY)
        return HTMLResponse(self._packed, status, {**SECURITY, "Content-Encoding": "gzip"})


def drawn(template: str, audience: Audience, **context: Any) -> Fragment:
    """Render a fragment that every visitor of this audience may receive."""
    return Fragment(environment().get_template(template).render(here=audience, **context))
