"""Requests of browsers: the cookies of the console, and whether a request comes from the console's own pages.

With HTTPS the names of the cookies have the prefix `__Host-`: a browser then accepts them only from this host and only
by HTTPS (RFC 6265bis, 4.1.3.2). Without TLS the names have no prefix: over plain HTTP, Chromium accepts the prefix only
from loopback, and some browsers not even there.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.problems import ApiProblem

SESSION: Final = "access-policy-session"
SIGN_IN: Final = "access-policy-sign-in"  # ties a sign-in to the browser that began it
SECURE_PREFIX: Final = "__Host-"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def origin_of(request: Request) -> str:
    """Return the service's own origin in browsers' form: as configured, or else as the request states it."""
    return container_of(request).settings().public_url or f"{request.url.scheme}://{request.url.netloc}"


def cookie_in(request: Request, name: str) -> str | None:
    return request.cookies.get(_full_name(request, name))


def session_in(request: Request) -> str | None:
    return cookie_in(request, SESSION)


def set_cookie(request: Request, response: Response, name: str, value: str, *, max_age_s: int | None = None) -> None:
    """Set a cookie until the browser closes, or for `max_age_s`."""
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=max_age_s,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="lax",
    )


def delete_cookie(request: Request, response: Response, name: str) -> None:
    set_cookie(request, response, name, "", max_age_s=0)


def require_same_origin(request: Request) -> None:
    """Require that a request that changes something comes from a page of this service: its `Origin` says so, and
    `Sec-Fetch-Site` does not contradict it. (Old browsers do not send `Sec-Fetch-Site`, nor do browsers that use plain
    HTTP to another machine.)

    Raises `ApiProblem` (403).
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.headers.get("Origin") != origin_of(request) or site != "same-origin":
        detail = (
            "A console session may change things only from the console's own pages. Open the console at its address, "
            "which ACCESS_POLICY_PUBLIC_URL names, or send a token in Authorization."
        )
        raise ApiProblem(HTTPStatus.FORBIDDEN, "foreign-origin", detail)


def _full_name(request: Request, name: str) -> str:
    return f"{SECURE_PREFIX}{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    return origin_of(request).startswith("https://")
