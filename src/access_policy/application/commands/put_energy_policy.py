"""Set how a depot's gates follow from the energy of its site, which opts the depot in."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEnergyPolicy:
    depot_id: DepotId
    policy: EnergyPolicy
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutEnergyPolicyHandler:
    change: ChangeSite

    async def __call__(self, context: Context, command: PutEnergyPolicy) -> Done:
        """Set the policy. Raises `DepotUnknown`, `EnergyPolicyInvalid`, `VersionMismatch`, `VersionConflict` or
        `StoreUnavailable`."""
        return await self.change(
            context,
            command.depot_id,
            lambda site: site.put_policy(command.policy),
            expected_version=command.expected_version,
            current_version=lambda site: site.policy_changed_at,
        )
