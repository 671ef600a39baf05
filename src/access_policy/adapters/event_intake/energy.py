"""Messages about the energy of a depot's site: envelopes, demand, and sources that go silent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from access_policy.adapters.event_intake.fields import DetailOf, Id, Instant, Shape, Token
from access_policy.application.ports import incoming_events as events
from access_policy.domain.ids import DepotId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.envelopes import SEQUENCE_MAX, FallbackLimit, OperatingEnvelope
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.site import ITEMS_MAX
from access_policy.domain.site_energy.watts import WATTS_MAX

Watts = Annotated[int, Field(strict=True, ge=0, le=WATTS_MAX)]


class EnvelopeFallback(Shape):
    """The limit that applies while the source is silent, until `valid_until` (exclusive)."""

    import_limit_w: Watts
    valid_until: Instant


class ChangedEnvelope(Shape):
    """The node may import at most `import_limit_w` watts in `[valid_from, valid_until)`. At a node, the highest sequence of a
    source wins.
    """

    envelope_id: Id
    depot_id: Id
    node_id: Id
    source: Id
    sequence: Annotated[int, Field(strict=True, ge=0, le=SEQUENCE_MAX)]
    valid_from: Instant
    valid_until: Instant
    import_limit_w: Watts
    fallback: EnvelopeFallback | None = None

    @property
    def subject_id(self) -> str:
        return self.envelope_id

    def message(self) -> events.Message:
        fallback = self.fallback
        return events.EnvelopeChanged(
            depot_id=DepotId(self.depot_id),
            envelope=OperatingEnvelope(
                envelope_id=EnvelopeId(self.envelope_id),
                node_id=EnergyNodeId(self.node_id),
                source=self.source,
                sequence=self.sequence,
                valid_from=self.valid_from,
                valid_until=self.valid_until,
                import_limit_w=self.import_limit_w,
                fallback=None
                if fallback is None
                else FallbackLimit(import_limit_w=fallback.import_limit_w, valid_until=fallback.valid_until),
            ),
        )


class WithdrawnEnvelope(Shape):
    envelope_id: Id
    depot_id: Id

    @property
    def subject_id(self) -> str:
        return self.envelope_id

    def message(self) -> events.Message:
        return events.EnvelopeWithdrawn(depot_id=DepotId(self.depot_id), envelope_id=EnvelopeId(self.envelope_id))


class MeasuredNode(Shape):
    """The node imported `demand_w` watts at `observed_at`."""

    node_id: Id
    observed_at: Instant
    demand_w: Watts


class MeasuredDemand(Shape):
    """Measurements of one depot. For each node the latest `observed_at` counts, whatever the order in which messages arrive."""

    depot_id: Id
    items: Annotated[list[MeasuredNode], Field(min_length=1, max_length=ITEMS_MAX)]

    @property
    def subject_id(self) -> str:
        return self.depot_id

    def message(self) -> events.Message:
        return events.DemandReceived(
            depot_id=DepotId(self.depot_id),
            items=tuple(
                Demand(node_id=EnergyNodeId(each.node_id), observed_at=each.observed_at, demand_w=each.demand_w)
                for each in self.items
            ),
        )


class OfflineSource(Shape):
    """The source is silent from `offline_at` on, which may be in the future. A new envelope from the source ends its
    silence.
    """

    source: Id
    depot_id: Id
    offline_at: Instant

    @property
    def subject_id(self) -> str:
        return self.source

    def message(self) -> events.Message:
        return events.EnergySourceSilent(
            depot_id=DepotId(self.depot_id), source=self.source, offline_at=self.offline_at
        )


class ChangedEnvelopeDetail(DetailOf):
    data: ChangedEnvelope


class WithdrawnEnvelopeDetail(DetailOf):
    data: WithdrawnEnvelope


class MeasuredDemandDetail(DetailOf):
    data: MeasuredDemand


class OfflineSourceDetail(DetailOf):
    data: OfflineSource


class OperatingEnvelopeChanged(Shape):
    """An operating envelope is new, or has this content from now on."""

    detail_type: Annotated[Literal["OperatingEnvelopeChanged"], Field(alias="detail-type")]
    source: Token
    detail: ChangedEnvelopeDetail


class OperatingEnvelopeWithdrawn(Shape):
    """An operating envelope is withdrawn; it is never revived."""

    detail_type: Annotated[Literal["OperatingEnvelopeWithdrawn"], Field(alias="detail-type")]
    source: Token
    detail: WithdrawnEnvelopeDetail


class DemandMeasured(Shape):
    """The demand of energy nodes was measured. Order measurements by `observed_at`, not by `aggregate.version`."""

    detail_type: Annotated[Literal["DemandMeasured"], Field(alias="detail-type")]
    source: Token
    detail: MeasuredDemandDetail


class EnergySourceOffline(Shape):
    """A source of operating envelopes is silent, or will be."""

    detail_type: Annotated[Literal["EnergySourceOffline"], Field(alias="detail-type")]
    source: Token
    detail: OfflineSourceDetail


ENERGY_EVENTS = (OperatingEnvelopeChanged, OperatingEnvelopeWithdrawn, DemandMeasured, EnergySourceOffline)
