"""The routers of OSCP."""

from __future__ import annotations

from access_policy.entrypoints.http.oscp import messages

ROUTERS = (messages.router,)
