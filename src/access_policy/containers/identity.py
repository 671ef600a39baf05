"""The kinds of tokens that the API accepts (to add one, add a line to `accepted`), and how people sign in."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from dependency_injector import containers, providers

from access_policy.adapters.identity.api_keys import ApiKeyTokens, ApiKeyUses
from access_policy.adapters.identity.bearer import AcceptedTokens, EmbeddedBearerTokens
from access_policy.adapters.identity.issuer import Issuer
from access_policy.adapters.identity.kept_keys import FILE, KeptKeys
from access_policy.adapters.identity.key_cache import KeyCache
from access_policy.adapters.identity.oidc import OidcRules, OidcTokens
from access_policy.adapters.identity.request_limits import RequestLimits
from access_policy.adapters.identity.sessions import SessionTokens
from access_policy.adapters.identity.sign_in import KnownEndpoints, OidcClient, OidcSignIn
from access_policy.adapters.ocpp.transport.guessing import GuessLimit
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.console_sign_in import ConsoleSignIn, LinkSignIn, SessionOpening, SignOut
from access_policy.application.ports.clock import Clock
from access_policy.settings import Settings


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def provider_kind(console_client: str) -> str:
    return "issuer" if console_client else "none"


def signed_by(issuer: str | None) -> str:
    return "embedded" if issuer is None else "issuer"


class Identities(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    trust = providers.Dependency(instance_of=Trust)
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    issuer = providers.Singleton(Issuer, settings.provided.oidc_issuer, trust)
    kept_keys = providers.Singleton(
        KeptKeys,
        providers.Callable(Path.joinpath, settings.provided.data, FILE),
        settings.provided.oidc_issuer,
        stores.installation.provided.keys.vault,
        clock,
    )
    keys = providers.Singleton(KeyCache, issuer.provided.signing_keys, time.monotonic, kept_keys)
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
    issuer_tokens = providers.Singleton(OidcTokens, rules, keys, clock)
    signed = providers.Selector(
        providers.Callable(signed_by, settings.provided.oidc_issuer),
        embedded=providers.Singleton(EmbeddedBearerTokens, stores.tokens),
        issuer=issuer_tokens,
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
    sessions = providers.Singleton(
        SessionTokens,
        records.console_sessions,
        clock,
        idle=providers.Callable(minutes, settings.provided.session_idle_minutes),
    )
    accepted = providers.Singleton(
        AcceptedTokens, providers.List(signed.provider, api_keys.provider, sessions.provider)
    )

    open_session = providers.Singleton(
        SessionOpening,
        records.console_sessions,
        clock,
        lasts=providers.Callable(hours, settings.provided.session_hours),
    )
    link_sign_in = providers.Singleton(LinkSignIn, records.login_links, open_session, clock)
    endpoints = providers.Singleton(KnownEndpoints, issuer.provided.endpoints, time.monotonic)
    client = providers.Singleton(
        OidcClient,
        settings.provided.oidc_console_client,
        settings.provided.oidc_console_secret,
        settings.provided.oidc_console_scopes,
    )
    identity_provider: providers.Selector[OidcSignIn | None] = providers.Selector(
        providers.Callable(provider_kind, settings.provided.oidc_console_client),
        none=providers.Object(None),
        issuer=providers.Singleton(OidcSignIn, settings.provided.oidc_issuer, client, endpoints, issuer_tokens, trust),
    )
    sign_in = providers.Singleton(
        ConsoleSignIn, identity_provider, records.console_sessions.provided.sign_ins, open_session, clock
    )
    sign_out = providers.Singleton(SignOut, records.console_sessions, identity_provider)
