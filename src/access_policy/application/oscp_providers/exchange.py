"""A provider's messages about itself: it registers, shakes hands, and sends heartbeats."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.commands.report_energy_source import ReportEnergySource, ReportEnergySourceHandler
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.oscp_providers.changing import ChangeProvider
from access_policy.application.oscp_providers.queueing import HANDSHAKE_ACKNOWLEDGE, REGISTER, OscpQueueing
from access_policy.application.partners.tokens import digest_of
from access_policy.application.ports.oscp import OscpForecasts, OscpPeers
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.oscp_providers.errors import HandshakeMissing, OscpProviderInvalid, OscpVersionUnsupported
from access_policy.domain.oscp_providers.events import connection_changed
from access_policy.domain.oscp_providers.provider import (
    ConnectionState,
    OscpProvider,
    ProviderConnection,
    RequiredBehaviour,
)
from access_policy.domain.site_energy.errors import EnergyNotOptedIn

VERSION: Final = "2.0"
MISSED_MAX: Final = 3  # heartbeats, after which a side counts as offline
TRIES: Final = 5
AHEAD_MAX: Final = timedelta(days=1)  # the longest time for which a heartbeat counts


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The provider of a request, and the token by which it was found."""

    provider: OscpProvider
    token: IssuedToken


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRegistration:
    """`token` is this service's token at the provider from now on. `versions` are pairs of a version and its base URL."""

    token: str
    versions: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class OscpExchange:
    """All methods raise `StoreUnavailable`."""

    change: ChangeProvider
    forecasts: OscpForecasts
    queueing: OscpQueueing
    peers: OscpPeers
    report: ReportEnergySourceHandler

    async def authenticate(self, presented: str) -> Authenticated | None:
        """Return the provider that holds the token; None for any other string, and for a provider that is switched off."""
        found = await self.change.holder((digest_of(presented),))
        return Authenticated(*found) if found is not None and found[0].settings.enabled else None

    async def register(self, context: Context, by: Authenticated, sent: ProviderRegistration, own_url: str) -> None:
        """Register the provider. A provider that used its registration token gets a token of its own by a registration
        in return, which is queued. The registration token ends with the first use of the new one. Raises
        `OscpVersionUnsupported`, `OscpProviderInvalid` or `TooBusy`."""
        base_url = next((url.rstrip("/") for version, url in sent.versions if version == VERSION), None)
        if base_url is None:
            offered = ", ".join(version for version, _ in sent.versions)[:100]
            raise OscpVersionUnsupported(f"You offer {offered or 'no version'}; this service speaks {VERSION}.")
        if (refusal := self.peers.refusal_of(base_url)) is not None:
            raise OscpProviderInvalid(f"{refusal}.", pointer="/version_url")
        connection = ProviderConnection(base_url=base_url, own_url=own_url, token=sent.token)

        def registered(provider: OscpProvider) -> OscpProvider:
            return provider.registered(connection, with_token=by.token, now=self.change.clock.now())

        after = await self._changed(context, by.provider, registered, is_connection=True)
        if after.state is ConnectionState.REGISTERING:
            await self.queueing.add(after, REGISTER, {})

    async def handshake(
        self, context: Context, provider: OscpProvider, message_id: str, required: RequiredBehaviour
    ) -> None:
        """Accept the handshake: the provider counts as online until it has missed some heartbeats, and gets an
        acknowledgement with this service's requirements. Raises `TooBusy`."""
        now = self.change.clock.now()
        after = await self._changed(context, provider, lambda each: each.shaken(required, now=now))
        interval_s = provider.settings.heartbeat_interval_s
        await self._set_online_until(context, after, now + timedelta(seconds=MISSED_MAX * interval_s))
        behaviour = {
            "required_behaviour": {"heartbeat_interval": interval_s, "measurement_configuration": ["CONTINUOUS"]}
        }
        once = f"acknowledge-{message_id}" if message_id else ""
        await self.queueing.add(after, HANDSHAKE_ACKNOWLEDGE, behaviour, correlation_id=message_id, once=once)

    async def heartbeat(self, context: Context, provider: OscpProvider, offline_at: datetime) -> None:
        """Accept a heartbeat: the provider counts as online until `offline_at`, at most a day. If the previous
        heartbeat has expired, the provider must shake hands first. Raises `HandshakeMissing`."""
        await self.check_online(provider)
        latest = self.change.clock.now() + AHEAD_MAX
        await self._set_online_until(context, provider, min(offline_at, latest))

    async def check_online(self, provider: OscpProvider) -> None:
        """Check that the provider counts as online. Raises `HandshakeMissing`."""
        until = await self.forecasts.online_until(provider.key)
        if until is None or until <= self.change.clock.now():
            why = (
                "You have not sent a handshake yet"
                if until is None
                else f"You have been offline since {until:%H:%M:%S} UTC"
            )
            raise HandshakeMissing(f"{why}; send a handshake first.")

    async def _changed(
        self,
        context: Context,
        provider: OscpProvider,
        change: Callable[[OscpProvider], OscpProvider],
        *,
        is_connection: bool = False,
    ) -> OscpProvider:
        """Change the provider, and retry if a concurrent registration in return changes it too."""
        for _ in range(TRIES):
            after = change(provider)
            if after is provider:
                return after
            event = connection_changed(after, with_new_tokens=True) if is_connection else None
            with contextlib.suppress(TooBusy):
                return await self.change.put(context, after, event, expected=provider.version)
            provider = await self.change.get(provider.tenant_id, provider.depot_id, provider.provider_id)
        raise TooBusy("the provider keeps being changed by others; send it again")

    async def _set_online_until(self, context: Context, provider: OscpProvider, at: datetime) -> None:
        """Report to the site first, because the site may only be the stricter of the two."""
        source = ReportEnergySource(depot_id=provider.depot_id, source=provider.source, offline_at=at)
        with contextlib.suppress(EnergyNotOptedIn):  # no gate depends on the source
            await self.report(context, source)
        await self.forecasts.put_online_until(provider.key, at)
