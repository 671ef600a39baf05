"""The partner of a request: found by its credentials token. The limits of every caller apply."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request

from access_policy.application.context import Context
from access_policy.application.ocpi_partners.credentials import Authenticated
from access_policy.application.ocpi_partners.tokens import HEADER_MAX
from access_policy.domain.ids import ActorId
from access_policy.domain.ocpi_partners.errors import PartyWrong
from access_policy.domain.ocpi_partners.partner import OcpiPartner, Party
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.ocpi.envelopes import ROUTING
from access_policy.entrypoints.http.origins import origin_of
from access_policy.entrypoints.http.partner_tokens import Found, by_token, unauthorized

REFUSED: Final = "Send a valid credentials token as 'Authorization: Token …', in Base64."


async def authenticated(request: Request) -> Authenticated:
    """Return the sender of the request. Raises `ApiProblem` (401, 429); a wrong token gets the same answer as a missing
    one."""

    async def held(presented: str) -> Found[Authenticated] | None:
        by = await container_of(request).ocpi.credentials().authenticate(presented)
        return None if by is None else Found(by, by.partner.tenant_id, f"ocpi:{by.partner.partner_id}")

    return await by_token(request, held, length_max=HEADER_MAX, refused=REFUSED)


async def registered(request: Request, by: Annotated[Authenticated, Depends(authenticated)]) -> OcpiPartner:
    """Return a partner that has exchanged credentials, for the functional modules. Raises `ApiProblem` (401) for a
    registration token (OCPI, transport), and `PartyWrong` for a message to or from another party."""
    if by.token.registers:
        raise unauthorized(REFUSED)
    partner = by.partner
    own, theirs = partner.settings.own_party, partner.party
    setattr(request.state, ROUTING, _parties(to=theirs, of=own))
    for direction, party in (("from", theirs), ("to", own)):
        named = (
            request.headers.get(f"OCPI-{direction}-country-code"),
            request.headers.get(f"OCPI-{direction}-party-id"),
        )
        if any(named) and f"{named[0]}-{named[1]}".upper() != str(party):
            raise PartyWrong(f"OCPI-{direction}-country-code and -party-id must be those of {party}.")
    return partner


async def _context(request: Request, by: Annotated[Authenticated, Depends(authenticated)]) -> Context:
    return Context(
        tenant_id=by.partner.tenant_id,
        actor=ActorId(f"ocpi:{by.partner.partner_id}"),
        correlation_id=request.state.request_id,
        origin=origin_of(request),
    )


def _parties(*, to: Party, of: Party) -> dict[str, str]:
    return {
        "OCPI-to-country-code": to.country_code,
        "OCPI-to-party-id": to.party_id,
        "OCPI-from-country-code": of.country_code,
        "OCPI-from-party-id": of.party_id,
    }


By = Annotated[Authenticated, Depends(authenticated)]
Partner = Annotated[OcpiPartner, Depends(registered)]
PartnerContext = Annotated[Context, Depends(_context)]
KNOWN = [Depends(authenticated)]
REGISTERED = [Depends(registered)]
