"""The tenants of the installation, with or without a record.

A tenant without a record has a row from its first depot, vehicle, agreement, import or capability profile on, because
nothing else can be created before one of these.
"""

from __future__ import annotations

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Projection, Put, RowChange, types_of
from access_policy.domain.capability_profiles.profile import CapabilityProfilePut
from access_policy.domain.depots.depot import DepotRegistered
from access_policy.domain.tenants.erasure import TenantErased, TenantErasureBegun
from access_policy.domain.tenants.tenant import TenantAmended, TenantRegistered
from access_policy.domain.vehicle_registry.events import AgreementRecorded, RegistryImportApplied, VehicleRegistered

TABLE = "tenants"
_UNNAMED = {"data_region": "", "version": 0}


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    match event:
        case TenantRegistered() | TenantAmended():
            description = event.description
            values = {"name": description.name, "data_region": description.data_region, "version": recorded.version}
            return [Put(TABLE, {"tenant_id": event.tenant_id}, values, _created(recorded))]
        case TenantErasureBegun() | TenantErased():
            gone = {**_UNNAMED, "name": "", "created_at": None, "erased_at": recorded.envelope.recorded_at}
            return [Put(TABLE, {"tenant_id": event.tenant_id}, gone)]
        case _ if recorded.version == 1:  # once, not for each vehicle of a registry
            tenant_id = recorded.envelope.tenant_id
            return [Put(TABLE, {"tenant_id": tenant_id}, {}, {"name": tenant_id, **_UNNAMED, **_created(recorded)})]
        case _:
            return []


def _created(recorded: Recorded) -> dict[str, object]:
    return {"created_at": recorded.envelope.recorded_at}


TENANTS = Projection(
    "tenants",
    (TABLE,),
    types_of(
        *(TenantRegistered, TenantAmended, TenantErasureBegun, TenantErased),
        *(DepotRegistered, VehicleRegistered, AgreementRecorded, RegistryImportApplied, CapabilityProfilePut),
    ),
    fold,
)
