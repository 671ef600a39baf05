"""`/v1/ocpi-partners`: who may book chargers by OCPI, and the state of the connections."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from access_policy.application.ocpi_partners.registrations import OcpiPartnerRegistrations
from access_policy.application.ports.identity import Identity
from access_policy.domain.ocpi_partners import partner as domain
from access_policy.domain.ocpi_partners.partner import party_of
from access_policy.entrypoints.http.auth import ADMINS, Caller, requires
from access_policy.entrypoints.http.calls import Call, ChangeCall, CommandCall, PutCall
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Page
from access_policy.entrypoints.http.idempotency_keys import keep_instead
from access_policy.entrypoints.http.ocpi.urls import versions_url
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.ocpi_partner_models import (
    OcpiPartner,
    OcpiPartnerBody,
    OcpiPartnerWithToken,
    RegisterBody,
    RemovedOcpiPartner,
)

router = api_router(tags=["OCPI partners"])

Registrations = Annotated[OcpiPartnerRegistrations, provided(lambda c: c.ocpi.registrations)]


async def _of_the_whole_tenant(caller: Caller) -> Identity:
    """Return the caller. Raises `ApiProblem` (403) for one limited to some depots."""
    if caller.depots is not None:
        detail = "A partner may book at several depots; only an admin of the whole tenant may manage it."
        raise ApiProblem(HTTPStatus.FORBIDDEN, "depot-scope-too-small", detail)
    return caller


WholeTenant = Annotated[Identity, Depends(_of_the_whole_tenant)]


@router.get("/ocpi-partners", operation_id="list_ocpi_partners", dependencies=requires(ADMINS))
async def list_ocpi_partners(caller: WholeTenant, registrations: Registrations) -> Page[OcpiPartner]:
    """List the OCPI partners. Changes nothing."""
    return Page(items=[OcpiPartner.of(each) for each in await registrations.all(caller.tenant_id)], next_cursor=None)


@router.get("/ocpi-partners/{partner_id}", operation_id="get_ocpi_partner", dependencies=requires(ADMINS))
async def get_ocpi_partner(
    partner_id: str, caller: WholeTenant, registrations: Registrations, response: Response
) -> OcpiPartner:
    """Return one OCPI partner, with its version as `ETag` and without its tokens. Changes nothing."""
    partner = await registrations.get(caller.tenant_id, _id(partner_id))
    set_etag(response, partner.version)
    return OcpiPartner.of(partner)


@router.put(
    "/ocpi-partners/{partner_id}",
    operation_id="put_ocpi_partner",
    dependencies=requires(ADMINS),
    responses=created(OcpiPartnerWithToken),
)
async def put_ocpi_partner(
    partner_id: str, body: OcpiPartnerBody, call: PutCall, caller: WholeTenant, registrations: Registrations
) -> OcpiPartnerWithToken:
    """Create or change a partner. `partner_id` is the country code and party id, such as DE-HUB. Only the response to
    the request that creates the partner shows the registration token."""
    party, settings = party_of(partner_id), body.settings()
    partner, token = await registrations.put(call.context, party, settings, call.expected_version)
    set_etag(call.response, partner.version)
    if token is not None:
        call.response.status_code = 201
        _show_once(call, partner)
    return OcpiPartnerWithToken.of(partner, token=token)


@router.post("/ocpi-partners/{partner_id}/token", operation_id="invite_ocpi_partner", dependencies=requires(ADMINS))
async def invite_ocpi_partner(
    partner_id: str, call: ChangeCall, caller: WholeTenant, registrations: Registrations
) -> OcpiPartnerWithToken:
    """Issue a new registration token. This ends the connection and invalidates every token issued before."""
    partner, token = await registrations.invite(call.context, _id(partner_id), call.expected_version)
    set_etag(call.response, partner.version)
    _show_once(call, partner)
    return OcpiPartnerWithToken.of(partner, token=token)


@router.post(
    "/ocpi-partners/{partner_id}/register", operation_id="register_with_ocpi_partner", dependencies=requires(ADMINS)
)
async def register_with_ocpi_partner(
    partner_id: str,
    body: RegisterBody,
    call: CommandCall,
    request: Request,
    caller: WholeTenant,
    registrations: Registrations,
) -> OcpiPartner:
    """Exchange credentials at the partner, which gave you its versions URL and a registration token."""
    partner = await registrations.register(
        call.context, _id(partner_id), body.versions_url, body.token, versions_url(request)
    )
    set_etag(call.response, partner.version)
    return OcpiPartner.of(partner)


@router.delete("/ocpi-partners/{partner_id}", operation_id="remove_ocpi_partner", dependencies=requires(ADMINS))
async def remove_ocpi_partner(
    partner_id: str, call: ChangeCall, caller: WholeTenant, registrations: Registrations
) -> RemovedOcpiPartner:
    """Remove the partner, the data that its bookings named, and the tokens of its drivers. Its reservations that have
    not begun are cancelled; those that have begun run to their end. Past reservations stay on record."""
    removed = await registrations.remove(call.context, _id(partner_id), call.expected_version)
    await call.settled(removed.position)
    return RemovedOcpiPartner(
        partner_id=_id(partner_id),
        cancelled_reservations=removed.cancelled,
        kept_reservations=removed.kept,
    )


def _show_once(call: Call, partner: domain.OcpiPartner) -> None:
    without = OcpiPartnerWithToken.of(partner, token=None)
    keep_instead(call.request, without.model_dump_json().encode())
    call.response.headers["Cache-Control"] = "no-store"


def _id(partner_id: str) -> str:
    """Return the id in the form in which party ids are compared, without regard to case."""
    return partner_id.upper()
