"""An event as the body of a delivery: EventBridge's envelope, with the `type` and `timestamp` of Standard Webhooks
added.

A consumer reads the same `detail` as from an EventBridge rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from access_policy.application.ports.webhooks import Message
from access_policy.application.published_events.detail import SOURCE, as_json
from access_policy.domain.webhooks.webhook import Webhook

TEST_EVENT: Final = "WebhookTest"


def message_of(webhook: Webhook, event: Mapping[str, Any]) -> Message:
    """Return the message of an `event` in the form that the bus delivers. The envelope's id is the event's own, so that
    repetitions have the same id."""
    detail = event["detail"]
    aggregate = detail["aggregate"]
    return _message(
        webhook,
        event,
        event_id=detail["event_id"],
        aggregate=f"{aggregate['type']}/{aggregate['id']}",
        at=detail["occurred_at"],
    )


def message_for_test(webhook: Webhook, event_id: str, now: datetime) -> Message:
    """Return a test delivery, which contains no event of the tenant."""
    at = json.loads(as_json(now))
    event = {
        "version": "0",
        "detail-type": TEST_EVENT,
        "source": SOURCE,
        "time": f"{at[:19]}Z",
        "resources": [],
        "detail": {
            "event_id": event_id,
            "event_version": 1,
            "tenant_id": webhook.tenant_id,
            "occurred_at": at,
            "data": {"webhook_id": webhook.webhook_id},
        },
    }
    return _message(webhook, event, event_id=event_id, aggregate="", at=at)


def _message(webhook: Webhook, event: Mapping[str, Any], *, event_id: str, aggregate: str, at: str) -> Message:
    kind = event["detail-type"]
    body = {**event, "id": event_id, "type": kind, "timestamp": at}
    return Message(
        key=webhook.key,
        event_id=event_id,
        event_type=kind,
        aggregate=aggregate,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
    )
