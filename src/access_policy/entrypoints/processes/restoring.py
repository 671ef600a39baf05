"""Finish a restore: record it, and repeat the erasures and revocations made after the backup."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from access_policy.adapters.local_files.erasure_list import Entry, Forgotten
from access_policy.adapters.local_files.restore_markers import RestoreMarker, read_marker, remove_marker
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.revoke_api_key import RevokeApiKey
from access_policy.application.context import Context, new_id
from access_policy.application.restoring import RESTORE
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.errors import Refused
from access_policy.domain.ids import TenantId, VehicleId
from access_policy.entrypoints.processes.failures import CannotRun
from access_policy.entrypoints.processes.safety import alone_in
from access_policy.entrypoints.processes.tenant_data import erase_tenant
from access_policy.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRestore:
    """The number of vehicles that were erased again, the number of API keys that were revoked again, and the tenants
    that were erased again; `entries` is the length of the list of erasures."""

    entries: int
    vehicles: int
    api_keys: int
    tenants: tuple[TenantId, ...]


async def finish_restore(settings: Settings) -> FinishedRestore:
    """Finish the restore. All databases must be restored, and no process may serve. Repeat the call if it is
    interrupted. Raises `CannotRun`."""
    marker = read_marker(settings.data)
    if marker is None:
        raise CannotRun(f"There is no unfinished restore in {settings.data}.")
    with alone_in(settings.data):
        done = await _record_and_remove(settings, marker)
    for tenant_id in done.tenants:
        await erase_tenant(settings, tenant_id, actor=RESTORE, although_connected=True, confirm=lambda _: True)
    remove_marker(settings.data)
    return done


async def _record_and_remove(settings: Settings, marker: RestoreMarker) -> FinishedRestore:
    """Do everything except the erasure of the tenants."""
    container = Container(settings=settings)
    try:
        record = container.restoring.record()
        await record(marker.restore_id, backed_up_at=marker.backed_up_at, restored_at=marker.restored_at)
        entries = container.records.erasure_list().entries()
        keys = _of(entries, Forgotten.VEHICLE_KEY)
        vehicles = await container.records.vault().vehicles_of(keys)
        for tenant_id, vehicle_id in vehicles:
            await _remove_again(container, tenant_id, vehicle_id)
        revoked = [await _revoke_again(container, key_id) for key_id in _of(entries, Forgotten.API_KEY)]
        tenants = [TenantId(each) for each in _of(entries, Forgotten.TENANT)]
        return FinishedRestore(
            entries=len(entries),
            vehicles=len(vehicles),
            api_keys=sum(revoked),
            tenants=tuple([each for each in tenants if await _is_there(container, each)]),
        )
    finally:
        await close_opened(container)


async def _remove_again(container: Container, tenant_id: TenantId, vehicle_id: VehicleId) -> None:
    """Erase a vehicle again. If the registry does not have the vehicle, the handler deletes its key and then
    refuses."""
    context = Context(tenant_id=tenant_id, actor=RESTORE, correlation_id=new_id())
    with contextlib.suppress(Refused):
        await container.commands.remove_vehicle()(context, RemoveVehicle(vehicle_id=vehicle_id))


async def _revoke_again(container: Container, key_id: str) -> bool:
    """Revoke a key again. Returns False if the restored records do not have the key, or already have its revocation."""
    found = await container.records.api_keys().find(key_id)
    if found is None or found[0].revoked_at is not None:
        return False
    context = Context(tenant_id=found[0].tenant_id, actor=RESTORE, correlation_id=new_id())
    await container.commands.revoke_api_key()(context, RevokeApiKey(key_id=key_id))
    return True


def _of(entries: Sequence[Entry], kind: Forgotten) -> list[str]:
    return [each.id for each in entries if each.kind is kind]


async def _is_there(container: Container, tenant_id: TenantId) -> bool:
    tenants = container.commands.tenants()
    erasures = await tenants.erasures(tenant_id)
    return erasures.open_id is not None or await tenants.has_events(tenant_id)
