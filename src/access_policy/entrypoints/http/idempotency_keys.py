"""`Idempotency-Key`: run a command once, and answer repetitions with the first response."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import Response

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.idempotency import Begun, StoredAnswer, UnderWay, UsedOtherwise
from access_policy.application.ports.identity import Identity
from access_policy.entrypoints.http.auth import authenticated
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.middleware import Next
from access_policy.entrypoints.http.problems import ApiProblem, problem

log = logging.getLogger(__name__)

KEY_MAX = 200  # characters
_COMMANDS = frozenset({"POST", "PUT", "DELETE", "PATCH"})
_NOT_ADMITTED = (401, 403)
_KEPT_HEADERS = ("etag", "content-type", "location")


class IdempotencyKeys:
    """The same key and request within a day get the same response. A different request with the key is refused, and so
    is a repetition while the first is still under way, here or in another process. The key is recorded before the
    command runs, and the ids of what the command creates derive from it: repeating a command whose response was lost
    does not create anything twice."""

    def __init__(self) -> None:
        self._holder = secrets.token_hex(8)
        self._under_way: set[tuple[str, str]] = set()

    async def __call__(self, request: Request, call_next: Next) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in _COMMANDS:
            return await call_next(request)
        if not 1 <= len(key) <= KEY_MAX or not (key.isascii() and key.isprintable()):
            detail = f"Send 1 to {KEY_MAX} printable ASCII characters in Idempotency-Key."
            return problem(400, "bad-idempotency-key", detail)
        try:
            caller = await authenticated(request)
        except ApiProblem:
            return await call_next(request)  # which refuses it
        fingerprint = container_of(request).records.idempotency().fingerprint_of(await _whole_request(request, caller))
        tenant_id = caller.tenant_id
        if (tenant_id, key) in self._under_way:
            return _still_under_way()
        self._under_way.add((tenant_id, key))
        try:
            return await self._once(request, call_next, tenant_id, key, fingerprint)
        finally:
            self._under_way.discard((tenant_id, key))

    async def _once(self, request: Request, call_next: Next, tenant_id: str, key: str, fingerprint: str) -> Response:
        c = container_of(request)
        begun = await c.records.idempotency().begin(
            tenant_id, key, fingerprint, holder=self._holder, now=c.clock().now()
        )
        match begun:
            case StoredAnswer():
                return _again(begun)
            case UsedOtherwise():
                detail = "This Idempotency-Key was used for another request; send a new key with each command."
                return problem(422, "idempotency-key-reused", detail)
            case UnderWay():
                return _still_under_way()
            case Begun(seed):
                request.state.command_seed = seed
        try:
            response, body = await _whole_response(await call_next(request))
            await self._keep(request, tenant_id, key, fingerprint, response, body)
        except BaseException:
            await self._release(request, tenant_id, key)
            raise
        return Response(body, response.status_code, dict(response.headers))

    async def _keep(
        self, request: Request, tenant_id: str, key: str, fingerprint: str, response: Response, body: bytes
    ) -> None:
        c = container_of(request)
        records = c.records.idempotency()
        if response.status_code in _NOT_ADMITTED:
            await records.forget(tenant_id, key, holder=self._holder)
        elif response.status_code >= 500 or response.status_code == HTTPStatus.ACCEPTED:
            await records.release(tenant_id, key, holder=self._holder)
        else:
            headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            kept = StoredAnswer(fingerprint, response.status_code, headers, getattr(request.state, "kept_body", body))
            await records.keep(tenant_id, key, kept, now=c.clock().now())

    async def _release(self, request: Request, tenant_id: str, key: str) -> None:
        """Release the lease, so that another process need not wait until it expires."""
        try:
            await container_of(request).records.idempotency().release(tenant_id, key, holder=self._holder)
        except StoreUnavailable as error:
            log.warning("an Idempotency-Key stays leased until its lease expires: %s", error)


def keep_instead(request: Request, body: bytes) -> None:
    """Keep this body for repetitions instead of the response's own, which shows a secret once."""
    request.state.kept_body = body


async def _whole_response(response: Response) -> tuple[Response, bytes]:
    return response, b"".join([chunk async for chunk in response.body_iterator])  # type: ignore[attr-defined]


def _still_under_way() -> Response:
    detail = "The request with this Idempotency-Key is still under way; send it again in a moment."
    return problem(409, "still-under-way", detail, headers={"Retry-After": "1"})


def _again(earlier: StoredAnswer) -> Response:
    return Response(earlier.body, earlier.status, {**earlier.headers, "Idempotent-Replayed": "true"})


async def _whole_request(request: Request, caller: Identity) -> bytes:
    """Return the request with the depots of a limited caller, because another caller must not get this one's
    response."""
    depots = () if caller.depots is None else ("depots", *sorted(caller.depots))
    preconditions = (request.headers.get(name, "") for name in ("If-Match", "If-None-Match"))
    parts = (request.method, request.url.path, request.url.query, *preconditions, *depots)
    return "\n".join(parts).encode("utf-8", "surrogatepass") + b"\n" + await request.body()
