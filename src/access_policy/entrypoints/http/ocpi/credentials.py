"""The credentials module: registration, renewal and the end of a connection."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.adapters.ocpi.credentials import Credentials
from access_policy.adapters.ocpi.fields import VERSION
from access_policy.application.ocpi_partners.credentials import OcpiCredentials, own_credentials
from access_policy.application.ocpi_partners.tokens import presented_text
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.ocpi.answers import answer
from access_policy.entrypoints.http.ocpi.partner import KNOWN, By, PartnerContext
from access_policy.entrypoints.http.ocpi.urls import versions_url

router = APIRouter(prefix=f"/{VERSION}", include_in_schema=False)

Module = Annotated[OcpiCredentials, provided(lambda c: c.ocpi.credentials)]


@router.get("/credentials", dependencies=KNOWN)
async def get_credentials(request: Request, by: By) -> Response:
    """Return the credentials with the token of the request, because the service stores no token in a form that it could
    show."""
    _, _, presented = request.headers["Authorization"].partition(" ")
    token = presented_text(presented.strip(), by.token.digest)
    return answer(request, Credentials.of(own_credentials(by.partner, token, versions_url(request))))


@router.post("/credentials", dependencies=KNOWN)
async def register(request: Request, by: By, body: Credentials, context: PartnerContext, module: Module) -> Response:
    return answer(request, Credentials.of(await module.register(context, by, body.sent(), versions_url(request))))


@router.put("/credentials", dependencies=KNOWN)
async def renew(request: Request, by: By, body: Credentials, context: PartnerContext, module: Module) -> Response:
    return answer(request, Credentials.of(await module.renew(context, by, body.sent(), versions_url(request))))


@router.delete("/credentials", dependencies=KNOWN)
async def end(request: Request, by: By, context: PartnerContext, module: Module) -> Response:
    await module.end(context, by)
    return answer(request, None)
