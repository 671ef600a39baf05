"""TLS for chargers: OCPP security profile 2 (server certificate, and HTTP Basic inside) and 3 (client certificates as well).

Each port has one profile (2.0.1, A00.FR.006; security whitepaper for 1.6, 3).
"""

from __future__ import annotations

import ssl
from typing import Any


def certified_names(tls: ssl.SSLObject | None) -> frozenset[str] | None:
    """Return the names in the peer's verified certificate: its common name and DNS names. None without a certificate."""
    certificate = None if tls is None else tls.getpeercert()
    if not certificate:
        return None
    fields: dict[str, Any] = dict(certificate)  # nested tuples, which the type does not express
    common = {value for part in fields.get("subject", ()) for name, value in part if name == "commonName"}
    return frozenset({*common, *(value for kind, value in fields.get("subjectAltName", ()) if kind == "DNS")})
