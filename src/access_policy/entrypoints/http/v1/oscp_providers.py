"""`/v1/depots/{depot_id}/oscp-providers`: who may limit the nodes of a depot by OSCP, and the state of the connections."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from fastapi.responses import Response

from access_policy.application.oscp_providers.registrations import OscpProviderRegistrations
from access_policy.domain.ids import DepotId
from access_policy.domain.oscp_providers import provider as domain
from access_policy.entrypoints.http.auth import ADMINS, Caller, requires
from access_policy.entrypoints.http.calls import Call, ChangeCall, CommandCall, PutCall
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Page
from access_policy.entrypoints.http.idempotency_keys import keep_instead
from access_policy.entrypoints.http.oscp.urls import own_url
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.oscp_provider_models import (
    OscpProvider,
    OscpProviderBody,
    OscpProviderWithToken,
    OscpRegisterBody,
)

router = api_router(tags=["OSCP providers"])

ONE = "/depots/{depot_id}/oscp-providers/{provider_id}"
Registrations = Annotated[OscpProviderRegistrations, provided(lambda c: c.oscp.registrations)]


@router.get("/depots/{depot_id}/oscp-providers", operation_id="list_oscp_providers", dependencies=requires(ADMINS))
async def list_oscp_providers(depot_id: str, caller: Caller, registrations: Registrations) -> Page[OscpProvider]:
    """List the depot's capacity providers. Changes nothing."""
    found = await registrations.of_depot(caller.tenant_id, DepotId(depot_id))
    return Page(items=[await _shown(registrations, each) for each in found], next_cursor=None)


@router.get(ONE, operation_id="get_oscp_provider", dependencies=requires(ADMINS))
async def get_oscp_provider(
    depot_id: str, provider_id: str, caller: Caller, registrations: Registrations, response: Response
) -> OscpProvider:
    """Return one capacity provider, with its version as `ETag` and without its tokens. Changes nothing."""
    provider = await registrations.get(caller.tenant_id, DepotId(depot_id), provider_id)
    set_etag(response, provider.version)
    return await _shown(registrations, provider)


@router.put(
    ONE,
    operation_id="put_oscp_provider",
    dependencies=requires(ADMINS),
    responses=created(OscpProviderWithToken),
)
async def put_oscp_provider(
    depot_id: str, provider_id: str, body: OscpProviderBody, call: PutCall, registrations: Registrations
) -> OscpProviderWithToken:
    """Bind groups of the provider to nodes of the depot. Only the response to the request that creates the provider
    shows the registration token."""
    provider, token = await registrations.put(
        call.context, DepotId(depot_id), provider_id, body.settings(), call.expected_version
    )
    set_etag(call.response, provider.version)
    if token is not None:
        call.response.status_code = 201
    return await _with_token(call, registrations, provider, token)


@router.post(f"{ONE}/token", operation_id="invite_oscp_provider", dependencies=requires(ADMINS))
async def invite_oscp_provider(
    depot_id: str, provider_id: str, call: ChangeCall, registrations: Registrations
) -> OscpProviderWithToken:
    """Issue a new registration token. This ends the connection and invalidates every token issued before."""
    provider, token = await registrations.invite(call.context, DepotId(depot_id), provider_id, call.expected_version)
    set_etag(call.response, provider.version)
    return await _with_token(call, registrations, provider, token)


@router.post(f"{ONE}/register", operation_id="register_with_oscp_provider", dependencies=requires(ADMINS))
async def register_with_oscp_provider(
    depot_id: str,
    provider_id: str,
    body: OscpRegisterBody,
    call: CommandCall,
    request: Request,
    registrations: Registrations,
) -> OscpProvider:
    """Register at the provider, which then registers here in return."""
    provider = await registrations.register(
        call.context, DepotId(depot_id), provider_id, body.base_url, body.token, own_url(request)
    )
    set_etag(call.response, provider.version)
    return await _shown(registrations, provider)


@router.delete(
    ONE,
    operation_id="remove_oscp_provider",
    dependencies=requires(ADMINS),
    status_code=204,
    response_class=Response,
)
async def remove_oscp_provider(depot_id: str, provider_id: str, call: ChangeCall, registrations: Registrations) -> None:
    """Remove the provider, and withdraw the envelopes that it sent."""
    await registrations.remove(call.context, DepotId(depot_id), provider_id, call.expected_version)


async def _shown(registrations: OscpProviderRegistrations, provider: domain.OscpProvider) -> OscpProvider:
    forecasts, until, now = await registrations.shown(provider)
    return OscpProvider.of(provider, forecasts, until, now)


async def _with_token(
    call: Call, registrations: OscpProviderRegistrations, provider: domain.OscpProvider, token: str | None
) -> OscpProviderWithToken:
    """Return the response; a repeated request with the same Idempotency-Key gets it without the token."""
    forecasts, until, now = await registrations.shown(provider)
    if token is not None:
        without = OscpProviderWithToken.of(provider, forecasts, until, now, token=None)
        keep_instead(call.request, without.model_dump_json().encode())
        call.response.headers["Cache-Control"] = "no-store"
    return OscpProviderWithToken.of(provider, forecasts, until, now, token=token)
