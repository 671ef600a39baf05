"""Limits of requests by address and by caller, and of guessing tokens: 429 with Retry-After (RFC 6585, 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from access_policy.adapters.identity.request_limits import is_loopback, source_of
from access_policy.application.ports.identity import Identity
from access_policy.entrypoints.http.browsers import session_in
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.problems import ApiProblem, problem

PROBES: Final = ("/healthz", "/readyz")
_TOO_MANY: Final = "Your address has sent too many requests; send the next one after the time in Retry-After."


class AddressLimit:
    """Refuse requests beyond the limit of their address before doing anything else for them. Health checks from the
    machine itself are not counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope) if scope["type"] == "http" else None
        if request is not None and (host := _host(request)) and not _is_probe(request, host):
            wait_s = await container_of(request).identity.address_limits().retry_after_s(source_of(host))
            if wait_s is not None:
                refused = problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", _TOO_MANY, headers=_after(wait_s))
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def limited(request: Request, verified: Callable[[Request], Awaitable[Identity]]) -> Identity:
    """Return the caller whom `verified` finds by the token of the request, within the limits. Raises `ApiProblem`
    (429).

    An address that has sent too many different invalid tokens must wait, except with a token that was accepted from
    there before. So guessing does not lock out other callers who work at the same address.
    """
    parts = container_of(request).identity
    source, token = source_of(_host(request)), _fingerprint(request)
    guesses = parts.guesses()
    if token and (wait_s := guesses.retry_after_s(source, token)) is not None:
        raise _too_many(
            f"Your address has sent too many invalid tokens; wait {wait_s} s, then send a valid one.", wait_s
        )
    try:
        caller = await verified(request)
    except ApiProblem as refusal:
        if token and refusal.status == HTTPStatus.UNAUTHORIZED:
            guesses.failed(source, token)
        raise
    guesses.let_in(source, token)
    who = f"{caller.tenant_id}\0{caller.credential}\0{caller.subject}"
    if (wait_s := await parts.caller_limits().retry_after_s(who)) is not None:
        detail = "This key or token has sent too many requests; send the next one after the time in Retry-After."
        raise _too_many(detail, wait_s)
    return caller


def _host(request: Request) -> str:
    """Return the host; empty for a process of this machine that is connected through a socket in the file system."""
    return "" if request.client is None else request.client.host


def _is_probe(request: Request, host: str) -> bool:
    return request.url.path in PROBES and is_loopback(host)


def _fingerprint(request: Request) -> str:
    """Return a fingerprint of the token or the session, for use in memory; empty without one."""
    presented = request.headers.get("Authorization") or session_in(request) or ""
    return hashlib.sha256(presented.encode()).hexdigest()[:32] if presented else ""


def _too_many(detail: str, wait_s: int) -> ApiProblem:
    return ApiProblem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, headers=_after(wait_s))


def _after(wait_s: int) -> dict[str, str]:
    return {"Retry-After": str(wait_s)}
