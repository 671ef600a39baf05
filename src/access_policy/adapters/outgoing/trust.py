"""The certificate authorities that outgoing connections trust: the public ones, and those in the operator's file."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from pathlib import Path
from threading import Lock

import httpx

log = logging.getLogger(__name__)

Version = tuple[int, int, int]  # the file's modification time, inode and size


class CaUnusable(Exception):
    """The file of CA certificates cannot be used; the message says what to do."""


class Trust:
    """One TLS context for all outgoing connections, loaded again when the file changes. Loading takes tens of milliseconds."""

    def __init__(self, ca: Path | None = None) -> None:
        self._ca = ca
        self._lock = Lock()
        self._context: ssl.SSLContext | None = None
        self._version: Version | None = None

    async def context(self) -> ssl.SSLContext:
        """Return `current`, read on a thread."""
        return await asyncio.to_thread(self.current)

    def current(self) -> ssl.SSLContext:
        """Return the context; it is the same object until the file changes. Call this on a thread, because it reads files.

        Raises `CaUnusable` if the file was never usable. If the file becomes unreadable later, the previous context stays in
        use.
        """
        with self._lock:
            if self._context is None:
                self._version = self._seen()
                self._context = trusting(self._ca)
            elif (version := self._seen()) != self._version:
                self._version = version
                self._reload()
            return self._context

    def _reload(self) -> None:
        try:
            self._context = trusting(self._ca)
        except CaUnusable as unusable:
            log.warning("%s; its previous certificates remain in use", unusable)
        else:
            log.info("loaded the CA certificates of %s", self._ca)

    def _seen(self) -> Version | None:
        if self._ca is None:
            return None
        try:
            found = os.stat(self._ca)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def trusting(ca: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the public authorities and those in the file. Raises `CaUnusable`."""
    context = httpx.create_ssl_context()
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as error:
            raise CaUnusable(
                f"{ca}: not a readable file of CA certificates ({error}); correct ACCESS_POLICY_CA_FILE"
            ) from error
    return context
