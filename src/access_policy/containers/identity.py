"""The kinds of bearer tokens that the API accepts. Another kind needs one line in `accepted`."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.identity.api_keys import ApiKeyTokens, ApiKeyUses
from access_policy.adapters.identity.bearer import AcceptedTokens, EmbeddedBearerTokens
from access_policy.application.ports.clock import Clock


class Identities(containers.DeclarativeContainer):
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    embedded = providers.Singleton(EmbeddedBearerTokens, stores.tokens)
    api_key_uses = providers.Singleton(ApiKeyUses, records.api_keys)
    api_keys = providers.Singleton(ApiKeyTokens, records.api_keys, clock, api_key_uses.provided.used)
    accepted = providers.Singleton(AcceptedTokens, providers.List(embedded, api_keys))
