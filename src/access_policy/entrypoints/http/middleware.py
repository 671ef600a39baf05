"""Around every request: its id, the size of its body, and commands that were sent before (Idempotency-Key)."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access_policy.application.errors import TooBusy
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.idempotency import Begun, StoredAnswer, UnderWay, UsedOtherwise
from access_policy.entrypoints.http.answers import LOG_POSITION
from access_policy.entrypoints.http.auth import authenticated, services_of
from access_policy.entrypoints.http.problems import ApiProblem, problem, unavailable
from access_policy.entrypoints.http.services import HttpServices

log = logging.getLogger(__name__)

MIB = 1024 * 1024
BODY_MAX = MIB  # bytes
IMPORT_PATH = "/v1/registry/imports"
IMPORT_MAX = 32 * MIB
KEY_MAX = 200  # characters
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_COMMANDS = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_NOT_LET_IN = (401, 403)
_KEPT_HEADERS = ("etag", "content-type", "location")

Next = Callable[[Request], Awaitable[Response]]


class RequestIds:
    """`X-Request-Id` of the caller where it is one, else a new one; every answer carries it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = told if _REQUEST_ID.fullmatch(told) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        await self._app(scope, receive, send_with_id)


class BodyLimit:
    """Reads a body up to `BODY_MAX`, a file to import up to `IMPORT_MAX`; a longer one is refused before it is kept, and
    where its length is told, before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limit = _limit(request)
        if (told := request.headers.get("Content-Length", "")).isdecimal() and int(told[:20]) > limit:
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


def _limit(request: Request) -> int:
    """Only who may call at all may make the service keep a large body."""
    if request.method != "POST" or request.url.path != IMPORT_PATH:
        return BODY_MAX
    try:
        authenticated(request)
    except ApiProblem:
        return BODY_MAX
    return IMPORT_MAX


def _too_large(limit: int) -> Response:
    if limit == IMPORT_MAX:
        return problem(
            413,
            "body-too-large",
            f"A file to import has at most {limit // MIB} MiB; split it and import the parts in turn.",
        )
    return problem(413, "body-too-large", f"A body has at most {limit} bytes.")


async def reads_its_writes(request: Request, call_next: Next) -> Response:
    """`X-Log-Position` of an earlier answer, from whichever process: the request waits until that can be read here."""
    asked = request.headers.get(LOG_POSITION)
    if asked is None:
        return await call_next(request)
    if not asked.isascii() or not asked.isdecimal() or len(asked) > 18:
        return problem(400, "bad-log-position", f"{LOG_POSITION} takes the number of an earlier answer.")
    if not await services_of(request).settled(int(asked)):
        detail = "What you have read or written elsewhere is not here yet; try again."
        return problem(503, "not-caught-up", detail, headers={"Retry-After": "1"})
    return await call_next(request)


class StoreFailures:
    """A store that fails inside another middleware: 503 with Retry-After, as from an endpoint (`problems`). Once the response
    has begun, the error goes on."""

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


class SentBefore:
    """The same key and request within a day gives the same answer; another request under the key is refused, and so is one
    that is still under way, here or in another process. The key is recorded before the command runs and gives the ids of
    what it creates: a command whose answer was lost creates nothing a second time when it is repeated."""

    def __init__(self) -> None:
        self._holder = secrets.token_hex(8)
        self._under_way: set[tuple[str, str]] = set()

    async def __call__(self, request: Request, call_next: Next) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in _COMMANDS:
            return await call_next(request)
        if not 1 <= len(key) <= KEY_MAX or not (key.isascii() and key.isprintable()):
            detail = f"Idempotency-Key takes 1 to {KEY_MAX} printable characters of ASCII."
            return problem(400, "bad-idempotency-key", detail)
        try:
            tenant_id = authenticated(request).tenant_id
        except ApiProblem:
            return await call_next(request)  # which refuses it
        services = services_of(request)
        fingerprint = services.idempotency.fingerprint_of(await _what_is_asked(request))
        if (tenant_id, key) in self._under_way:
            return _still_under_way()
        self._under_way.add((tenant_id, key))
        try:
            return await self._once(request, call_next, tenant_id, key, fingerprint)
        finally:
            self._under_way.discard((tenant_id, key))

    async def _once(self, request: Request, call_next: Next, tenant_id: str, key: str, fingerprint: str) -> Response:
        services = services_of(request)
        begun = await services.idempotency.begin(
            tenant_id, key, fingerprint, holder=self._holder, now=services.clock.now()
        )
        match begun:
            case StoredAnswer():
                return _again(begun)
            case UsedOtherwise():
                detail = "This Idempotency-Key was used for another request; take a new one for each command."
                return problem(422, "idempotency-key-reused", detail)
            case UnderWay():
                return _still_under_way()
            case Begun(seed):
                request.state.command_seed = seed
        try:
            response, body = await _whole(await call_next(request))
            await self._keep(services, tenant_id, key, fingerprint, response, body)
        except BaseException:
            await self._released(services, tenant_id, key)
            raise
        return Response(body, response.status_code, dict(response.headers))

    async def _keep(
        self, services: HttpServices, tenant_id: str, key: str, fingerprint: str, response: Response, body: bytes
    ) -> None:
        records = services.idempotency
        if response.status_code in _NOT_LET_IN:
            await records.forget(tenant_id, key, holder=self._holder)
        elif response.status_code >= 500 or response.status_code == HTTPStatus.ACCEPTED:
            await records.release(tenant_id, key, holder=self._holder)
        else:
            headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            kept = StoredAnswer(fingerprint, response.status_code, headers, body)
            await records.keep(tenant_id, key, kept, now=services.clock.now())

    async def _released(self, services: HttpServices, tenant_id: str, key: str) -> None:
        """So that another process need not wait for the lease to expire."""
        try:
            await services.idempotency.release(tenant_id, key, holder=self._holder)
        except StoreUnavailable as error:
            log.warning("an Idempotency-Key stays leased until its lease expires: %s", error)


async def _whole(response: Response) -> tuple[Response, bytes]:
    return response, b"".join([chunk async for chunk in response.body_iterator])  # type: ignore[attr-defined]


def _still_under_way() -> Response:
    detail = "The request with this Idempotency-Key is not answered yet."
    return problem(409, "still-under-way", detail, headers={"Retry-After": "1"})


def _again(earlier: StoredAnswer) -> Response:
    return Response(earlier.body, earlier.status, {**earlier.headers, "Idempotent-Replayed": "true"})


async def _what_is_asked(request: Request) -> bytes:
    preconditions = (request.headers.get(name, "") for name in ("If-Match", "If-None-Match"))
    parts = (request.method, request.url.path, request.url.query, *preconditions)
    return "\n".join(parts).encode("utf-8", "surrogatepass") + b"\n" + await request.body()
