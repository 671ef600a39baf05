"""The response of `/openapi.json`. The document is derived, encoded and compressed on a thread, once for each
application."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

import msgspec
from fastapi import Request
from fastapi.responses import Response

MEDIA_TYPE: Final = "application/json"
HASH_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Encoded:
    plain: bytes
    compressed: bytes
    etag: str

    @classmethod
    def of(cls, document: dict[str, Any]) -> Encoded:
        plain = msgspec.json.encode(document)
        digest = hashlib.sha256(plain).hexdigest()[:HASH_LENGTH]
        return cls(
            plain, gzip.compress(plain, 6, mtime=0), f'W/"{digest}"'
        )  # weak: of the plain and the compressed bytes


class DocumentAnswer:
    """Serves the document. `derive` takes more than a second, so concurrent requests wait for the first one's
    document."""

    def __init__(self, derive: Callable[[], dict[str, Any]]) -> None:
        self._derive = derive
        self._one_at_a_time = Lock()  # threads wait for it, so that it serves every event loop
        self._encoded: Encoded | None = None

    async def __call__(self, request: Request) -> Response:
        found = self._encoded
        if found is None:
            found = await asyncio.to_thread(self._encode)
        headers = {"ETag": found.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if _names(request.headers.get("If-None-Match", ""), found.etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(found.compressed, headers=headers, media_type=MEDIA_TYPE)
        return Response(found.plain, headers=headers, media_type=MEDIA_TYPE)

    def _encode(self) -> Encoded:
        with self._one_at_a_time:
            if self._encoded is None:
                self._encoded = Encoded.of(self._derive())
            return self._encoded


def _names(if_none_match: str, etag: str) -> bool:
    """Return whether the header names the ETag, by weak comparison (RFC 9110, 13.1.2)."""
    opaque = etag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") in (opaque, "*") for each in if_none_match.split(","))
