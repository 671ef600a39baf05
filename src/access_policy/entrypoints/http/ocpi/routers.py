"""The routers of OCPI."""

from __future__ import annotations

from access_policy.entrypoints.http.ocpi import credentials, tokens, versions

ROUTERS = (versions.router, credentials.router, tokens.router)
