"""The events of a webhook. They do not contain secrets, hashes of secrets, or the path of the URL, which may contain a
secret (ADR 0032).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlsplit

from access_policy.domain.webhooks.webhook import Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """`receiver` is the URL without path and query. `pattern` is an EventBridge rule pattern as a JSON string."""

    name: str
    receiver: str
    pattern: str
    preset: str | None
    enabled: bool
    disabled_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCreated:
    TYPE: ClassVar = "webhook.webhook_created.v1"
    webhook_id: str
    settings: WebhookSettings
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChanged:
    """The settings are these from now on. `url_changed` is true even if only the path or the query changed."""

    TYPE: ClassVar = "webhook.webhook_changed.v1"
    webhook_id: str
    settings: WebhookSettings
    url_changed: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotated:
    """A new secret signs from `rotated_at` on; the old one also signs until `old_secret_until` (exclusive)."""

    TYPE: ClassVar = "webhook.webhook_secret_rotated.v1"
    webhook_id: str
    rotated_at: datetime
    old_secret_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRemoved:
    """The webhook was removed. `settings` are its last settings."""

    TYPE: ClassVar = "webhook.webhook_removed.v1"
    webhook_id: str
    settings: WebhookSettings
    removed_at: datetime


WebhookEvent = WebhookCreated | WebhookChanged | WebhookSecretRotated | WebhookRemoved


def changed(before: Webhook, after: Webhook, *, now: datetime) -> WebhookChanged:
    return WebhookChanged(
        webhook_id=after.webhook_id,
        settings=settings_of(after),
        url_changed=after.url != before.url,
        changed_at=now,
    )


def settings_of(webhook: Webhook) -> WebhookSettings:
    parts = urlsplit(webhook.url)
    return WebhookSettings(
        name=webhook.name,
        receiver=f"{parts.scheme}://{parts.netloc}",
        pattern=webhook.pattern,
        preset=webhook.preset,
        enabled=webhook.enabled,
        disabled_because=webhook.disabled_because,
    )
