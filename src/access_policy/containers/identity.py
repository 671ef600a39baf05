"""The kinds of bearer tokens that the API accepts. Another kind needs one line in `accepted`."""

from __future__ import annotations

from dependency_injector import containers, providers

from access_policy.adapters.identity.bearer import AcceptedTokens, EmbeddedBearerTokens


class Identities(containers.DeclarativeContainer):
    stores = providers.DependenciesContainer()

    embedded = providers.Singleton(EmbeddedBearerTokens, stores.tokens)
    accepted = providers.Singleton(AcceptedTokens, providers.List(embedded))
