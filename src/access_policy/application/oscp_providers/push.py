"""One try of one message to a provider."""

from __future__ import annotations

from dataclasses import dataclass, field

from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.errors import TooBusy
from access_policy.application.oscp_providers.changing import ChangeProvider
from access_policy.application.oscp_providers.exchange import VERSION
from access_policy.application.oscp_providers.queueing import REGISTER, PushTarget, message_in
from access_policy.application.oscp_providers.tokens import new_token
from access_policy.application.partners.push_counts import PushCounts
from access_policy.application.partners.tokens import digest_of
from access_policy.application.ports.oscp import OscpMessage, OscpPeers
from access_policy.application.ports.webhooks import Attempt, Delivery, WebhookKey
from access_policy.domain.oscp_providers.provider import ConnectionState, OscpProvider, ProviderConnection


@dataclass(frozen=True, slots=True)
class OscpPush:
    """Sends messages. A call raises `StoreUnavailable`: the message is retried."""

    change: ChangeProvider
    peers: OscpPeers
    counts: PushCounts = field(default_factory=PushCounts)

    async def connected(self) -> dict[WebhookKey, PushTarget]:
        """Return the providers that receive messages."""
        found = [PushTarget(each) for each in await self.change.partners.all() if each.receives_pushes]
        return {each.key: each for each in found}

    async def __call__(self, target: PushTarget, delivery: Delivery) -> Attempt:
        attempt = await self._tried(target, delivery)
        self.counts.count(attempt)
        return attempt

    async def _tried(self, target: PushTarget, delivery: Delivery) -> Attempt:
        now = self.change.clock.now()
        provider = await self.change.partners.find(target.provider.key)
        if provider is None or provider.connection is None:
            return Attempt(at=now, status=None, detail="the provider is not registered", took_ms=0)
        if delivery.message.event_type == REGISTER:
            return await self._register(provider, provider.connection)
        return await self.peers.send(provider.connection, message_in(delivery.message), now=now)

    async def _register(self, provider: OscpProvider, connection: ProviderConnection) -> Attempt:
        """Register in return, with a new token in each try: the token of a failed try may have been lost on the way."""
        now, issued = self.change.clock.now(), new_token()
        context = Context(tenant_id=provider.tenant_id, actor=SYSTEM, correlation_id=new_id())
        waiting = provider.registering(connection, digest_of(issued), now=now)
        try:
            await self.change.put(context, waiting, None, expected=provider.version)
            tried = await self.peers.send(connection, registration_of(connection, issued), now=now)
            current = await self.change.partners.find(provider.key)
            if tried.is_delivered and current is not None and current.state is ConnectionState.REGISTERING:
                after = current.connected(now=self.change.clock.now())
                await self.change.connect(context, after, expected=current.version)
        except TooBusy as trouble:
            return Attempt(at=now, status=None, detail=str(trouble), took_ms=0)
        return tried


def registration_of(connection: ProviderConnection, issued: str) -> OscpMessage:
    """Return the registration; `issued` is the token that the provider must use here from now on."""
    body = {"token": issued, "version_url": [{"version": VERSION, "base_url": connection.own_url}]}
    return OscpMessage(path=REGISTER, body=body, message_id=new_id())
