"""The kinds of bearer tokens that the API accepts. Another kind needs one line in `accepted`."""

from __future__ import annotations

import time
from datetime import timedelta

from dependency_injector import containers, providers

from access_policy.adapters.identity.api_keys import ApiKeyTokens, ApiKeyUses
from access_policy.adapters.identity.bearer import AcceptedTokens, EmbeddedBearerTokens
from access_policy.adapters.identity.issuer import Issuer
from access_policy.adapters.identity.key_cache import KeyCache
from access_policy.adapters.identity.oidc import OidcRules, OidcTokens
from access_policy.adapters.identity.request_limits import RequestLimits
from access_policy.adapters.ocpp.transport.guessing import GuessLimit
from access_policy.application.ports.clock import Clock
from access_policy.settings import Settings


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def signed_by(issuer: str | None) -> str:
    return "embedded" if issuer is None else "issuer"


class Identities(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    issuer = providers.Singleton(Issuer, settings.provided.oidc_issuer)
    keys = providers.Singleton(KeyCache, issuer.provided.signing_keys, time.monotonic)
    rules = providers.Singleton(
        OidcRules,
        issuer=settings.provided.oidc_issuer,
        audiences=settings.provided.oidc_audience,
        clients=settings.provided.oidc_clients,
        tenant_claim=settings.provided.oidc_tenant_claim,
        roles_claim=settings.provided.oidc_roles_claim,
        depots_claim=settings.provided.oidc_depots_claim,
        role_map=settings.provided.oidc_role_map,
        clock_skew=providers.Callable(seconds, settings.provided.oidc_clock_skew_s),
    )
    signed = providers.Selector(
        providers.Callable(signed_by, settings.provided.oidc_issuer),
        embedded=providers.Singleton(EmbeddedBearerTokens, stores.tokens),
        issuer=providers.Singleton(OidcTokens, rules, keys, clock),
    )
    api_key_uses = providers.Singleton(ApiKeyUses, records.api_keys)
    api_keys = providers.Singleton(ApiKeyTokens, records.api_keys, clock, api_key_uses.provided.used)
    guesses = providers.Singleton(GuessLimit, counts_repetitions=False)
    address_limits = providers.Singleton(
        RequestLimits, settings.provided.http_requests_per_s, settings.provided.http_requests_burst
    )
    caller_limits = providers.Singleton(
        RequestLimits, settings.provided.http_requests_per_s, settings.provided.http_requests_burst
    )
    accepted = providers.Singleton(AcceptedTokens, providers.List(signed, api_keys))
