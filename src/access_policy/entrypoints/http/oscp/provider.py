"""The provider of a request, and its message's id."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Request

from access_policy.application.context import Context, new_id
from access_policy.application.oscp_providers.exchange import Authenticated
from access_policy.application.oscp_providers.tokens import LENGTH_MAX
from access_policy.domain.ids import ActorId
from access_policy.domain.oscp_providers.provider import OscpProvider
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.origins import origin_of
from access_policy.entrypoints.http.partner_tokens import Found, by_token, unauthorized

REFUSED: Final = "Send a valid token as 'Authorization: Token ...'."
_MESSAGE_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")


async def authenticated(request: Request) -> Authenticated:
    """Return the sender of the request. Raises `ApiProblem` (401, 429)."""

    async def held(presented: str) -> Found[Authenticated] | None:
        by = await container_of(request).oscp.exchange().authenticate(presented)
        return None if by is None else Found(by, by.provider.tenant_id, by.provider.source)

    return await by_token(request, held, length_max=LENGTH_MAX, refused=REFUSED)


async def registered(by: Annotated[Authenticated, Depends(authenticated)]) -> OscpProvider:
    """Return a provider that has its own token. Raises `ApiProblem` (401) for a registration token."""
    if by.token.registers:
        raise unauthorized(REFUSED)
    return by.provider


async def _context(request: Request, by: Annotated[Authenticated, Depends(authenticated)]) -> Context:
    """Build the context. The ids of the provider's messages stay in the adapter; events get their own correlation
    id."""
    return Context(
        tenant_id=by.provider.tenant_id,
        actor=ActorId(by.provider.source),
        correlation_id=new_id(),
        origin=origin_of(request),
    )


async def _message_id(request: Request) -> str:
    """Return the id of the message; empty if it has none."""
    sent = request.headers.get("X-Request-ID", "")
    return sent if _MESSAGE_ID.fullmatch(sent) else ""


By = Annotated[Authenticated, Depends(authenticated)]
Provider = Annotated[OscpProvider, Depends(registered)]
ProviderContext = Annotated[Context, Depends(_context)]
MessageId = Annotated[str, Depends(_message_id)]
KNOWN = [Depends(authenticated)]
REGISTERED = [Depends(registered)]
