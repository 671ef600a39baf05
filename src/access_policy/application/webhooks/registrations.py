"""An operator's operations on webhooks: create, change, rotate secrets, test, deliver again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from access_policy.application.audit.record_changes import RecordChanges, pending_event
from access_policy.application.context import Context, new_id
from access_policy.application.errors import TooBusy, check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.webhooks import (
    Attempt,
    DeliveryState,
    WebhookQueue,
    Webhooks,
    WebhookSender,
)
from access_policy.application.streams import webhook_stream
from access_policy.application.webhooks.messages import message_for_test
from access_policy.application.webhooks.presets import PRESETS
from access_policy.application.webhooks.receiver import attempted
from access_policy.application.webhooks.subscriptions import WebhookSubscriptions
from access_policy.domain.ids import TenantId, checked_name
from access_policy.domain.webhooks import events
from access_policy.domain.webhooks.errors import (
    DeliveryNotThere,
    DeliveryWaits,
    TooManyWebhooks,
    WebhookInvalid,
    WebhooksNotHere,
    WebhookUnknown,
)
from access_policy.domain.webhooks.signing import SECRET_BYTES, checked_secret, secret_of
from access_policy.domain.webhooks.webhook import (
    OLD_SECRET_LASTS,
    PATTERN_LENGTH_MAX,
    SigningSecret,
    Webhook,
    checked_url,
)

WEBHOOKS_MAX = 50  # per tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDraft:
    """`pattern` is a rule pattern as a JSON string; alternatively `preset` names one."""

    name: str
    url: str
    pattern: str | None = None
    preset: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class WebhookRegistrations:
    """`subscriptions` is None if events are published to an external bus. All methods raise `StoreUnavailable`; the
    change may have been made then, and its event is appended later."""

    webhooks: Webhooks
    changes: RecordChanges
    queue: WebhookQueue
    sender: WebhookSender
    store: EventStore
    clock: Clock
    fault_of: Callable[[str], str | None]  # returns what is wrong with a rule pattern
    subscriptions: WebhookSubscriptions | None

    async def all(self, tenant_id: TenantId) -> list[Webhook]:
        return await self.webhooks.of_tenant(tenant_id)

    async def get(self, tenant_id: TenantId, webhook_id: str) -> Webhook:
        """Return the webhook. Raises `WebhookUnknown`."""
        found = await self.webhooks.find(tenant_id, webhook_id)
        if found is None:
            raise WebhookUnknown(f"There is no webhook {webhook_id[:64]}; GET /v1/webhooks lists all.")
        return found

    async def create(self, context: Context, draft: WebhookDraft, secret: str | None = None) -> Webhook:
        """Create a webhook for events from now on. Raises `WebhookInvalid`, `TooManyWebhooks` or `WebhooksNotHere`."""
        if self.subscriptions is None:
            raise WebhooksNotHere(
                "This installation publishes to EventBridge; add a rule with an API destination to that bus instead."
            )
        webhook_id = context.created_id("create_webhook")
        if (known := await self.webhooks.find(context.tenant_id, webhook_id)) is not None:
            await self._follow()
            await self._settle(known.tenant_id, known.webhook_id)
            return known  # created by an earlier run of this command
        if len(await self.webhooks.of_tenant(context.tenant_id)) >= WEBHOOKS_MAX:
            raise TooManyWebhooks(f"A tenant has at most {WEBHOOKS_MAX} webhooks; delete one first.")
        webhook = Webhook(
            tenant_id=context.tenant_id,
            webhook_id=webhook_id,
            name=checked_name(draft.name),
            url=self._checked_url(draft.url),
            pattern=self._pattern(draft),
            preset=draft.preset,
            secrets=(SigningSecret(value=_secret(secret)),),
            enabled=draft.enabled,
            since=await self.store.last_position(),
            created_at=self.clock.now(),
        )
        created = events.WebhookCreated(
            webhook_id=webhook_id, settings=events.settings_of(webhook), created_at=webhook.created_at
        )
        await self._put(context, webhook, created, expected=0)
        return webhook

    async def change(
        self, context: Context, webhook_id: str, draft: WebhookDraft, expected_version: int | None
    ) -> Webhook:
        """Change the webhook. Raises `WebhookUnknown`, `WebhookInvalid` or `VersionMismatch`."""
        before = await self._expected(context, webhook_id, expected_version)
        after = before.changed(
            name=draft.name,
            url=self._checked_url(draft.url),
            pattern=self._pattern(draft),
            preset=draft.preset,
            enabled=draft.enabled,
        )
        if after == before:
            await self._settle(before.tenant_id, webhook_id)
            return after
        if after.enabled and not before.enabled:
            after = replace(after, since=await self.store.last_position())
        await self._put(context, after, events.changed(before, after, now=self.clock.now()), expected=before.version)
        return after

    async def rotate(
        self, context: Context, webhook_id: str, secret: str | None, expected_version: int | None
    ) -> Webhook:
        """Create a new secret; deliveries are also signed with the old one for a day. Raises `WebhookUnknown`,
        `WebhookInvalid` or `VersionMismatch`."""
        command, now = context.created_id("rotate_webhook_secret", webhook_id), self.clock.now()
        before = await self.get(context.tenant_id, webhook_id)
        if before.secrets[0].command == command:
            await self._settle(before.tenant_id, webhook_id)
            return before  # rotated by an earlier run of this command
        check_version(expected_version, before.version)
        after = before.rotated(_secret(secret), command=command, now=now)
        rotated = events.WebhookSecretRotated(
            webhook_id=webhook_id, rotated_at=now, old_secret_until=now + OLD_SECRET_LASTS
        )
        await self._put(context, after, rotated, expected=before.version)
        return after

    async def remove(self, context: Context, webhook_id: str, expected_version: int | None) -> None:
        """Remove the webhook, its queue and its log. Raises `WebhookUnknown` or `VersionMismatch`."""
        await self._settle(context.tenant_id, webhook_id)  # including events of an earlier run of this command
        webhook = await self._expected(context, webhook_id, expected_version)
        now, stream = self.clock.now(), webhook_stream(webhook.tenant_id, webhook_id)
        removed = events.WebhookRemoved(webhook_id=webhook_id, settings=events.settings_of(webhook), removed_at=now)
        await self.webhooks.remove(webhook.key, event=pending_event(context, stream, removed, now=now))
        await self._follow()
        await self._settle(webhook.tenant_id, webhook_id)

    async def test(self, tenant_id: TenantId, webhook_id: str) -> Attempt:
        """Deliver a test event once, now, even to a disabled webhook. Raises `WebhookUnknown`."""
        webhook = await self.get(tenant_id, webhook_id)
        message = message_for_test(webhook, new_id(), self.clock.now())
        return await attempted(webhook, message.event_id, message.body, self.sender, self.clock)

    async def deliver_again(self, tenant_id: TenantId, webhook_id: str, event_id: str | None) -> int:
        """Queue the delivery again, or all dead letters; return their number. Raises `WebhookUnknown`,
        `DeliveryNotThere` or `DeliveryWaits`."""
        webhook = await self.get(tenant_id, webhook_id)
        number = await self.queue.queue_again(webhook.key, event_id, now=self.clock.now())
        if number == 0 and event_id is not None:
            found = await self.queue.find(webhook.key, event_id)
            if found is None or found.state is not DeliveryState.WAITING:
                raise DeliveryNotThere(f"The webhook's log has no delivery of an event {event_id[:64]}.")
            raise DeliveryWaits("An earlier event of the same aggregate is delivered first; deliver that one again.")
        return number

    def _checked_url(self, url: str) -> str:
        if (refusal := self.sender.refusal_of(checked_url(url))) is not None:
            raise WebhookInvalid(f"{refusal}.", pointer="/url")
        return url

    def _pattern(self, draft: WebhookDraft) -> str:
        if (draft.pattern is None) is (draft.preset is None):
            raise WebhookInvalid("Send either a pattern or a preset.", pointer="/pattern")
        if draft.preset is not None:
            if draft.preset not in PRESETS:
                raise WebhookInvalid(f"preset must be one of {', '.join(PRESETS)}.", pointer="/preset")
            return PRESETS[draft.preset].pattern_text
        assert draft.pattern is not None
        fault = "it is longer" if len(draft.pattern) > PATTERN_LENGTH_MAX else self.fault_of(draft.pattern)
        if fault is not None:
            raise WebhookInvalid(
                f"Not an EventBridge rule pattern of at most {PATTERN_LENGTH_MAX} characters: {fault}.",
                pointer="/pattern",
            )
        return draft.pattern

    async def _expected(self, context: Context, webhook_id: str, expected_version: int | None) -> Webhook:
        webhook = await self.get(context.tenant_id, webhook_id)
        check_version(expected_version, webhook.version)
        return webhook

    async def _put(self, context: Context, webhook: Webhook, event: events.WebhookEvent, *, expected: int) -> None:
        stream = webhook_stream(webhook.tenant_id, webhook.webhook_id)
        pending = pending_event(context, stream, event, now=self.clock.now())
        if not await self.webhooks.put(webhook, expected=expected, event=pending):
            raise TooBusy("the webhook was changed by others; read it again")
        await self._follow()
        await self._settle(webhook.tenant_id, webhook.webhook_id)

    async def _settle(self, tenant_id: TenantId, webhook_id: str) -> None:
        """Append the pending events of the webhook to the log."""
        await self.changes.append(webhook_stream(tenant_id, webhook_id))

    async def _follow(self) -> None:
        if self.subscriptions is not None:
            await self.subscriptions.follow()


def _secret(given: str | None) -> str:
    return secret_of(secrets.token_bytes(SECRET_BYTES)) if given is None else checked_secret(given)
