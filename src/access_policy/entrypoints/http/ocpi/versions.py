"""`/ocpi/versions` and `/ocpi/2.3.0`: where a partner starts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.adapters.ocpi.credentials import own_endpoints, own_versions
from access_policy.adapters.ocpi.fields import VERSION
from access_policy.entrypoints.http.ocpi.answers import answer
from access_policy.entrypoints.http.ocpi.partner import KNOWN
from access_policy.entrypoints.http.ocpi.urls import ocpi_url

router = APIRouter(include_in_schema=False)


@router.get("/versions", dependencies=KNOWN)
async def versions(request: Request) -> Response:
    return answer(request, [each.as_json() for each in own_versions(ocpi_url(request))])


@router.get(f"/{VERSION}", dependencies=KNOWN)
async def version_details(request: Request) -> Response:
    return answer(request, own_endpoints(ocpi_url(request)))
