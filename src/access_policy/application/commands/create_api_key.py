"""Create an API key for a machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.api_key_secrets import digest_of, new_api_key
from access_policy.application.audit.record_changes import RecordChanges, pending_event
from access_policy.application.context import Context
from access_policy.application.ports.api_keys import ApiKey, ApiKeys
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import DepotScope, Role
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.application.repositories.depots import Depots
from access_policy.application.streams import api_key_stream
from access_policy.domain.api_keys.events import ApiKeyCreated, ApiKeyGrant
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import checked_name

LASTS_BY_DEFAULT: Final = timedelta(days=90)
LASTS_MAX: Final = timedelta(days=366)


class ApiKeyInvalid(Invalid):
    code = "api-key-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    """`depots` are those that the key opens; None: all of the tenant. `caller_depots` are those that its creator may
    use. `expires_at` None: in 90 days."""

    name: str
    role: Role
    depots: DepotScope = None
    caller_depots: DepotScope = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatedApiKey:
    """`text` is the key itself, which is not stored and cannot be shown again."""

    key: ApiKey
    text: str

    @property
    def created_id(self) -> str:
        return self.key.key_id


@dataclass(frozen=True, slots=True)
class CreateApiKeyHandler:
    keys: ApiKeys
    changes: RecordChanges
    depots: Depots
    clock: Clock

    async def __call__(self, context: Context, command: CreateApiKey) -> CreatedApiKey:
        """Create the key. A repeated command keeps the key of its first run and gives it a new text. Raises
        `ApiKeyInvalid`, `InvalidName`, `StoreUnavailable`."""
        key_id = context.created_id("api-key")
        stream = api_key_stream(context.tenant_id, key_id)
        known = await self.keys.find(key_id)
        created: PendingEvent | None = None
        if known is not None and known[0].tenant_id == context.tenant_id:
            key = known[0]
        else:
            key = await self._new(context, key_id, command)
            event = ApiKeyCreated(key_id=key_id, grant=grant_of(key), created_at=key.created_at)
            created = pending_event(context, stream, event, now=key.created_at)
        text = new_api_key(key_id)
        await self.keys.put(key, digest_of(text), event=created)
        await self.changes.append(stream)
        return CreatedApiKey(key, text)

    async def _new(self, context: Context, key_id: str, command: CreateApiKey) -> ApiKey:
        now = self.clock.now()
        key = ApiKey(
            key_id=key_id,
            tenant_id=context.tenant_id,
            name=checked_name(command.name),
            role=command.role,
            depots=command.depots,
            created_at=now,
            created_by=context.actor,
            expires_at=command.expires_at or now + LASTS_BY_DEFAULT,
        )
        _must_be_possible(key, command.caller_depots)
        for depot_id in sorted(command.depots or ()):
            if await self.depots.find(context.tenant_id, depot_id) is None:
                raise ApiKeyInvalid(f"There is no depot {depot_id}; name depots of this tenant.", pointer="/depot_ids")
        return key


def grant_of(key: ApiKey) -> ApiKeyGrant:
    return ApiKeyGrant(
        name=key.name,
        role=key.role.value,
        depots=None if key.depots is None else tuple(sorted(key.depots)),
        expires_at=key.expires_at,
    )


def _must_be_possible(key: ApiKey, caller_depots: DepotScope) -> None:
    if key.role is Role.INSTALLATION:
        raise ApiKeyInvalid(
            "An API key belongs to a tenant, and the role installation belongs to none; choose another role.",
            pointer="/role",
        )
    if key.depots is not None and not key.depots:
        raise ApiKeyInvalid("depot_ids is empty; name depots, or omit it for all.", pointer="/depot_ids")
    if not key.created_at < key.expires_at <= key.created_at + LASTS_MAX:
        raise ApiKeyInvalid(
            f"expires_at must be later than now and within {LASTS_MAX.days} days; choose another instant.",
            pointer="/expires_at",
        )
    if not key.is_within(caller_depots):
        raise ApiKeyInvalid("The key would open depots that you may not use; name your own.", pointer="/depot_ids")
