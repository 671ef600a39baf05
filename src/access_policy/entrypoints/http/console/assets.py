"""The console's style sheets, scripts and pictures: files of the package, each under a URL with a hash of its content.

`assets/vendor` comes from npm at build time (ADR 0038); in a checkout without it, an error says what to run.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.entrypoints.http.problems import ApiProblem

DIRECTORY: Final = Path(__file__).resolve().parent / "assets"
PREFIX: Final = "/console/assets"
FOREVER: Final = "public, max-age=31536000, immutable"  # the URL changes with the content
COMPRESSED_MIN: Final = 1024  # bytes
HASH_LENGTH: Final = 16
SUFFIXES: Final = frozenset({".css", ".js", ".svg", ".txt"})

router = APIRouter(include_in_schema=False)


class AssetMissing(Exception):
    """A file that `make setup` fetches is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The console's file {name} is missing. Run 'make setup' (or 'make run') in the repository, "
            "which fetches it, or install the service from a wheel, which contains it."
        )


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    digest: str
    media_type: str

    def compressed(self) -> bytes:
        return gzip.compress(self.content, 6, mtime=0)


def url_of(name: str) -> str:
    """Return the URL of an asset. Raises `AssetMissing`."""
    return f"{PREFIX}/{asset(name).digest}/{name}"


@cache
def asset(name: str) -> Asset:
    """Return a file below `assets`, such as `vendor/htmx.min.js`. Raises `AssetMissing`."""
    path = (DIRECTORY / name).resolve()
    if not path.is_relative_to(DIRECTORY) or path.suffix not in SUFFIXES:
        raise AssetMissing(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AssetMissing(name) from error
    digest = hashlib.sha256(content).hexdigest()[:HASH_LENGTH]
    return Asset(content, digest, mimetypes.types_map.get(path.suffix, "text/plain"))


@cache
def _compressed(name: str) -> bytes:
    return asset(name).compressed()


@router.get(PREFIX + "/{digest}/{name:path}")
async def serve(request: Request, digest: str, name: str) -> Response:
    """Serve an asset. Under an outdated hash, serve the present content, which browsers must not cache."""
    try:
        found = await asyncio.to_thread(asset, name)
    except AssetMissing as missing:
        raise ApiProblem(HTTPStatus.NOT_FOUND, "not-found", str(missing)) from missing
    headers = {
        "Cache-Control": FOREVER if digest == found.digest else "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    content = found.content
    if len(content) >= COMPRESSED_MIN and "gzip" in request.headers.get("Accept-Encoding", ""):
        content = await asyncio.to_thread(_compressed, name)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=found.media_type)
