"""All chargers' policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.directories import PoliciesInMemory
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import policy_stream
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, fold
from access_policy.domain.ids import ChargerId, TenantId


@dataclass(frozen=True, slots=True)
class ChargerAccessPolicies:
    """`in_memory` avoids folding a charger's whole stream, which contains every switch of its mode."""

    store: EventStore
    in_memory: PoliciesInMemory | None = None

    async def get(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy:
        """Return the policy. Raises `ChargerUnknown`."""
        policy = await self.find(tenant_id, charger_id)
        if policy is None:
            raise ChargerUnknown.named(charger_id)
        return policy

    async def find(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy | None:
        known = None if self.in_memory is None else self.in_memory.known_policy(tenant_id, charger_id)
        since = 0 if known is None else known.version
        later = await self.store.load(policy_stream(tenant_id, charger_id), after_version=since)
        return fold((recorded.event for recorded in later), known)

    async def has(self, tenant_id: TenantId, charger_id: ChargerId) -> bool:
        """Return True if the charger was ever registered. The store is not read for a charger in memory."""
        if self.in_memory is not None and self.in_memory.known_policy(tenant_id, charger_id) is not None:
            return True
        return await self.find(tenant_id, charger_id) is not None

    async def as_of(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> ChargerAccessPolicy | None:
        """Return the policy as recorded at `at`; None before the charger was registered.

        It includes the last event with `recorded_at` <= `at` and every event before it in the stream: the clocks of
        several processes differ, so `recorded_at` may decrease along a stream, and an event depends on all earlier
        ones. Reservations are those of the current book that had been made by then (ADR 0048).
        """
        history = await self.store.load(policy_stream(tenant_id, charger_id))
        version = max((each.version for each in history if each.envelope.recorded_at <= at), default=0)
        policy = fold(recorded.event for recorded in history if recorded.version <= version)
        known = None if self.in_memory is None else self.in_memory.known_policy(tenant_id, charger_id)
        if policy is None or known is None:
            return policy
        return replace(policy, reserved=tuple(each for each in known.reserved if each.made_at <= at))

    async def at_version(self, tenant_id: TenantId, charger_id: ChargerId, version: int) -> ChargerAccessPolicy | None:
        history = await self.store.load(policy_stream(tenant_id, charger_id))
        return fold(recorded.event for recorded in history if recorded.version <= version)

    async def record(
        self,
        context: Context,
        charger_id: ChargerId,
        events: tuple[PolicyEvent, ...],
        *,
        expected_version: int,
        now: datetime,
        also: Sequence[Append] = (),
    ) -> Committed:
        """Append the events atomically, together with `also`. Raises `VersionConflict` or `StoreUnavailable`."""
        appends = list(also)
        if events:
            stream = policy_stream(context.tenant_id, charger_id)
            appends.append(Append(stream, expected_version, enveloped(context, events, now=now)))
        position = await self.store.append(appends) if appends else 0
        return Committed(expected_version + len(events), position)
