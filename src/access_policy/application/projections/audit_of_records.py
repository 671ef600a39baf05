"""Audit entries of API keys, webhooks and partners. Their records are not in the log, but the changes of their records
are."""

from __future__ import annotations

from access_policy.application.projections.audit_entry import Entry, gone, whole
from access_policy.application.projections.audit_words import Words, in_words, values_of
from access_policy.domain.api_keys.events import ApiKeyCreated, ApiKeyGrant, ApiKeyRevoked
from access_policy.domain.ocpi_partners.events import OcpiConnectionChanged, OcpiPartnerEvent, OcpiPartnerRemoved
from access_policy.domain.ocpi_partners.partner import PartnerSettings
from access_policy.domain.oscp_providers.events import OscpConnectionChanged, OscpProviderEvent, OscpProviderRemoved
from access_policy.domain.webhooks.events import (
    WebhookChanged,
    WebhookCreated,
    WebhookEvent,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookSettings,
)


def of_api_key(event: ApiKeyCreated | ApiKeyRevoked) -> Entry:
    words = _grant(event.grant)
    if isinstance(event, ApiKeyRevoked):
        return gone("api_key", event.key_id, "", words)
    return whole("api_key", event.key_id, "", words)


def of_webhook(event: WebhookEvent) -> Entry:
    match event:
        case WebhookCreated(webhook_id=webhook_id, settings=settings):
            return whole("webhook", webhook_id, "", _settings(settings))
        case WebhookChanged(webhook_id=webhook_id, settings=settings):
            since = f"another since {in_words(event.changed_at)}"
            path: Words = {"path of the URL": since} if event.url_changed else {}
            return whole("webhook", webhook_id, "", _settings(settings) | path)
        case WebhookSecretRotated(webhook_id=webhook_id):
            new: Words = {
                "secret": f"another since {in_words(event.rotated_at)}",
                "old secret signs until": in_words(event.old_secret_until),
            }
            return whole("webhook", webhook_id, "secret", new)
        case WebhookRemoved(webhook_id=webhook_id, settings=settings):
            return gone("webhook", webhook_id, "", _settings(settings))


def of_ocpi_partner(event: OcpiPartnerEvent) -> Entry:
    match event:
        case OcpiConnectionChanged(partner_id=partner_id):
            new: Words = {"connection": event.state.value, "server": event.peer or None}
            tokens: Words = {"tokens": f"new since {in_words(event.changed_at)}"} if event.with_new_tokens else {}
            return whole("ocpi_partner", partner_id, "connection", new | tokens)
        case OcpiPartnerRemoved(partner_id=partner_id, settings=settings):
            return gone("ocpi_partner", partner_id, "", _partner(settings))
        case _:
            return whole("ocpi_partner", event.partner_id, "", _partner(event.settings))


def of_oscp_provider(event: OscpProviderEvent) -> Entry:
    match event:
        case OscpConnectionChanged(provider_id=provider_id):
            new: Words = {"connection": event.state.value, "server": event.peer or None}
            tokens: Words = {"tokens": f"new since {in_words(event.changed_at)}"} if event.with_new_tokens else {}
            return whole("oscp_provider", provider_id, "connection", {"depot": event.depot_id} | new | tokens)
        case OscpProviderRemoved(provider_id=provider_id, settings=settings):
            return gone("oscp_provider", provider_id, "", {"depot": event.depot_id} | values_of(settings))
        case _:
            return whole("oscp_provider", event.provider_id, "", {"depot": event.depot_id} | values_of(event.settings))


def _partner(settings: PartnerSettings) -> Words:
    return values_of(settings) | {"own party": str(settings.own_party)}


def _grant(grant: ApiKeyGrant) -> Words:
    return values_of(grant) | {"depots": "all" if grant.depots is None else in_words(grant.depots)}


def _settings(settings: WebhookSettings) -> Words:
    return values_of(settings)
