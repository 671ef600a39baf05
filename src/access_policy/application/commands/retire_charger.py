"""Take a charger out of service permanently; its charge point id becomes free."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import ChargerCredentials
from access_policy.application.repositories.charge_point_claims import ChargePointClaims
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.ids import ChargerId


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireCharger:
    charger_id: ChargerId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RetireChargerHandler:
    policies: ChargerAccessPolicies
    claims: ChargePointClaims
    credentials: ChargerCredentials
    clock: Clock

    async def __call__(self, context: Context, command: RetireCharger) -> Done:
        policy = await self.policies.get(context.tenant_id, command.charger_id)
        check_version(command.expected_version, policy.changed_at)
        now = self.clock.now()
        events = policy.retire(now=now)
        if not events:
            return Done(version=policy.changed_at, position=0)
        claim = await self.claims.get(policy.settings.charge_point_id)
        released = self.claims.append(context, claim, claim.release(), now=now)
        done = await self.policies.record(
            context, command.charger_id, events, expected_version=policy.version, now=now, also=released
        )
        await self.credentials.clear(policy.settings.charge_point_id, (context.tenant_id, command.charger_id))
        return Done(version=done.version, position=done.position)
