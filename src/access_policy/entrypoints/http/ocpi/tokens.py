"""The tokens module, receiver: partners push the tokens of their drivers."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from access_policy.adapters.ocpi.fields import VERSION
from access_policy.adapters.ocpi.tokens import RFID, Token, identifier_of
from access_policy.application.context import Context
from access_policy.application.ocpi_partners.driver_tokens import OcpiDriverTokens, Pushed
from access_policy.application.ocpi_partners.token_reviews import TokenReviews
from access_policy.application.ports.ocpi import DriverToken
from access_policy.domain.ocpi_partners.errors import DriverTokenUnknown, PartyWrong
from access_policy.domain.ocpi_partners.partner import OcpiPartner
from access_policy.entrypoints.http.dependencies import process_of, provided
from access_policy.entrypoints.http.ocpi.answers import answer
from access_policy.entrypoints.http.ocpi.partner import REGISTERED, Partner, PartnerContext

router = APIRouter(prefix=f"/{VERSION}", include_in_schema=False, dependencies=REGISTERED)

Tokens = Annotated[OcpiDriverTokens, provided(lambda c: c.ocpi.driver_tokens)]
Reviews = Annotated[TokenReviews, provided(lambda c: c.ocpi.token_reviews)]
Type = Annotated[str, Query(alias="type", max_length=64)]
OF_PARTY = "/tokens/{country_code}/{party_id}/{token_uid}"


@router.get(OF_PARTY)
async def get_token(
    request: Request,
    country_code: str,
    party_id: str,
    token_uid: str,
    partner: Partner,
    tokens: Tokens,
    of: Type = RFID,
) -> Response:
    _must_be(partner, country_code, party_id)
    return answer(request, json.loads((await _known(tokens, partner, token_uid, of)).body))


@router.put(OF_PARTY)
async def put_token(
    request: Request,
    country_code: str,
    party_id: str,
    token_uid: str,
    partner: Partner,
    context: PartnerContext,
    tokens: Tokens,
    reviews: Reviews,
    body: Annotated[dict[str, Any], Body()],
    of: Type = RFID,
) -> Response:
    """Store a token. When this responds, bookings that name the token already admit it, or no longer do."""
    _must_be(partner, country_code, party_id)
    pushed = await _put(tokens, partner, body, token_uid, of)
    await _follow(request, context, partner, reviews, pushed)
    return answer(request, None, status=201 if pushed.is_new else 200)


@router.patch(OF_PARTY)
async def patch_token(
    request: Request,
    country_code: str,
    party_id: str,
    token_uid: str,
    partner: Partner,
    context: PartnerContext,
    tokens: Tokens,
    reviews: Reviews,
    body: Annotated[dict[str, Any], Body()],
    of: Type = RFID,
) -> Response:
    """Change the named fields of a token; `last_updated` must be among them."""
    _must_be(partner, country_code, party_id)
    known = await _known(tokens, partner, token_uid, of)
    without = {name: value for name, value in json.loads(known.body).items() if name != "last_updated"}
    pushed = await _put(tokens, partner, {**without, **body}, token_uid, of)
    await _follow(request, context, partner, reviews, pushed)
    return answer(request, None)


async def _follow(
    request: Request, context: Context, partner: OcpiPartner, reviews: TokenReviews, pushed: Pushed
) -> None:
    if pushed.to_review:
        await process_of(request).settled(await reviews.token(context, partner, pushed.ref))


async def _put(tokens: OcpiDriverTokens, partner: OcpiPartner, body: dict[str, Any], uid: str, of: str) -> Pushed:
    """Store a pushed token. Raises `RequestValidationError`, `PartyWrong` or `TooManyTokens`."""
    try:
        token = Token.model_validate(body)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error
    _must_be(partner, token.country_code, token.party_id)
    if (token.uid.upper(), token.type.upper()) != (uid.upper(), of.upper()):
        raise PartyWrong("The token's uid and type must be those of the URL.", pointer="/uid")
    return await tokens.put(
        partner,
        identifier_of(token.uid, token.type),
        json.dumps(body, separators=(",", ":")),
        is_valid=token.valid,
        updated_at=token.last_updated,
    )


async def _known(tokens: OcpiDriverTokens, partner: OcpiPartner, uid: str, of: str) -> DriverToken:
    """Return a stored token. Raises `DriverTokenUnknown`, or `IdentifierInvalid` for an invalid uid."""
    found = await tokens.find(partner, identifier_of(uid, of))
    if found is None:
        raise DriverTokenUnknown("This token is not known here; PUT it first.")
    return found


def _must_be(partner: OcpiPartner, country_code: str, party_id: str) -> None:
    """Refuse tokens of other parties. Raises `PartyWrong`."""
    if f"{country_code}-{party_id}".upper() != partner.partner_id:
        raise PartyWrong(f"You are {partner.partner_id}; send only your own tokens, not those of other parties.")
