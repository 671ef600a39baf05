"""Register a tenant, or replace its description."""

from __future__ import annotations

from dataclasses import dataclass, replace

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.tenants import Tenants
from access_policy.domain.ids import TenantId, checked_id
from access_policy.domain.tenants import tenant as tenants
from access_policy.domain.tenants.tenant import TenantDescription, TenantIsErased


@dataclass(frozen=True, slots=True, kw_only=True)
class PutTenant:
    tenant_id: TenantId
    description: TenantDescription
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutTenantHandler:
    """Registers or replaces a tenant. The caller acts for the installation, and belongs to no tenant."""

    tenants: Tenants
    clock: Clock

    async def __call__(self, context: Context, command: PutTenant) -> Done:
        tenant_id = TenantId(checked_id(command.tenant_id, "tenant_id"))
        if (await self.tenants.erasures(tenant_id)).version:
            raise TenantIsErased(f"The tenant {tenant_id} was erased and its id cannot be used again; choose another.")
        tenant = await self.tenants.find(tenant_id)
        version = 0 if tenant is None else tenant.version
        check_version(command.expected_version, version)
        new = tenants.register(tenant_id, command.description) if tenant is None else tenant.put(command.description)
        done = await self.tenants.record(
            replace(context, tenant_id=tenant_id), new, expected_version=version, now=self.clock.now()
        )
        return Done(version=done.version, position=done.position, created=tenant is None)
