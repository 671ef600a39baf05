"""The audit: the chain over the log, and its verification."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.secrets.audit_seals import InstallationAuditSeals
from access_policy.adapters.secrets.erasure_statements import ErasureStatements
from access_policy.adapters.secrets.restore_statements import RestoreStatements
from access_policy.application.audit.chaining import AuditChainer
from access_policy.application.audit.erasures import ReadErasures
from access_policy.application.audit.readings import Readings
from access_policy.application.audit.restores import ReadRestores
from access_policy.application.audit.verifying import AuditVerifier
from access_policy.application.ports.clock import Clock


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
        providers.Singleton(
            ReadErasures,
            stores.store,
            providers.Singleton(ErasureStatements, stores.installation.provided.keys.vault).provided.is_signed,
        ),
        providers.Singleton(
            ReadRestores,
            stores.store,
            providers.Singleton(RestoreStatements, stores.installation.provided.keys.vault).provided.is_signed,
        ),
    )
