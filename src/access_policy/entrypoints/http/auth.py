"""Authentication and authorisation: the token of the request, and the roles that a route requires."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from access_policy.application.ports.identity import Identity, Role, TokenRefused, VerifierUnavailable
from access_policy.entrypoints.http.browsers import require_same_origin, session_in
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.depot_scope import restrict_to_depots
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.rate_limits import limited
from access_policy.entrypoints.http.urls import url_must_be_understood

log = logging.getLogger(__name__)

READERS = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.SERVICE, Role.AUDITOR})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
AUDITORS = frozenset({Role.AUDITOR, Role.ADMIN})
SERVICES = frozenset({Role.SERVICE, Role.ADMIN})

bearer = HTTPBearer(auto_error=False, description="A token for a tenant and a role")


async def authenticated(request: Request) -> Identity:
    """Return the caller, identified by the token of the request, which is verified once per request. Raises
    `ApiProblem` (401, 429, 503)."""
    known: Identity | ApiProblem | None = getattr(request.state, "caller", None)
    if known is None:
        try:
            known = await limited(request, _verified)
        except ApiProblem as refusal:
            known = refusal
        request.state.caller = known
    if isinstance(known, ApiProblem):
        raise known
    return known


async def _verified(request: Request) -> Identity:
    presented = request.state.presented = _presented(request)
    try:
        return await container_of(request).identity.accepted().verify(presented)
    except TokenRefused as refused:
        raise _unauthorized("The token is not valid here or has expired; get a new one.") from refused
    except VerifierUnavailable as trouble:
        log.warning("no token can be verified: %s", trouble)
        detail = "Tokens cannot be verified at the moment, because their issuer is not responding; try again."
        raise ApiProblem(
            HTTPStatus.SERVICE_UNAVAILABLE, "issuer-unreachable", detail, headers={"Retry-After": "15"}
        ) from trouble


def _presented(request: Request) -> str:
    """Return the token of the request, or else the session in its cookie. Another site must not change anything through
    the cookie."""
    header = request.headers.get("Authorization")
    session = session_in(request)
    if header is None and session is not None:
        require_same_origin(request)
        return session
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized("Send a token as 'Authorization: Bearer …'.")
    return token.strip()


def _unauthorized(detail: str) -> ApiProblem:
    challenge = {"WWW-Authenticate": 'Bearer realm="access-policy"'}
    return ApiProblem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers=challenge)


async def _caller(request: Request, _: Annotated[object, Depends(bearer)]) -> Identity:
    return await authenticated(request)


Caller = Annotated[Identity, Depends(_caller)]


class Allowed:
    """A dependency that admits callers with one of `roles`: 401 without a valid token, 403 with another role. It holds
    a caller who is limited to some depots to them. `some_depots`: the views that the response is built from limit
    it."""

    def __init__(self, roles: Iterable[Role], *, some_depots: bool = False) -> None:
        self.roles = frozenset(roles)
        self.some_depots = some_depots

    async def __call__(self, request: Request, caller: Caller) -> None:
        if caller.role not in self.roles:
            needed = "the role " if len(self.roles) == 1 else "one of the roles "
            raise ApiProblem(
                HTTPStatus.FORBIDDEN,
                "role-too-small",
                f"This operation requires {needed}{', '.join(sorted(self.roles))}.",
            )
        if container_of(request).deciding.view().is_erased(caller.tenant_id):
            raise ApiProblem(HTTPStatus.FORBIDDEN, "tenant-erased", "The tenant of this token was erased.")
        await restrict_to_depots(request, caller, some_depots=self.some_depots)


def requires(roles: Iterable[Role], *, some_depots: bool = False) -> list[Any]:
    """Return the dependencies of a route: first the caller's role and depots, then the URL, which is checked only for
    admitted callers.

    `some_depots` admits a caller who is limited to some depots to an operation whose path names no depot, because its
    response is built from views within the caller's depots, or has no data of a depot.
    """
    return [Depends(Allowed(roles, some_depots=some_depots)), Depends(url_must_be_understood)]
