"""Revoke an API key: no process accepts it from then on."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.audit.record_changes import RecordChanges, pending_event
from access_policy.application.commands.create_api_key import grant_of
from access_policy.application.context import Context
from access_policy.application.ports.api_keys import ApiKeys
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import DepotScope
from access_policy.application.streams import api_key_stream
from access_policy.domain.api_keys.events import ApiKeyRevoked
from access_policy.domain.errors import Unknown


class ApiKeyUnknown(Unknown):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    """`caller_depots` are the depots that the caller may use."""

    key_id: str
    caller_depots: DepotScope = None


@dataclass(frozen=True, slots=True)
class RevokeApiKeyHandler:
    keys: ApiKeys
    changes: RecordChanges
    clock: Clock

    async def __call__(self, context: Context, command: RevokeApiKey) -> None:
        """Revoke the key; a revoked key is unchanged. Raises `ApiKeyUnknown`, including for a key of another tenant or
        of other depots, or `StoreUnavailable`: the key may be revoked."""
        found = await self.keys.find(command.key_id)
        if found is None or found[0].tenant_id != context.tenant_id or not found[0].is_within(command.caller_depots):
            raise ApiKeyUnknown(f"There is no API key {command.key_id[:64]}.")
        now, stream = self.clock.now(), api_key_stream(context.tenant_id, command.key_id)
        revoked = ApiKeyRevoked(key_id=command.key_id, grant=grant_of(found[0]), revoked_at=now)
        event = pending_event(context, stream, revoked, now=now)
        await self.keys.revoke(command.key_id, by=context.actor, at=now, event=event)
        await self.changes.append(stream)
