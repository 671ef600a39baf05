"""Forecasts of groups, turned into operating envelopes of nodes.

The forecast is stored before the site is changed, and marked as settled afterwards. Steps that were interrupted are
completed by the next message of the group, or by `settle_all`. Each step can be repeated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from access_policy.application.commands.receive_envelope import ReceiveEnvelope, ReceiveEnvelopeHandler
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelope, WithdrawEnvelopeHandler
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.errors import TooBusy
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.oscp import OscpForecasts
from access_policy.domain.ids import DepotId, EnvelopeId
from access_policy.domain.oscp_providers.blocks import CapacityBlock, ForecastType, series_of
from access_policy.domain.oscp_providers.errors import GroupUnknown
from access_policy.domain.oscp_providers.forecast import LIMITING, GroupForecast, IssuedEnvelope
from access_policy.domain.oscp_providers.provider import GroupBinding, OscpProvider
from access_policy.domain.site_energy.envelopes import FallbackLimit
from access_policy.domain.site_energy.errors import EnvelopeUnknown

TRIES: Final = 5

Change = Callable[[GroupForecast], GroupForecast]


def new_envelope_id() -> EnvelopeId:
    return EnvelopeId(new_id())


@dataclass(frozen=True, slots=True)
class ForecastHandler:
    """All methods raise `StoreUnavailable`."""

    forecasts: OscpForecasts
    receive: ReceiveEnvelopeHandler
    withdraw: WithdrawEnvelopeHandler
    clock: Clock

    async def forecast(
        self,
        context: Context,
        provider: OscpProvider,
        message_id: str,
        group_id: str,
        kind: ForecastType,
        blocks: Sequence[CapacityBlock],
    ) -> None:
        """Store the forecast and send its envelopes. A repeated message changes nothing. Raises `GroupUnknown`,
        `ForecastInvalid` or `TooBusy`."""
        binding = bound_group(provider, group_id)
        now = self.clock.now()
        series = series_of(blocks, binding) if kind in LIMITING else ()

        def changed(before: GroupForecast) -> GroupForecast:
            if message_id in before.messages:
                return before
            if kind not in LIMITING:
                return before.ignored(message_id, kind, now=now)
            return before.received(message_id, kind, series, now=now, new_id=new_envelope_id)

        await self._change(context, provider, binding.group_id, binding, changed)

    async def rebind(self, context: Context, provider: OscpProvider) -> None:
        """Bring the envelopes in line with the provider's settings. Raises `TooBusy`."""
        for known in await self.forecasts.of_provider(provider.key):
            binding = provider.settings.group(known.group_id)
            await self._change(context, provider, known.group_id, binding, lambda before: before)

    async def forget(self, context: Context, provider: OscpProvider) -> None:
        """Withdraw every envelope of the provider. Raises `TooBusy`."""
        for known in await self.forecasts.of_provider(provider.key):
            await self._change(context, provider, known.group_id, None, lambda before: before)

    async def settle_all(self) -> None:
        """Complete interrupted steps. Raises `TooBusy`."""
        for each in await self.forecasts.unsettled():
            context = Context(tenant_id=each.tenant_id, actor=SYSTEM, correlation_id=new_id())
            await self._settle(context, each)

    async def _change(
        self, context: Context, provider: OscpProvider, group_id: str, binding: GroupBinding | None, change: Change
    ) -> None:
        key = (*provider.key, group_id)
        for _ in range(TRIES):
            found = await self.forecasts.find(key)
            before = found or GroupForecast(
                tenant_id=key[0],
                provider=key[1],
                group_id=group_id,
                node_id=None if binding is None else binding.node_id,
            )
            after = change(self._bound(before, binding))
            if after is before or await self.forecasts.put(after, expected=0 if found is None else found.version):
                await self._settle(context, after)
                if binding is None:
                    await self.forecasts.remove(after)
                return
        raise TooBusy("other forecasts of this group keep arriving; send it again")

    def _bound(self, before: GroupForecast, binding: GroupBinding | None) -> GroupForecast:
        node_id = None if binding is None else binding.node_id
        if before.node_id == node_id:
            return before
        return before.bound(node_id, now=self.clock.now(), new_id=new_envelope_id)

    async def _settle(self, context: Context, forecast: GroupForecast) -> None:
        """Send the new envelopes first and then withdraw the old ones, so that a limit always applies."""
        if forecast.is_settled:
            return
        after, depot_id = forecast, DepotId(forecast.provider.partition("/")[0])
        for envelope in forecast.envelopes:
            if not envelope.is_sent:
                await self.receive(context, _received(forecast, envelope))
                after = after.sent(envelope.envelope_id)
        for envelope_id in forecast.to_withdraw:
            with contextlib.suppress(EnvelopeUnknown):  # it had no effect, has ended, or was removed with its node
                await self.withdraw(context, WithdrawEnvelope(envelope_id=envelope_id, depot_id=depot_id))
            after = after.withdrawn(envelope_id)
        await self.forecasts.put(after.settled(), expected=forecast.version)


def bound_group(provider: OscpProvider, group_id: str) -> GroupBinding:
    """Return the group's binding. Raises `GroupUnknown`."""
    binding = provider.settings.group(group_id)
    if binding is None:
        raise GroupUnknown("This group is bound to no node; ask the operator to bind it.", pointer="/group_id")
    return binding


def _received(forecast: GroupForecast, envelope: IssuedEnvelope) -> ReceiveEnvelope:
    depot_id, _, provider_id = forecast.provider.partition("/")
    node_id, start, end, watts, fallback_w = envelope.stretch
    fallback = None if fallback_w is None else FallbackLimit(import_limit_w=fallback_w, valid_until=end)
    return ReceiveEnvelope(
        envelope_id=envelope.envelope_id,
        depot_id=DepotId(depot_id),
        node_id=node_id,
        source=f"oscp:{provider_id}",
        sequence=envelope.sequence,
        valid_from=start,
        valid_until=end,
        import_limit_w=watts,
        fallback=fallback,
        refuse_without_effect=False,
    )
