"""The queue of messages to providers: its order, its retries for a day and its dead letters are those of webhooks (ADR
0032)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from access_policy.application.context import new_id
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.oscp import OscpMessage
from access_policy.application.ports.partners import PartnerKey
from access_policy.application.ports.webhooks import Message, WebhookKey, WebhookQueue
from access_policy.domain.oscp_providers.provider import OscpProvider

REGISTER: Final = "register"
HANDSHAKE_ACKNOWLEDGE: Final = "handshake_acknowledge"
COMPLIANCE_ERROR: Final = "group_capacity_compliance_error"
MEASUREMENTS: Final = "update_group_measurements"


def queue_key(provider: PartnerKey) -> WebhookKey:
    """Return the key of the provider's queue. Its slash sets it apart: no webhook id contains one."""
    return provider[0], f"oscp/{provider[1]}"


@dataclass(frozen=True, slots=True)
class PushTarget:
    """A provider as the receiver of its queue."""

    provider: OscpProvider

    @property
    def webhook_id(self) -> str:
        return f"of OSCP provider {self.provider.provider_id}"

    @property
    def key(self) -> WebhookKey:
        return queue_key(self.provider.key)

    @property
    def version(self) -> int:
        return self.provider.version


@dataclass(frozen=True, slots=True)
class OscpQueueing:
    """Queues messages to providers. A `register` message contains no token: the token is created when the message is
    sent, and is not stored."""

    queue: WebhookQueue
    clock: Clock
    callbacks: list[Callable[[WebhookKey], None]] = field(default_factory=list)

    def on_enqueued(self, callback: Callable[[WebhookKey], None]) -> None:
        self.callbacks.append(callback)

    async def add(
        self,
        provider: OscpProvider,
        path: str,
        body: Mapping[str, Any],
        *,
        about: str = "",
        correlation_id: str = "",
        once: str = "",
    ) -> None:
        """Queue a message. Messages of one path and subject (`about`) are sent in order; messages with the same `once`
        are queued once. Raises `StoreUnavailable`."""
        key = queue_key(provider.key)
        content = {"path": path, "body": body, "correlation_id": correlation_id}
        message = Message(
            key=key,
            event_id=once or new_id(),
            event_type=path,
            aggregate=f"{path}/{about}",
            body=json.dumps(content).encode(),
        )
        await self.queue.enqueue(message, now=self.clock.now())
        for callback in self.callbacks:
            callback(key)


def message_in(row: Message) -> OscpMessage:
    content = json.loads(row.body)
    return OscpMessage(
        path=content["path"],
        body=content["body"],
        message_id=row.event_id,
        correlation_id=content["correlation_id"],
    )
