"""Run the commands for incoming messages about the energy of sites. The site itself records a message without effect."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from access_policy.application.commands import Done
from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.commands.record_measurements import Measurement, RecordMeasurements
from access_policy.application.commands.report_energy_source import ReportEnergySource
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope
from access_policy.application.context import Context
from access_policy.application.ports.incoming_events import (
    DemandReceived,
    EnergySourceSilent,
    EnvelopeChanged,
    EnvelopeWithdrawn,
)
from access_policy.domain.ids import DepotId
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.errors import EnvelopeUnknown
from access_policy.domain.site_energy.measurements import Demand

log = logging.getLogger(__name__)

Handler = Callable[[Context, Any], Awaitable[Done]]
EnergyMessage = EnvelopeChanged | EnvelopeWithdrawn | DemandReceived | EnergySourceSilent

NOTHING_TO_WITHDRAW: Final = "There was no such envelope to withdraw."


@dataclass(frozen=True, slots=True)
class EnergyMessages:
    receive_envelope: Handler
    withdraw_envelope: Handler
    record_measurements: Handler
    report_energy_source: Handler

    async def __call__(self, context: Context, message: EnergyMessage) -> str:
        """Run the command and return a remark for the record, or an empty string. Raises the refusals of the commands,
        or `StoreUnavailable`."""
        match message:
            case EnvelopeChanged(depot_id=depot_id, envelope=envelope):
                await self.receive_envelope(context, _received(depot_id, envelope))
            case EnvelopeWithdrawn(depot_id=depot_id, envelope_id=envelope_id):
                withdraw = WithdrawEnvelope(envelope_id=envelope_id, depot_id=depot_id)
                try:
                    await self.withdraw_envelope(context, withdraw)
                except EnvelopeUnknown:
                    log.info("envelope %s was withdrawn before it was received", envelope_id)
                    return NOTHING_TO_WITHDRAW
            case DemandReceived(depot_id=depot_id, items=items):
                await self.record_measurements(context, _measurements(depot_id, items))
            case EnergySourceSilent(depot_id=depot_id, source=source, offline_at=offline_at):
                report = ReportEnergySource(depot_id=depot_id, source=source, offline_at=offline_at)
                await self.report_energy_source(context, report)
        return ""


def _received(depot_id: DepotId, envelope: OperatingEnvelope) -> ReceiveEnvelope:
    return ReceiveEnvelope(
        envelope_id=envelope.envelope_id,
        depot_id=depot_id,
        node_id=envelope.node_id,
        source=envelope.source,
        sequence=envelope.sequence,
        valid_from=envelope.valid_from,
        valid_until=envelope.valid_until,
        import_limit_w=envelope.import_limit_w,
        fallback=envelope.fallback,
        refuse_without_effect=False,
    )


def _measurements(depot_id: DepotId, items: Sequence[Demand]) -> RecordMeasurements:
    return RecordMeasurements(
        items=tuple(
            Measurement(depot_id=depot_id, node_id=each.node_id, observed_at=each.observed_at, demand_w=each.demand_w)
            for each in items
        )
    )
