"""A server's certificate and key from files, for chargers and for the HTTP API. They are renewed without a restart."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from access_policy.adapters.clock import SystemClock
from access_policy.application.ports.clock import Clock

Version = tuple[tuple[int, int, int], ...]  # of each file: when it changed, its inode and its size


class TlsUnusable(Exception):
    """A certificate, key or CA file cannot be used; the message says which one and what to do."""


@dataclass(slots=True)
class TlsFiles:
    """If `client_ca` is None, clients present no certificate; otherwise each presents one signed by that CA.

    With `checks_dates`, a certificate that is not valid now is refused. It is off for chargers, which check the dates
    themselves.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    checks_dates: bool = False
    clock: Clock = field(default_factory=SystemClock)
    _loaded: Version = field(default=(), init=False)
    _current: ssl.SSLContext | None = field(default=None, init=False)
    _expires_at: datetime | None = field(default=None, init=False)

    @property
    def expires_at(self) -> datetime | None:
        """The end of the validity of the certificate in use; None before the first `context`."""
        return self._expires_at

    def context(self) -> ssl.SSLContext:
        """Return the context to listen with. Each handshake uses the files as `reload` last loaded them. Raises
        `TlsUnusable`.
        """
        context = self._read()
        context.sni_callback = self._use_current  # called for every handshake, with or without a server name
        return context

    def reload(self) -> bool:
        """Load changed files for later handshakes, and tell whether there were any. Call it on a thread, because it reads
        files.

        Raises `TlsUnusable`; the previous certificate and key then remain in use.
        """
        if self._current is None or self._version() == self._loaded:
            return False
        self._read()
        return True

    def _use_current(self, handshake: ssl.SSLObject, server_name: str | None, context: ssl.SSLContext) -> None:
        if self._current is not None:
            handshake.context = self._current

    def _read(self) -> ssl.SSLContext:
        version = self._version()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load_own(context)
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (ssl.SSLError, OSError) as error:
                raise TlsUnusable(f"{self.client_ca}: not a readable CA certificate ({error})") from error
            context.verify_mode = ssl.CERT_REQUIRED
        self._expires_at = self._checked_dates()
        self._loaded, self._current = version, context
        return context

    def _load_own(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self.certificate, self.key, password="")
        except (ssl.SSLError, OSError) as error:
            raise TlsUnusable(
                f"{self.certificate} and {self.key}: not a usable certificate with its key ({error}). "
                "Give the chain as PEM, the server's own certificate first, and its unencrypted private key."
            ) from error

    def _checked_dates(self) -> datetime:
        try:
            own = x509.load_pem_x509_certificates(self.certificate.read_bytes())[0]
        except (ValueError, OSError) as error:
            raise TlsUnusable(f"{self.certificate}: not a readable certificate ({error}). Give it as PEM.") from error
        begins, ends = own.not_valid_before_utc, own.not_valid_after_utc
        if self.checks_dates and not begins <= self.clock.now() <= ends:
            raise TlsUnusable(
                f"{self.certificate} is valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, so it is not valid "
                "now. Renew the certificate, or correct the clock of this machine."
            )
        return ends

    def _version(self) -> Version:
        files = [each for each in (self.certificate, self.key, self.client_ca) if each is not None]
        try:
            found = [os.stat(file) for file in files]
        except OSError as error:
            raise TlsUnusable(f"{error.filename}: {error.strerror}. Give the path of a readable PEM file.") from error
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)
