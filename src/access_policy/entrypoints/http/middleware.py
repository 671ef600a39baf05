"""Middleware: the request id, HTTPS only, the limit of the body, the wait for a log position, and failures of the store."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.responses import Response
from starlette.middleware.base import BaseHTTPMiddleware, DispatchFunction
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access_policy.application.errors import TooBusy
from access_policy.application.log_fields import with_log_fields
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.traces import SpanKind, Traces
from access_policy.application.trace_context import within_trace
from access_policy.entrypoints.http.auth import authenticated
from access_policy.entrypoints.http.dependencies import process_of
from access_policy.entrypoints.http.problems import ApiProblem, not_caught_up, problem, unavailable
from access_policy.entrypoints.http.responses import LOG_POSITION
from access_policy.entrypoints.http.under import API

MIB = 1024 * 1024
BODY_MAX = MIB  # bytes
HSTS = b"max-age=31536000"  # a year; without subdomains, which are not ours
IMPORT_PATHS = (f"{API}/registry/imports", f"{API}/chargers/imports", f"{API}/reservations/imports")
CONSOLE_VEHICLE_IMPORTS = "/console/vehicle-imports"
CONSOLE_CHARGER_IMPORTS = "/console/charger-imports"
CONSOLE_DISPATCH_IMPORTS = "/console/plan/imports"
IMPORT_MAX = 32 * MIB
CONSOLE_IMPORT_MAX = 8 * MIB  # a form with the file, which is parsed in one iteration of the event loop
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

Next = Callable[[Request], Awaitable[Response]]


class RequestIds:
    """Give every request an id: the caller's `X-Request-Id` if it is valid, else a new one. Every response carries the
    id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with with_log_fields(request_id=request_id):
            await self._app(scope, receive, send_with_id)


class StrictTransport:
    """Tell browsers to use HTTPS only, on every response to a request that came by HTTPS (RFC 6797, 7.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["scheme"] != "https":
            await self._app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"strict-transport-security", HSTS)]
            await send(message)

        await self._app(scope, receive, send_with_policy)


class TracedRequests:
    """Open a span for each request, as a child of the span that the caller's `traceparent` names."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        method = scope["method"]
        about = {"http.request.method": method, "url.path": scope["path"], "url.scheme": scope["scheme"]}
        span = self._traces.begin(method, SpanKind.SERVER, about, parent=sent or None)
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        failure: BaseException | None = None
        try:
            with within_trace(span.traceparent):
                await self._app(scope, receive, send_and_note)
        except BaseException as raised:
            failure = raised
            raise
        finally:
            span.end(failure, {"http.response.status_code": status, "http.route": _route(scope)})


def _route(scope: Scope) -> str:
    """Return the template of the path; empty if no route matched. The route's own path lacks the version's prefix."""
    route = getattr(scope.get("route"), "path", "")
    return f"{API}{route}" if route and scope["path"].startswith(f"{API}/") else route


class BodyLimit:
    """Read a body of up to `BODY_MAX` bytes, a file to import of up to `IMPORT_MAX`. A larger body is refused before it is
    kept in memory, and one with a `Content-Length` before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limit = await _limit(request)
        if (length := request.headers.get("Content-Length", "")).isdecimal() and int(length[:20]) > limit:
            await _too_large(limit)(scope, receive, send)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > limit:
                await _too_large(limit)(scope, receive, send)
                return
        replay: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def receive_again() -> Message:
            return replay.pop() if replay else await receive()

        await self._app(scope, receive_again, send)


async def _limit(request: Request) -> int:
    """Return the limit for the request; only authenticated callers may upload a large body."""
    if request.method != "POST" or request.url.path not in (
        *IMPORT_PATHS,
        CONSOLE_VEHICLE_IMPORTS,
        CONSOLE_CHARGER_IMPORTS,
        CONSOLE_DISPATCH_IMPORTS,
    ):
        return BODY_MAX
    try:
        await authenticated(request)
    except ApiProblem:
        return BODY_MAX
    return IMPORT_MAX if request.url.path in IMPORT_PATHS else CONSOLE_IMPORT_MAX


def _too_large(limit: int) -> Response:
    if limit > BODY_MAX:
        return problem(
            413,
            "body-too-large",
            f"A file to import may have at most {limit // MIB} MiB; split it and import the parts one after another.",
        )
    return problem(413, "body-too-large", f"A body may have at most {limit} bytes; send a smaller one.")


class ForHeader:
    """Run `dispatch` for requests with the header. All other requests bypass it: `BaseHTTPMiddleware` copies each piece
    of a response from one task to another, which costs a stream more than its messages do."""

    def __init__(self, app: ASGIApp, header: str, dispatch: DispatchFunction) -> None:
        self._app = app
        self._header = header.lower().encode()
        self._dispatching = BaseHTTPMiddleware(app, dispatch=dispatch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_sent = scope["type"] == "http" and any(name == self._header for name, _ in scope["headers"])
        await (self._dispatching if is_sent else self._app)(scope, receive, send)


async def wait_for_log_position(request: Request, call_next: Next) -> Response:
    """Make a request with the `X-Log-Position` of an earlier response, from any process, wait until that state can be
    read."""
    wanted = request.headers.get(LOG_POSITION)
    if wanted is None:
        return await call_next(request)
    if not wanted.isascii() or not wanted.isdecimal() or len(wanted) > 18:
        return problem(400, "bad-log-position", f"Send in {LOG_POSITION} the number from an earlier response.")
    if not await process_of(request).settled(int(wanted)):
        return not_caught_up(
            "The state at this log position cannot be read here yet; send the request again in a moment."
        )
    return await call_next(request)


class StoreFailures:
    """Answer a store failure in another middleware in the same way as `problems` does in a route: 503 with Retry-After.
    If the response has begun, the error propagates."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting_send(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except (StoreUnavailable, TooBusy) as failed:
            if begun or scope["type"] != "http":
                raise
            await unavailable(Request(scope), failed)(scope, receive, send)
