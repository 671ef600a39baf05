"""Withdraw an operating envelope before its end."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId, EnvelopeId
from access_policy.domain.site_energy.errors import EnvelopeUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawEnvelope:
    """`depot_id` None: the depot that has the envelope, as far as this process has read the log."""

    envelope_id: EnvelopeId
    depot_id: DepotId | None = None


@dataclass(frozen=True, slots=True)
class WithdrawEnvelopeHandler:
    change: ChangeSite

    async def __call__(self, context: Context, command: WithdrawEnvelope) -> Done:
        """Withdraw the envelope. Raises `EnvelopeUnknown`, `VersionConflict` or `StoreUnavailable`."""
        depot_id = command.depot_id or self.change.of_envelopes.depot_of_envelope(
            context.tenant_id, command.envelope_id
        )
        if depot_id is None:
            raise EnvelopeUnknown.named(command.envelope_id)
        now = self.change.clock.now()
        return await self.change(context, depot_id, lambda site: site.withdraw(command.envelope_id, now=now))
