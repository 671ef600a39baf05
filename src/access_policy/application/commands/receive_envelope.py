"""Record an operating envelope for a node of a depot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.envelopes import FallbackLimit, OperatingEnvelope
from access_policy.domain.site_energy.errors import EnvelopeIdTaken
from access_policy.domain.site_energy.site import SiteEnergy


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveEnvelope:
    """`refuse_without_effect`: refuse an envelope that has no effect (no policy, unknown node, late sequence).
    Otherwise record it as ignored, because a sender on the bus receives no answer."""

    envelope_id: EnvelopeId
    depot_id: DepotId
    node_id: EnergyNodeId
    source: str
    sequence: int
    valid_from: datetime
    valid_until: datetime
    import_limit_w: int
    fallback: FallbackLimit | None = None
    refuse_without_effect: bool = True

    def envelope(self) -> OperatingEnvelope:
        return OperatingEnvelope(
            envelope_id=self.envelope_id,
            node_id=self.node_id,
            source=self.source,
            sequence=self.sequence,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            import_limit_w=self.import_limit_w,
            fallback=self.fallback,
        )


@dataclass(frozen=True, slots=True)
class ReceiveEnvelopeHandler:
    change: ChangeSite

    async def __call__(self, context: Context, command: ReceiveEnvelope) -> Done:
        """Record the envelope. Raises `DepotUnknown`, the refusals of `SiteEnergy.receive` or of
        `OperatingEnvelope.check`, `VersionConflict` or `StoreUnavailable`."""
        envelope = command.envelope()
        envelope.check()
        elsewhere = self.change.of_envelopes.depot_of_envelope(context.tenant_id, command.envelope_id)
        if elsewhere not in (None, command.depot_id):
            raise EnvelopeIdTaken(
                f"Envelope {command.envelope_id} exists at another depot; choose another id.", pointer="/envelope_id"
            )
        now = self.change.clock.now()
        receive = SiteEnergy.receive if command.refuse_without_effect else SiteEnergy.receive_or_ignore
        return await self.change(
            context,
            command.depot_id,
            lambda site: receive(site, envelope, now=now),
            current_version=lambda site: _version_of(site, command.envelope_id),
        )


def _version_of(site: SiteEnergy, envelope_id: EnvelopeId) -> int:
    known = site.envelopes.by_id.get(envelope_id)
    return 0 if known is None else known.changed_at
