"""Shared by all commands on a charger's policy: load, compare the version, decide, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId

Decide = Callable[[ChargerAccessPolicy], tuple[PolicyEvent, ...]]


class OnCharger(Protocol):
    @property
    def charger_id(self) -> ChargerId: ...

    @property
    def expected_version(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    policies: ChargerAccessPolicies
    clock: Clock

    async def __call__(
        self, context: Context, command: OnCharger, decide: Decide, created_id: str | None = None
    ) -> Done:
        """Record the decision of the charger's policy. Raises `ChargerUnknown`, `VersionMismatch`, `VersionConflict`,
        `StoreUnavailable`, or a refusal of `decide`. If an earlier run of the same command created `created_id`, the
        call decides and records nothing."""
        policy = await self.policies.get(context.tenant_id, command.charger_id)
        if context.command_seed is not None and created_id is not None and policy.has_entry(created_id):
            position = await self.policies.store.last_position()
            return Done(version=policy.changed_at, position=position, created_id=created_id)
        check_version(command.expected_version, policy.changed_at)
        events = decide(policy)
        done = await self.policies.record(
            context, command.charger_id, events, expected_version=policy.version, now=self.clock.now()
        )
        version = done.version if events else policy.changed_at
        return Done(version=version, position=done.position, created_id=created_id)
