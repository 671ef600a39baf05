"""The messages of a capacity provider. A success is 204 without a body."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.adapters.oscp.messages import Handshake, Heartbeat, Register, UpdateGroupCapacityForecast
from access_policy.application.oscp_providers.exchange import VERSION, OscpExchange
from access_policy.application.oscp_providers.forecast_handler import ForecastHandler
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.oscp.provider import (
    KNOWN,
    REGISTERED,
    By,
    MessageId,
    Provider,
    ProviderContext,
)
from access_policy.entrypoints.http.oscp.urls import own_url

router = APIRouter(prefix=f"/{VERSION}", include_in_schema=False)

Exchange = Annotated[OscpExchange, provided(lambda c: c.oscp.exchange)]
Handler = Annotated[ForecastHandler, provided(lambda c: c.oscp.forecast_handler)]


@router.post("/register", dependencies=KNOWN)
async def register(request: Request, by: By, body: Register, context: ProviderContext, exchange: Exchange) -> Response:
    await exchange.register(context, by, body.registration(), own_url(request))
    return Response(status_code=204)


@router.post("/handshake", dependencies=REGISTERED)
async def handshake(
    provider: Provider, body: Handshake, message_id: MessageId, context: ProviderContext, exchange: Exchange
) -> Response:
    await exchange.handshake(context, provider, message_id, body.required())
    return Response(status_code=204)


@router.post("/handshake_acknowledge", dependencies=REGISTERED)
async def handshake_acknowledge(provider: Provider, body: Handshake) -> Response:
    """Accept the message without effect: this service waits for the provider's handshake and sends none itself."""
    return Response(status_code=204)


@router.post("/heartbeat", dependencies=REGISTERED)
async def heartbeat(provider: Provider, body: Heartbeat, context: ProviderContext, exchange: Exchange) -> Response:
    await exchange.heartbeat(context, provider, body.offline_mode_at)
    return Response(status_code=204)


@router.post("/update_group_capacity_forecast", dependencies=REGISTERED)
async def update_group_capacity_forecast(
    provider: Provider,
    body: UpdateGroupCapacityForecast,
    message_id: MessageId,
    context: ProviderContext,
    exchange: Exchange,
    handler: Handler,
) -> Response:
    await exchange.check_online(provider)
    blocks = [each.block() for each in body.forecasted_blocks]
    await handler.forecast(context, provider, message_id, body.group_id, body.type, blocks)
    return Response(status_code=204)
