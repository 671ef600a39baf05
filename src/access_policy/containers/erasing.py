"""The erasure of tenants, from every location in the settings that holds their data."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dependency_injector import containers, providers
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.event_stores.erasing import claims_of, erase_events
from access_policy.adapters.local_files.erasing import erase_from_files
from access_policy.adapters.local_files.erasure_list import ErasureList, Forgotten
from access_policy.adapters.secrets.erasure_statements import ErasureStatements
from access_policy.adapters.sql.tenant_rows import erase_rows
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.tenant_holdings import Claims
from access_policy.application.repositories.tenants import Tenants
from access_policy.application.tenant_erasure import EraseTenant
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import RemovedFrom
from access_policy.settings import Settings

Answer = TypeVar("Answer")

OF_A_PROCESS = ("spool.sqlite", "view.snapshot", "view.draft")


@dataclass(frozen=True, slots=True)
class InstallationHoldings:
    """Implements `TenantHoldings` for the locations in the settings. It does not include files of processes on other machines.
    `listed` adds the tenant to the list of erasures, which the restore of an older backup follows.
    """

    settings: Settings
    listed: Callable[[TenantId], None]

    async def claims(self, tenant_id: TenantId) -> Claims:
        return await _on_a_thread(lambda: claims_of(self.settings.store_location, tenant_id))

    async def erase(self, tenant_id: TenantId, claims: Claims) -> Sequence[RemovedFrom]:
        return await _on_a_thread(lambda: list(self._erase(tenant_id, claims)))

    def _erase(self, tenant_id: TenantId, claims: Claims) -> Iterator[RemovedFrom]:
        self.listed(tenant_id)
        for database in self._databases():
            yield from erase_rows(database, tenant_id, claims.charge_points)
        for directory in process_directories(self.settings):
            yield from erase_from_files(directory, tenant_id)
        yield erase_events(self.settings.store_location, tenant_id, claims.positions)

    def _databases(self) -> list[Path | str]:
        """Return the databases, the records' first, because they include the keys of vehicles."""
        settings, records = self.settings, self.settings.records_location
        read_models = settings.read_models_location
        if isinstance(records, str):
            return [records] if records == read_models else [records, read_models]
        others = {settings.store_location, read_models, records / OF_A_PROCESS[0]}
        return [*sorted(file for file in records.glob("*.sqlite") if file not in others), read_models]


def process_directories(settings: Settings) -> list[Path]:
    """Return the directories of all processes that have served from this data directory."""
    inside = (path for path in sorted(settings.data.iterdir()) if path.is_dir())
    return [
        path
        for path in (settings.data, *inside)
        if any((path / name).exists() for name in (*OF_A_PROCESS, "serving.lock"))
    ]


def listing_tenants(erasures: ErasureList) -> Callable[[TenantId], None]:
    return lambda tenant_id: erasures.add(Forgotten.TENANT, [tenant_id])


async def _on_a_thread(call: Callable[[], Answer]) -> Answer:
    try:
        return await asyncio.to_thread(call)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"the tenant's data could not be reached: {error}") from error


class Erasing(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    holdings = providers.Singleton(
        InstallationHoldings, settings, providers.Factory(listing_tenants, records.erasure_list)
    )
    statements = providers.Singleton(ErasureStatements, stores.installation.provided.keys.vault)
    erase_tenant = providers.Singleton(
        EraseTenant,
        providers.Singleton(Tenants, stores.store),
        stores.store,
        holdings,
        statements.provided.sign,
        clock,
    )
