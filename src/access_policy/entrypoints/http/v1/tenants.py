"""`/v1/tenants`: the records of the tenants, without their data, for the role `installation`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from access_policy.application.commands.put_tenant import PutTenant
from access_policy.application.ports.identity import Role
from access_policy.application.ports.views import Row
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.tenant import TenantDescription, TenantUnknown
from access_policy.entrypoints.http.auth import requires
from access_policy.entrypoints.http.calls import PutCall
from access_policy.entrypoints.http.dependencies import Handler, TenantRecords, provided
from access_policy.entrypoints.http.fields import Page, RequestModel, ResponseModel, Text
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import created, set_etag
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["tenants"])

INSTALLATION = frozenset({Role.INSTALLATION})


class TenantBody(RequestModel):
    """A tenant's settings. `data_region` is a note for people on where the tenant's data is stored."""

    name: Text
    data_region: Text = ""


class Tenant(ResponseModel):
    """A tenant without a record has its id as its name, version 0, and as `created_at` the time when it first stored
    anything. Only the id and `erased_at` of an erased tenant remain."""

    tenant_id: str
    name: str
    data_region: str
    created_at: datetime | None
    erased_at: datetime | None
    version: int = Field(ge=0, description="The version that If-Match is compared with")


@router.put(
    "/tenants/{tenant_id}", operation_id="put_tenant", dependencies=requires(INSTALLATION), responses=created(Tenant)
)
async def put_tenant(
    tenant_id: str,
    body: TenantBody,
    call: PutCall,
    views: TenantRecords,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_tenant)],
) -> Tenant:
    """Register a tenant, or replace its name and note. 409 for the id of an erased tenant."""
    description = TenantDescription(name=body.name, data_region=body.data_region)
    command = PutTenant(tenant_id=TenantId(tenant_id), description=description, expected_version=call.expected_version)
    await call(handler, command)
    return await _found(views, tenant_id)


@router.get("/tenants/{tenant_id}", operation_id="get_tenant", dependencies=requires(INSTALLATION))
async def get_tenant(views: TenantRecords, tenant_id: str, response: Response) -> Tenant:
    """Return one tenant. Changes nothing."""
    tenant = await _found(views, tenant_id)
    set_etag(response, tenant.version)
    return tenant


@router.get("/tenants", operation_id="list_tenants", dependencies=requires(INSTALLATION))
async def list_tenants(views: TenantRecords, cursor: Cursor = None, limit: Limit = 50) -> Page[Tenant]:
    """List the tenants by id. Changes nothing."""
    found = await views.tenants(cursor=cursor, limit=limit)
    return Page(items=[_tenant(row) for row in found.items], next_cursor=found.next_cursor)


async def _found(views: TenantRecords, tenant_id: str) -> Tenant:
    row = await views.tenant(TenantId(tenant_id))
    if row is None:
        raise TenantUnknown("There is no such tenant.")
    return _tenant(row)


def _tenant(row: Row) -> Tenant:
    return Tenant(**{name: row[name] for name in Tenant.model_fields})
