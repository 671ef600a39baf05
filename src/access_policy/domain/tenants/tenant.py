"""The aggregate Tenant: the installation's record of a depot owner's workspace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from access_policy.domain.errors import Conflict, Invalid, Unknown
from access_policy.domain.ids import TenantId, checked_id, checked_name, checked_new_id

INSTALLATION: Final = TenantId("-")
"""Stands where a tenant's id would: the streams of the installation itself begin with it."""


class TenantUnknown(Unknown):
    code = "tenant-not-found"


class TenantInvalid(Invalid):
    code = "tenant-invalid"


class TenantIsErased(Conflict):
    code = "tenant-erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDescription:
    """A tenant's name and region. `data_region` is a note for people, such as `eu-central-1`; it may be empty."""

    name: str
    data_region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRegistered:
    TYPE: ClassVar = "tenant.tenant_registered.v1"
    tenant_id: TenantId
    description: TenantDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAmended:
    """The tenant's description was changed."""

    TYPE: ClassVar = "tenant.tenant_amended.v1"
    tenant_id: TenantId
    description: TenantDescription


TenantEvent = TenantRegistered | TenantAmended


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    tenant_id: TenantId
    description: TenantDescription
    version: int

    def put(self, description: TenantDescription) -> tuple[TenantEvent, ...]:
        check(description)
        same = description == self.description
        return () if same else (TenantAmended(tenant_id=self.tenant_id, description=description),)


def checked_tenant_id(text: str, name: str = "tenant_id") -> TenantId:
    """Return the id. Raises `InvalidId`, or `TenantInvalid` for the name that stands for the installation."""
    if checked_id(text, name) == INSTALLATION:
        raise TenantInvalid(f"{name} '-' stands for the installation; choose another.", pointer=f"/{name}")
    return TenantId(text)


def register(tenant_id: TenantId, description: TenantDescription) -> tuple[TenantEvent, ...]:
    checked_tenant_id(checked_new_id(tenant_id, "tenant_id"))
    check(description)
    return (TenantRegistered(tenant_id=tenant_id, description=description),)


def check(description: TenantDescription) -> None:
    checked_name(description.name)
    if description.data_region:
        checked_name(description.data_region, "data_region")


def evolve(tenant: Tenant | None, event: TenantEvent) -> Tenant:
    if isinstance(event, TenantRegistered):
        return Tenant(tenant_id=event.tenant_id, description=event.description, version=1)
    assert tenant is not None, "a tenant's first event is TenantRegistered"
    return replace(tenant, description=event.description, version=tenant.version + 1)


def fold(events: Iterable[TenantEvent]) -> Tenant | None:
    tenant: Tenant | None = None
    for event in events:
        tenant = evolve(tenant, event)
    return tenant
