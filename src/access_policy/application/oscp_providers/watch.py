"""Messages that this service sends to its providers by itself: heartbeats, measurements of their groups, and reports of
an exceeded limit.

It runs in the process that delivers the pushes, for the providers to which that process delivers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from access_policy.application.context import new_id
from access_policy.application.errors import TooBusy
from access_policy.application.oscp_providers.exchange import MISSED_MAX
from access_policy.application.oscp_providers.forecast_handler import ForecastHandler
from access_policy.application.oscp_providers.metering import Meter
from access_policy.application.oscp_providers.queueing import COMPLIANCE_ERROR, MEASUREMENTS, OscpQueueing
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.oscp import OscpMessage, OscpPeers
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, EnvelopeId, TenantId
from access_policy.domain.oscp_providers.forecast import GroupForecast, IssuedEnvelope
from access_policy.domain.oscp_providers.provider import ConnectionState, GroupBinding, OscpProvider, RequiredBehaviour
from access_policy.domain.site_energy.evaluation import Slack, slack_of
from access_policy.domain.site_energy.site import SiteEnergy

log = logging.getLogger(__name__)

CHECK_INTERVAL_S: Final = 1.0
SETTLED_EVERY: Final = 30  # iterations of a process that delivers to no provider
MEASURED_EVERY: Final = timedelta(minutes=1)
CONTINUOUS: Final = "CONTINUOUS"

Sites = Callable[[TenantId, DepotId], SiteEnergy]
Running = Callable[[TenantId, DepotId], Collection[ChargerId]]


@dataclass(slots=True)
class GroupState:
    """`measured_at` is when the latest reading was queued."""

    meter: Meter = field(default_factory=Meter)
    measured_at: datetime | None = None


@dataclass(slots=True)
class ProviderState:
    heartbeat_at: datetime | None = None
    beating: asyncio.Task[Any] | None = None
    groups: dict[str, GroupState] = field(default_factory=dict)


@dataclass(slots=True)
class OscpWatch:
    """`watched` returns the providers of this process; `running` returns the chargers of a depot at which charges run."""

    watched: Callable[[], Collection[OscpProvider]]
    handler: ForecastHandler
    queueing: OscpQueueing
    peers: OscpPeers
    sites: Sites
    running: Running
    clock: Clock
    states: dict[tuple[TenantId, str], ProviderState] = field(default_factory=dict)
    looks: int = 0

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self.check()
                except (StoreUnavailable, TooBusy, Refused) as trouble:
                    log.warning("OSCP providers could not be notified: %s", trouble)
                await asyncio.sleep(CHECK_INTERVAL_S)
        finally:
            beating = [each.beating for each in self.states.values() if each.beating is not None]
            for task in beating:
                task.cancel()
            await asyncio.gather(*beating, return_exceptions=True)

    async def check(self) -> None:
        """Send everything that is due once. Raises `StoreUnavailable`, `TooBusy` or `Refused`; the next call sends the
        rest."""
        providers = [each for each in self.watched() if each.state is ConnectionState.CONNECTED]
        self.states = {each.key: self.states.get(each.key) or ProviderState() for each in providers}
        for provider in providers:
            if provider.required is not None:
                self._beat(provider, self.states[provider.key], provider.required)
        if providers or self.looks % SETTLED_EVERY == 0:
            await self.handler.settle_all()
        self.looks += 1
        for provider in providers:
            await self._look_at(provider, self.states[provider.key])

    def _beat(self, provider: OscpProvider, state: ProviderState, required: RequiredBehaviour) -> None:
        """Send a heartbeat if it is due. A failed heartbeat is not repeated, because the next one says the same."""
        now, interval_s = self.clock.now(), required.heartbeat_interval_s
        if interval_s is None or provider.connection is None or (state.beating and not state.beating.done()):
            return
        if state.heartbeat_at is not None and now < state.heartbeat_at + timedelta(seconds=interval_s):
            return
        state.heartbeat_at = now
        until = now + timedelta(seconds=MISSED_MAX * interval_s)
        message = OscpMessage(path="heartbeat", body={"offline_mode_at": on_the_wire(until)}, message_id=new_id())
        state.beating = asyncio.create_task(self.peers.send(provider.connection, message, now=now))

    async def _look_at(self, provider: OscpProvider, state: ProviderState) -> None:
        site = self.sites(provider.tenant_id, provider.depot_id)
        if site.policy is None or not site.policy.enabled:
            return
        for binding in provider.settings.groups:
            if binding.node_id in site.tree.by_id:
                group = state.groups.setdefault(binding.group_id, GroupState())
                await self._measure(provider, binding, site, group)
                await self._check(provider, binding, site)

    async def _measure(
        self, provider: OscpProvider, binding: GroupBinding, site: SiteEnergy, group: GroupState
    ) -> None:
        assert site.policy is not None
        required = provider.required
        if required is None or not required.measurements:
            return
        group.meter.take(site.demands.get(binding.node_id), site.policy.measurement_max_age)
        now, reading = self.clock.now(), group.meter.reading()
        if reading is None or (group.measured_at is not None and now < group.measured_at + MEASURED_EVERY):
            return
        group.measured_at = now
        since, until, energy_wh = reading
        measurement = {
            "value": round(energy_wh, 3),
            "phase": "ALL",
            "unit": "WH",
            "direction": "IMPORT",
            "energy_type": "TOTAL",
            "measure_time": on_the_wire(until),
            "initial_measure_time": on_the_wire(since),
        }
        body = {"group_id": binding.group_id, "measurements": [measurement]}
        await self.queueing.add(provider, MEASUREMENTS, body, about=binding.group_id)
        if CONTINUOUS not in required.measurements:  # a continuous reading keeps its first start
            group.meter.begin()

    async def _check(self, provider: OscpProvider, binding: GroupBinding, site: SiteEnergy) -> None:
        """Report to the provider, once per envelope, that the demand exceeds its limit."""
        slack = self._slack(provider, binding, site)
        if slack is None or slack.effective_w >= 0 or slack.envelope is None:
            return
        forecast = await self.handler.forecasts.find((*provider.key, binding.group_id))
        issued = None if forecast is None else _issued(forecast, slack.envelope.envelope_id)
        if issued is None:
            return  # the limit is of another source
        limit_w = slack.effective_w + slack.committed_w
        body = {
            "message": f"The demand is {slack.committed_w} W; the forecast allows {limit_w} W.",
            "forecasted_blocks": [
                {
                    "capacity": limit_w,
                    "phase": "ALL",
                    "unit": "W",
                    "start_time": on_the_wire(issued.stretch.start),
                    "end_time": on_the_wire(issued.stretch.end),
                }
            ],
        }
        await self.queueing.add(
            provider,
            COMPLIANCE_ERROR,
            body,
            about=binding.group_id,
            correlation_id=issued.message_id,
            once=f"compliance-{issued.envelope_id}",
        )

    def _slack(self, provider: OscpProvider, binding: GroupBinding, site: SiteEnergy) -> Slack | None:
        assert site.policy is not None
        running = site.tree.running_below(self.running(provider.tenant_id, provider.depot_id))
        return slack_of(site.node_here(binding.node_id, running), site.policy, self.clock.now())


def on_the_wire(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _issued(forecast: GroupForecast, envelope_id: EnvelopeId) -> IssuedEnvelope | None:
    return next((each for each in forecast.envelopes if each.envelope_id == envelope_id), None)
