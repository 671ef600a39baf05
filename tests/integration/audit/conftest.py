"""An audited log on each store: the events there, the chain in the records beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from access_policy.adapters.event_stores.dynamodb.store import dynamodb_event_store
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.records.audit_chains import SqlAuditChains
from access_policy.adapters.secrets.audit_seals import InstallationAuditSeals
from access_policy.adapters.secrets.erasure_statements import ErasureStatements
from access_policy.adapters.secrets.restore_statements import RestoreStatements
from access_policy.application.audit.chaining import AuditChainer
from access_policy.application.audit.erasures import ReadErasures
from access_policy.application.audit.findings import Verification
from access_policy.application.audit.restores import ReadRestores
from access_policy.application.audit.verifying import AuditVerifier
from access_policy.application.ports.audit_chains import ExportedHeads
from tests.support.depot_in_memory import SettableClock
from tests.support.places import Place
from tests.support.records import inside
from tests.support.stores import NOON, TEST_KEY, notes, postgres_store, sqlite_store
from tests.support.tampering import TamperedDynamoDb, TamperedPostgres, TamperedSqlite, Tampering

EVENTS = 9


@dataclass(frozen=True)
class AuditedLog:
    """`store` is opened anew for each verification, as the command line does it: nothing of the damaged log is remembered."""

    open_store: Callable[[], RecorderEventStore]
    records: Place
    tampering: Tampering

    def chains(self) -> SqlAuditChains:
        return SqlAuditChains(inside(self.records, "audit"))

    async def append(self, tenant: str, *, first: int, last: int) -> None:
        """Events `first` to `last` of a charger, each in a commit of its own."""
        store = self.open_store()
        for version in range(first, last + 1):
            stream = f"{tenant}/charger_condition/bay-1"
            await store.append([notes(stream, [f"note {version} of {tenant}"], expected_version=version - 1)])
        await store.close()

    async def chain(self) -> ExportedHeads:
        store, chains = self.open_store(), self.chains()
        seals = InstallationAuditSeals(TEST_KEY)
        heads = await AuditChainer(store, chains, seals, SettableClock(NOON)).export_heads()
        await store.close()
        await chains.close()
        return heads

    async def verify(self, exported: ExportedHeads | None = None) -> Verification:
        store, chains = self.open_store(), self.chains()
        verifier = AuditVerifier(
            store,
            chains,
            InstallationAuditSeals(TEST_KEY),
            ReadErasures(store, ErasureStatements(TEST_KEY).is_signed),
            ReadRestores(store, RestoreStatements(TEST_KEY).is_signed),
        )
        found = await verifier.verify(exported)
        await store.close()
        await chains.close()
        return found


def log_in(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> AuditedLog:
    if store == "sqlite":
        return AuditedLog(lambda: sqlite_store(tmp_path), tmp_path, TamperedSqlite(tmp_path / "events.sqlite"))
    if store == "postgres":
        url, records = request.getfixturevalue("postgres_database"), request.getfixturevalue("records_database")
        return AuditedLog(lambda: postgres_store(url), records, TamperedPostgres(url))
    table = request.getfixturevalue("dynamodb_table")
    return AuditedLog(lambda: dynamodb_event_store(table), tmp_path, TamperedDynamoDb(table))


@pytest.fixture(params=["sqlite", "postgres", "dynamodb"])
def log_on_each_store(request: pytest.FixtureRequest, tmp_path: Path) -> AuditedLog:
    return log_in(request.param, request, tmp_path)


@pytest.fixture
async def audited(log_on_each_store: AuditedLog) -> AuditedLog:
    return await filled(log_on_each_store)


@pytest.fixture(params=["sqlite", "postgres"])
async def audited_in_sql(request: pytest.FixtureRequest, tmp_path: Path) -> AuditedLog:
    """The chain is in SQL tables, whatever store has the events."""
    return await filled(log_in(request.param, request, tmp_path))


async def filled(log: AuditedLog) -> AuditedLog:
    """Nine events of two tenants, at positions 1 to 9, chained in three parts; that of the other tenant is at position 4."""
    await log.append("acme", first=1, last=3)
    await log.append("other", first=1, last=1)
    await log.chain()
    await log.append("acme", first=4, last=6)
    await log.chain()
    await log.append("acme", first=7, last=8)
    await log.chain()
    return log
