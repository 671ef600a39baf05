"""The partner of a request, found by the token in `Authorization: Token …`. The limits of every caller apply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, TypeVar

from fastapi import Request

from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.rate_limits import limited

Of = TypeVar("Of")


@dataclass(frozen=True, slots=True)
class Found(Generic[Of]):
    """A partner found by its token; `subject` names it as a caller and an actor."""

    partner: Of
    tenant_id: TenantId
    subject: str


async def by_token(
    request: Request, held: Callable[[str], Awaitable[Found[Of] | None]], *, length_max: int, refused: str
) -> Of:
    """Return the partner that `held` finds for the token of the request. Raises `ApiProblem` (401, 429); a wrong token
    gets the same answer as a missing one."""
    known: list[Of] = []

    async def verified(request: Request) -> Identity:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found = await held(token.strip() if scheme.lower() == "token" and len(token) <= length_max else "")
        if found is None or container_of(request).deciding.view().is_erased(found.tenant_id):
            raise unauthorized(refused)
        known.append(found.partner)
        subject = ActorId(found.subject)
        return Identity(tenant_id=found.tenant_id, role=Role.SERVICE, subject=subject, credential=subject)

    request.state.caller = await limited(request, verified)
    return known[0]


def unauthorized(detail: str) -> ApiProblem:
    return ApiProblem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": "Token"})
