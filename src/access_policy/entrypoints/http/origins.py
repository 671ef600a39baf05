"""The origin of a request, as events and the audit show it."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request

from access_policy.application.ports.event_store import Origin

FORWARDED_ADDRESS: Final = "X-Origin-Address"  # from a process of this service that passes a request on
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
    """The headers with which this process passes a request on to another one."""
    origin = origin_of(request)
    key = {} if origin.idempotency_key is None else {FORWARDED_KEY: origin.idempotency_key}
    return {FORWARDED_ADDRESS: origin.address, **key}


def address_of(request: Request) -> str:
    """The network address of the caller, behind a trusted proxy that of the proxy's client.

    A request from another process of this machine comes by a socket without addresses and names its caller's. Over a
    network anybody could do so: there the process that passes a request on is named as well.
    """
    peer = request.client.host if request.client is not None else ""
    claimed = request.headers.get(FORWARDED_ADDRESS, "")
    if not _ADDRESS.fullmatch(claimed):
        return peer or UNKNOWN
    return f"{claimed} by {peer}" if peer else claimed
