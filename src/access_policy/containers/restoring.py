"""The record of a restore."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.secrets.restore_statements import RestoreStatements
from access_policy.application.ports.clock import Clock
from access_policy.application.restoring import RecordRestore


class Restoring(containers.DeclarativeContainer):
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()

    statements = providers.Singleton(RestoreStatements, stores.installation.provided.keys.vault)
    record = providers.Singleton(RecordRestore, stores.store, statements.provided.sign, clock)
