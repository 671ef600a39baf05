"""The origin of a request, as events and the audit show it."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request

from access_policy.application.ports.event_store import Origin

FORWARDED_ADDRESS: Final = "X-Origin-Address"  # from a process of this service that forwards a request
FORWARDED_KEY: Final = "X-Origin-Idempotency-Key"  # not the key itself: that process answers repetitions
UNKNOWN: Final = "unknown"
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")


def origin_of(request: Request) -> Origin:
    operation = getattr(request.scope.get("route"), "operation_id", None)
    return Origin(
        address=address_of(request),
        operation=operation or request.url.path,
        idempotency_key=request.headers.get("Idempotency-Key") or request.headers.get(FORWARDED_KEY),
    )


def forwarded(request: Request) -> dict[str, str]:
    """Return the headers with which this process forwards a request to another one."""
    origin = origin_of(request)
    key = {} if origin.idempotency_key is None else {FORWARDED_KEY: origin.idempotency_key}
    return {FORWARDED_ADDRESS: origin.address, **key}


def address_of(request: Request) -> str:
    """Return the network address of the caller; behind a trusted proxy, the address of the proxy's client.

    A request from another process of this machine arrives by a socket without addresses and names the address of its
    caller. Over a network anyone could claim an address, so the address of the forwarding process is added.
    """
    peer = request.client.host if request.client is not None else ""
    claimed = request.headers.get(FORWARDED_ADDRESS, "")
    if not _ADDRESS.fullmatch(claimed):
        return peer or UNKNOWN
    return f"{claimed} by {peer}" if peer else claimed
