"""The audit: the chain over the log, and its verification."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.secrets.audit_seals import InstallationAuditSeals
from access_policy.application.audit.chaining import AuditChainer
from access_policy.application.audit.readings import Readings
from access_policy.application.audit.verifying import AuditVerifier
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.tenants import Tenants


class Auditing(containers.DeclarativeContainer):
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    seals = providers.Singleton(InstallationAuditSeals, stores.installation.provided.keys.vault)
    readings = providers.Singleton(Readings, stores.store, clock)
    chainer = providers.Singleton(AuditChainer, stores.store, records.audit_chains, seals, clock)
    verifier = providers.Singleton(
        AuditVerifier,
        stores.store,
        records.audit_chains,
        seals,
        providers.Singleton(Tenants, stores.store).provided.begun_erasures,
    )
