"""The TLS files of both listeners: whether they can be used, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.local_files.tls_files import TlsFiles, TlsUnusable
from access_policy.domain.plurals import counted
from access_policy.entrypoints.doctor.findings import Finding, act, ok, soon
from access_policy.settings import Settings

RENEW_BEFORE: Final = timedelta(days=21)


def certificates(settings: Settings) -> Iterator[Finding]:
    yield from _listener("the HTTP API", settings.http_tls_certificate, settings.http_tls_key, None)
    yield from _listener("chargers", settings.ocpp_tls_certificate, settings.ocpp_tls_key, settings.ocpp_tls_client_ca)


def _listener(name: str, certificate: Path | None, key: Path | None, client_ca: Path | None) -> Iterator[Finding]:
    check = "certificates"
    if certificate is None or key is None:
        return
    files = TlsFiles(certificate, key, client_ca, checks_dates=True)
    try:
        files.context()
    except TlsUnusable as error:
        yield act(check, f"for {name}: {error}", "Replace the files; a running service loads them within a minute.")
        return
    assert files.expires_at is not None  # `context` has read it
    left = files.expires_at - SystemClock().now()
    text = f"for {name}: valid until {files.expires_at:%Y-%m-%d}, {counted(left.days, 'day')} from now"
    if left < RENEW_BEFORE:
        yield soon(check, text, f"Renew {certificate}; a running service loads it within a minute.")
    else:
        yield ok(check, text)
