"""Erase a tenant, on the machine of the service while the service is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from access_policy.adapters.event_stores.erasing import CannotErase
from access_policy.adapters.sql.sessions import other_sessions
from access_policy.adapters.sql.tenant_rows import UnknownTable
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.containers.erasing import process_directories
from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.tenants.erasure import TenantErased
from access_policy.entrypoints.processes.failures import CannotRun
from access_policy.entrypoints.processes.safety import NotAllowed, alone_in
from access_policy.settings import Settings

Confirm = Callable[[TenantId], bool]


async def erase_tenant(
    settings: Settings, tenant_id: TenantId, *, actor: ActorId, although_connected: bool, confirm: Confirm
) -> TenantErased | None:
    """Erase the tenant if `confirm` returns True; otherwise return None. Raises `CannotRun` with the obstacle; then
    nothing was erased, unless the message says otherwise."""
    with _stopped(settings):
        container = Container(settings=settings)
        try:
            await container.erasing.holdings().claims(tenant_id)
            await _require_known(container, tenant_id)
            if not although_connected:
                await _require_disconnected(container, tenant_id)
            if not confirm(tenant_id):
                return None
            return await container.erasing.erase_tenant()(tenant_id, actor)
        except (CannotErase, UnknownTable) as refused:
            raise CannotRun(str(refused)) from refused
        except (StoreUnavailable, VersionConflict) as failed:
            raise CannotRun(f"{failed}. Erase the tenant again: an interrupted erasure continues.") from failed
        finally:
            await close_opened(container)


@contextlib.contextmanager
def _stopped(settings: Settings) -> Iterator[None]:
    """Prevent every process from serving in the block. Raises `CannotRun` if one is serving."""
    if not settings.data.is_dir():
        raise CannotRun(f"There is no directory {settings.data}; name the service's directory with --data.")
    with contextlib.ExitStack() as locks:
        for directory in process_directories(settings):
            try:
                locks.enter_context(alone_in(directory))
            except NotAllowed as serving:
                raise CannotRun(
                    f"The service is running in {directory}, with the tenant in memory. Stop it, erase the tenant, "
                    "and start it again."
                ) from serving
        places = (settings.store_location, settings.records_location, settings.read_models_location)
        for url in {place for place in places if isinstance(place, str)}:
            if others := other_sessions(url):
                raise CannotRun(
                    f"{others} other sessions are using the database, such as a process of the service on another machine. "
                    "Stop them first."
                )
        yield


async def _require_known(container: Container, tenant_id: TenantId) -> None:
    if (await container.commands.tenants().erasures(tenant_id)).version:
        return  # already erased, or partly: erasing again is harmless
    if await container.read_side.views().tenant(tenant_id) is not None:
        return
    if await container.commands.tenants().has_events(tenant_id):
        return
    raise CannotRun(f"There is no tenant {tenant_id}; see: access-policy tenants list")


async def _require_disconnected(container: Container, tenant_id: TenantId) -> None:
    rows = await container.read_side.views().connected_chargers()
    connected = sorted(row["charger_id"] for row in rows if row["tenant_id"] == tenant_id)
    if connected:
        shown = ", ".join(connected[:5]) + (f" and {len(connected) - 5} more" if len(connected) > 5 else "")
        raise CannotRun(
            f"Chargers of {tenant_id} were connected when the service stopped: {shown}. "
            "The service will refuse them after the erasure; give --although-connected if you intend this."
        )
