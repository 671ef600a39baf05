"""The routers of OCPI."""

from __future__ import annotations

from access_policy.entrypoints.http.ocpi import bookings, credentials, tokens, versions

ROUTERS = (versions.router, credentials.router, tokens.router, bookings.router)
