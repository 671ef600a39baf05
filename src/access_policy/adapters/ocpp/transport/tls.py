"""TLS for chargers: OCPP security profile 2 (server certificate, and HTTP Basic inside) and 3 (client certificates as well).

One profile a port (2.0.1, A00.FR.006; security whitepaper for 1.6, 3). TLS 1.2 or newer (A00.FR.318).
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class TlsUnusable(Exception):
    """A certificate, key or CA file cannot be used; the message says which one and what to do."""


@dataclass(slots=True)
class TlsFiles:
    """`client_ca` None: chargers present passwords (profile 2); else certificates signed by that CA (profile 3)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    _loaded: tuple[float, ...] = field(default=(), init=False)
    _context: ssl.SSLContext | None = field(default=None, init=False)

    def context(self) -> ssl.SSLContext:
        """Raises `TlsUnusable`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(context)
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (ssl.SSLError, OSError) as error:
                raise TlsUnusable(f"{self.client_ca}: not a readable CA certificate ({error})") from error
            context.verify_mode = ssl.CERT_REQUIRED
        self._context = context
        return context

    def reload(self) -> bool:
        """Take in a renewed certificate, for handshakes from now on; True if there was one. Raises `TlsUnusable`: the
        certificate before it goes on being used."""
        if self._context is None or self._changed_at() == self._loaded:
            return False
        self._load(self._context)
        return True

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            changed_at = self._changed_at()
            context.load_cert_chain(self.certificate, self.key)
        except (ssl.SSLError, OSError) as error:
            raise TlsUnusable(
                f"{self.certificate} and {self.key}: no certificate with its key that can be used ({error}). "
                "Give the chain as PEM, the server's own certificate first, and its unencrypted private key."
            ) from error
        self._loaded = changed_at

    def _changed_at(self) -> tuple[float, ...]:
        return tuple(os.stat(file).st_mtime for file in (self.certificate, self.key))


def certified_names(tls: ssl.SSLObject | None) -> frozenset[str] | None:
    """The names that the peer's verified certificate is for: its common name and DNS names. None without one."""
    certificate = None if tls is None else tls.getpeercert()
    if not certificate:
        return None
    fields: dict[str, Any] = dict(certificate)  # nested tuples, which the type does not state
    common = {value for part in fields.get("subject", ()) for name, value in part if name == "commonName"}
    return frozenset({*common, *(value for kind, value in fields.get("subjectAltName", ()) if kind == "DNS")})
