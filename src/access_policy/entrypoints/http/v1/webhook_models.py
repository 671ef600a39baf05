"""Bodies and responses of `/v1/webhooks`."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator

from access_policy.application.ports import webhooks as ports
from access_policy.application.ports.webhooks import DeliveryState
from access_policy.application.webhooks import presets
from access_policy.application.webhooks.registrations import WebhookDraft
from access_policy.domain.webhooks import webhook as domain
from access_policy.domain.webhooks.webhook import URL_LENGTH_MAX
from access_policy.entrypoints.http.fields import RequestModel, ResponseModel, Text, UtcInstant, Version

SECRET_LENGTH_MAX = 200

Url = Annotated[str, StringConstraints(max_length=URL_LENGTH_MAX), Field(description="https only")]
Secret = Annotated[
    str | None,
    StringConstraints(max_length=SECRET_LENGTH_MAX),
    Field(description="whsec_ and 24 to 64 bytes in base64; left out: a new one"),
]


class WebhookBody(RequestModel):
    """The settings of a webhook. `pattern` is an EventBridge rule pattern, `preset` the name of a predefined one; send
    exactly one of them."""

    name: Text
    url: Url
    pattern: dict[str, Any] | None = None
    preset: Text | None = None
    enabled: bool = True

    @field_validator("pattern")
    @classmethod
    def _not_too_deep(cls, pattern: dict[str, Any] | None) -> dict[str, Any] | None:
        if pattern is not None:
            try:
                json.dumps(pattern).encode()
            except (ValueError, RecursionError, UnicodeEncodeError) as error:
                raise ValueError("is nested too deeply, or contains text that is not UTF-8") from error
        return pattern

    def draft(self) -> WebhookDraft:
        return WebhookDraft(
            name=self.name,
            url=self.url,
            pattern=None if self.pattern is None else json.dumps(self.pattern, separators=(",", ":")),
            preset=self.preset,
            enabled=self.enabled,
        )


class NewWebhookBody(WebhookBody):
    secret: Secret = None


class SecretBody(RequestModel):
    secret: Secret = None


class Webhook(ResponseModel):
    """A webhook. `disabled_because` is set if the service disabled it because the receiver answered 410 Gone."""

    webhook_id: str
    name: str
    url: str
    pattern: dict[str, Any]
    preset: str | None
    enabled: bool
    disabled_because: str | None
    created_at: UtcInstant
    old_secret_until: UtcInstant | None
    version: Version

    @classmethod
    def of(cls, webhook: domain.Webhook, **more: Any) -> Self:
        return cls(
            webhook_id=webhook.webhook_id,
            name=webhook.name,
            url=webhook.url,
            pattern=json.loads(webhook.pattern),
            preset=webhook.preset,
            enabled=webhook.enabled,
            disabled_because=webhook.disabled_because or None,
            created_at=webhook.created_at,
            old_secret_until=webhook.secrets[-1].until,
            version=webhook.version,
            **more,
        )


class WebhookWithSecret(Webhook):
    """A webhook with its secret, which is shown only here."""

    secret: str

    @classmethod
    def with_secret(cls, webhook: domain.Webhook) -> Self:
        return cls.of(webhook, secret=webhook.secrets[0].value)


class WebhookPreset(ResponseModel):
    preset: str
    title: str
    meaning: str
    pattern: dict[str, Any]

    @classmethod
    def of(cls, preset: presets.Preset) -> Self:
        return cls(preset=preset.name, title=preset.title, meaning=preset.meaning, pattern=dict(preset.pattern))


class DeliveryAttempt(ResponseModel):
    """One try. `status` is that of the response, null without a response; `detail` is the reason, or the start of the
    response."""

    at: UtcInstant
    delivered: bool
    status: int | None
    detail: str
    took_ms: int

    @classmethod
    def of(cls, attempt: ports.Attempt) -> Self:
        return cls(
            at=attempt.at,
            delivered=attempt.is_delivered,
            status=attempt.status,
            detail=attempt.detail,
            took_ms=attempt.took_ms,
        )


class WebhookDelivery(ResponseModel):
    """A delivery. `tries` counts since `queued_at`; `attempts` are the latest five, oldest first. `next_try_at` is null
    once it ended."""

    event_id: str
    event_type: str
    state: DeliveryState
    tries: int
    queued_at: UtcInstant
    next_try_at: UtcInstant | None
    finished_at: UtcInstant | None
    attempts: list[DeliveryAttempt]

    @classmethod
    def of(cls, delivery: ports.Delivery) -> Self:
        is_queued = delivery.state is DeliveryState.QUEUED
        return cls(
            event_id=delivery.message.event_id,
            event_type=delivery.message.event_type,
            state=delivery.state,
            tries=delivery.tries,
            queued_at=delivery.queued_at,
            next_try_at=delivery.try_at if is_queued else None,
            finished_at=delivery.finished_at,
            attempts=[DeliveryAttempt.of(each) for each in delivery.attempts],
        )


class QueuedAgain(ResponseModel):
    deliveries: int
