"""`/v1/webhooks`: who receives which events, and the result of each delivery."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from access_policy.application.ports.identity import Identity
from access_policy.application.ports.views import CursorInvalid
from access_policy.application.ports.webhooks import DeliveryState
from access_policy.application.webhooks.presets import PRESETS
from access_policy.application.webhooks.registrations import WebhookRegistrations
from access_policy.entrypoints.http.auth import ADMINS, Caller, requires
from access_policy.entrypoints.http.calls import ChangeCall, CommandCall
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Page
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.webhook_models import (
    DeliveryAttempt,
    NewWebhookBody,
    QueuedAgain,
    SecretBody,
    Webhook,
    WebhookBody,
    WebhookDelivery,
    WebhookPreset,
    WebhookWithSecret,
)

router = api_router(tags=["webhooks"])

Registrations = Annotated[WebhookRegistrations, provided(lambda c: c.publishing.registrations)]


async def _of_the_whole_tenant(caller: Caller) -> Identity:
    """Return the caller. Raises `ApiProblem` (403) for one limited to some depots, because a webhook receives events of
    all depots."""
    if caller.depots is not None:
        detail = "A webhook receives events of all depots; only an admin of the whole tenant may manage it."
        raise ApiProblem(HTTPStatus.FORBIDDEN, "depot-scope-too-small", detail)
    return caller


WholeTenant = Annotated[Identity, Depends(_of_the_whole_tenant)]


@router.get("/webhook-presets", operation_id="list_webhook_presets", dependencies=requires(ADMINS))
async def list_webhook_presets() -> Page[WebhookPreset]:
    """List rule patterns for the most common needs."""
    return Page(items=[WebhookPreset.of(each) for each in PRESETS.values()], next_cursor=None)


@router.post("/webhooks", operation_id="create_webhook", dependencies=requires(ADMINS), status_code=201)
async def create_webhook(
    body: NewWebhookBody, call: CommandCall, caller: WholeTenant, registrations: Registrations
) -> WebhookWithSecret:
    """Deliver the tenant's events that match the pattern, from now on, by Standard Webhooks: at least once, in order
    for each aggregate, retried for a day. Only this response shows the secret."""
    webhook = await registrations.create(call.context, body.draft(), body.secret)
    set_etag(call.response, webhook.version)
    return WebhookWithSecret.with_secret(webhook)


@router.get("/webhooks", operation_id="list_webhooks", dependencies=requires(ADMINS))
async def list_webhooks(caller: WholeTenant, registrations: Registrations) -> Page[Webhook]:
    """List the webhooks. Changes nothing."""
    return Page(items=[Webhook.of(each) for each in await registrations.all(caller.tenant_id)], next_cursor=None)


@router.get("/webhooks/{webhook_id}", operation_id="get_webhook", dependencies=requires(ADMINS))
async def get_webhook(
    webhook_id: str, caller: WholeTenant, registrations: Registrations, response: Response
) -> Webhook:
    """Return one webhook, with its version as `ETag` and without its secret. Changes nothing."""
    webhook = await registrations.get(caller.tenant_id, webhook_id)
    set_etag(response, webhook.version)
    return Webhook.of(webhook)


@router.put("/webhooks/{webhook_id}", operation_id="change_webhook", dependencies=requires(ADMINS))
async def change_webhook(
    webhook_id: str, body: WebhookBody, call: ChangeCall, caller: WholeTenant, registrations: Registrations
) -> Webhook:
    """Change all settings except the secret. Queued events are delivered to the new URL. A webhook that is enabled
    again receives events from now on, and events that were queued less than a day ago."""
    webhook = await registrations.change(call.context, webhook_id, body.draft(), call.expected_version)
    set_etag(call.response, webhook.version)
    return Webhook.of(webhook)


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="remove_webhook",
    dependencies=requires(ADMINS),
    status_code=204,
    response_class=Response,
)
async def remove_webhook(webhook_id: str, call: ChangeCall, caller: WholeTenant, registrations: Registrations) -> None:
    """Remove the webhook with its queue and its delivery log."""
    await registrations.remove(call.context, webhook_id, call.expected_version)


@router.post(
    "/webhooks/{webhook_id}/rotate-secret", operation_id="rotate_webhook_secret", dependencies=requires(ADMINS)
)
async def rotate_webhook_secret(
    webhook_id: str, body: SecretBody, call: ChangeCall, caller: WholeTenant, registrations: Registrations
) -> WebhookWithSecret:
    """Sign with a new secret, and for a day also with the old one. The response shows the new secret."""
    webhook = await registrations.rotate(call.context, webhook_id, body.secret, call.expected_version)
    set_etag(call.response, webhook.version)
    return WebhookWithSecret.with_secret(webhook)


@router.post("/webhooks/{webhook_id}/test", operation_id="test_webhook", dependencies=requires(ADMINS))
async def test_webhook(webhook_id: str, caller: WholeTenant, registrations: Registrations) -> DeliveryAttempt:
    """Deliver one event of type `WebhookTest` now, and return the result. The delivery is neither retried nor
    logged."""
    return DeliveryAttempt.of(await registrations.test(caller.tenant_id, webhook_id))


@router.get("/webhooks/{webhook_id}/deliveries", operation_id="list_webhook_deliveries", dependencies=requires(ADMINS))
async def list_webhook_deliveries(
    webhook_id: str,
    caller: WholeTenant,
    registrations: Registrations,
    state: DeliveryState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[WebhookDelivery]:
    """List the delivery log, newest first; `state=dead_letter` lists the dead letters. Delivered events are kept for 7
    days, dead letters for 30."""
    webhook = await registrations.get(caller.tenant_id, webhook_id)
    found = await registrations.queue.page(webhook.key, state=state, before=_number(cursor), limit=limit + 1)
    more = str(found[limit - 1].number) if len(found) > limit else None
    return Page(items=[WebhookDelivery.of(each) for each in found[:limit]], next_cursor=more)


@router.post(
    "/webhooks/{webhook_id}/deliveries/{event_id}/redeliver",
    operation_id="redeliver_webhook_event",
    dependencies=requires(ADMINS),
)
async def redeliver_webhook_event(
    webhook_id: str, event_id: str, caller: WholeTenant, registrations: Registrations
) -> QueuedAgain:
    """Queue the delivery again, whether it was delivered, is a dead letter, or is waiting for its next try."""
    return QueuedAgain(deliveries=await registrations.deliver_again(caller.tenant_id, webhook_id, event_id))


@router.post(
    "/webhooks/{webhook_id}/redeliver-dead-letters",
    operation_id="redeliver_webhook_dead_letters",
    dependencies=requires(ADMINS),
)
async def redeliver_webhook_dead_letters(
    webhook_id: str, caller: WholeTenant, registrations: Registrations
) -> QueuedAgain:
    """Queue all dead letters of the webhook again."""
    return QueuedAgain(deliveries=await registrations.deliver_again(caller.tenant_id, webhook_id, None))


def _number(cursor: str | None) -> int | None:
    """Read a cursor. Raises `CursorInvalid`."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise CursorInvalid("Send the next_cursor of an earlier page in cursor, or leave it out.", pointer="/cursor")
    return int(cursor)
