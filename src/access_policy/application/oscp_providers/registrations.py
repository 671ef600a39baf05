"""An admin's operations on OSCP providers: put, invite, register with, remove."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.context import Context
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.errors import check_version
from access_policy.application.oscp_providers.changing import ChangeProvider
from access_policy.application.oscp_providers.forecast_handler import ForecastHandler
from access_policy.application.oscp_providers.push import registration_of
from access_policy.application.oscp_providers.tokens import LENGTH_MAX, new_token
from access_policy.application.partners.tokens import digest_of
from access_policy.application.ports.oscp import OscpPeers
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.issued_tokens import IssuedToken
from access_policy.domain.oscp_providers.errors import (
    OscpAlreadyRegistered,
    OscpNodeUnknown,
    OscpProviderInvalid,
    OscpProviderNotReached,
    TooManyOscpProviders,
)
from access_policy.domain.oscp_providers.events import OscpProviderPut, ProviderTerms
from access_policy.domain.oscp_providers.forecast import GroupForecast
from access_policy.domain.oscp_providers.provider import (
    ConnectionState,
    OscpProvider,
    ProviderConnection,
    ProviderSettings,
    checked_provider_id,
    record_id,
)

PROVIDERS_MAX = 100  # per tenant


@dataclass(frozen=True, slots=True)
class OscpProviderRegistrations:
    """All methods raise `StoreUnavailable`; the change may have been made then, and its event is appended later."""

    change: ChangeProvider
    handler: ForecastHandler
    peers: OscpPeers
    view: DecisionView

    async def of_depot(self, tenant_id: TenantId, depot_id: DepotId) -> list[OscpProvider]:
        """Return the depot's providers. Raises `DepotUnknown`."""
        self._check_depot(tenant_id, depot_id)
        return [each for each in await self.change.partners.of_tenant(tenant_id) if each.depot_id == depot_id]

    async def get(self, tenant_id: TenantId, depot_id: DepotId, provider_id: str) -> OscpProvider:
        """Return the provider. Raises `OscpProviderUnknown`."""
        return await self.change.get(tenant_id, depot_id, provider_id)

    async def shown(self, provider: OscpProvider) -> tuple[dict[str, GroupForecast], datetime | None, datetime]:
        """Return the forecasts by group id, the instant from which the provider is offline, and now."""
        forecasts = self.handler.forecasts
        by_group = {each.group_id: each for each in await forecasts.of_provider(provider.key)}
        return by_group, await forecasts.online_until(provider.key), self.change.clock.now()

    async def put(
        self,
        context: Context,
        depot_id: DepotId,
        provider_id: str,
        settings: ProviderSettings,
        expected_version: int | None,
    ) -> tuple[OscpProvider, str | None]:
        """Create or change the provider. A new provider is returned with its registration token, which is not stored.
        Raises `DepotUnknown`, `OscpProviderInvalid`, `TooManyOscpProviders`, `VersionMismatch` or `TooBusy`."""
        checked_provider_id(provider_id)
        settings.check()
        self._check_depot(context.tenant_id, depot_id)
        self._check_nodes(context.tenant_id, depot_id, settings)
        key = context.tenant_id, record_id(depot_id, provider_id)
        before = await self.change.partners.find(key)
        check_version(expected_version, 0 if before is None else before.version)
        now = self.change.clock.now()
        put = OscpProviderPut(
            depot_id=depot_id, provider_id=provider_id, settings=ProviderTerms.of(settings), put_at=now
        )
        if before is None:
            return await self._made(context, depot_id, provider_id, settings, put)
        await self.change.settle(key)
        after = before.put(settings, now=now)
        if after is not before:
            await self.change.put(context, after, put, expected=before.version)
        await self.handler.rebind(context, after)
        return after, None

    async def invite(
        self, context: Context, depot_id: DepotId, provider_id: str, expected_version: int | None
    ) -> tuple[OscpProvider, str]:
        """Issue a new registration token, which ends the connection and all earlier tokens. The provider's envelopes
        stay until their ends, and the source becomes silent. Raises `OscpProviderUnknown`, `VersionMismatch` or
        `TooBusy`."""
        before = await self._expected(context, depot_id, provider_id, expected_version)
        await self.handler.forecasts.put_online_until(before.key, None)  # the provider must shake hands again
        token = new_token()
        after = before.invited(digest_of(token), now=self.change.clock.now())
        return await self.change.connect(context, after, expected=before.version), token

    async def register(
        self, context: Context, depot_id: DepotId, provider_id: str, base_url: str, token: str, own_url: str
    ) -> OscpProvider:
        """Register at the provider, with the agreed token; the provider registers here in return. Raises
        `OscpProviderUnknown`, `OscpProviderInvalid`, `OscpAlreadyRegistered`, `OscpProviderNotReached` or `TooBusy`."""
        before = await self._expected(context, depot_id, provider_id, None)
        if before.state is ConnectionState.CONNECTED:
            raise OscpAlreadyRegistered("This provider is connected; issue a new token first, which disconnects it.")
        self._check_peer(base_url, token)
        connection = ProviderConnection(base_url=base_url.rstrip("/"), own_url=own_url, token=token)
        issued, now = new_token(), self.change.clock.now()
        # The provider may call with the new token before it answers, so the token must be valid before it is sent.
        waiting = before.registering(connection, digest_of(issued), now=now)
        await self.change.connect(context, waiting, expected=before.version)
        tried = await self.peers.send(connection, registration_of(connection, issued), now=now)
        if not tried.is_delivered:
            raise OscpProviderNotReached(
                f"The provider answered {tried.status or 'nothing'}: {tried.detail[:200]}; correct the address or the token."
            )
        return await self.get(context.tenant_id, depot_id, provider_id)

    async def remove(self, context: Context, depot_id: DepotId, provider_id: str, expected_version: int | None) -> None:
        """Remove the provider and withdraw its envelopes. Raises `OscpProviderUnknown`, `VersionMismatch` or `TooBusy`."""
        provider = await self._expected(context, depot_id, provider_id, expected_version)
        await self.change.settle(provider.key)
        await self.handler.forget(context, provider)
        await self.handler.forecasts.put_online_until(provider.key, None)
        await self.change.drop(context, provider)

    async def _made(
        self, context: Context, depot_id: DepotId, provider_id: str, settings: ProviderSettings, put: OscpProviderPut
    ) -> tuple[OscpProvider, str]:
        if len(await self.change.partners.of_tenant(context.tenant_id)) >= PROVIDERS_MAX:
            raise TooManyOscpProviders(f"A tenant has at most {PROVIDERS_MAX} OSCP providers; remove one first.")
        token = new_token()
        made = OscpProvider(
            tenant_id=context.tenant_id,
            depot_id=depot_id,
            provider_id=provider_id,
            settings=settings,
            token=IssuedToken(digest=digest_of(token), registers=True),
            created_at=put.put_at,
            changed_at=put.put_at,
        )
        return await self.change.put(context, made, put, expected=0), token

    async def _expected(
        self, context: Context, depot_id: DepotId, provider_id: str, expected_version: int | None
    ) -> OscpProvider:
        provider = await self.get(context.tenant_id, depot_id, provider_id)
        check_version(expected_version, provider.version)
        return provider

    def _check_depot(self, tenant_id: TenantId, depot_id: DepotId) -> None:
        if self.view.depot(tenant_id, depot_id) is None:
            raise DepotUnknown(f"There is no depot {depot_id}.")

    def _check_nodes(self, tenant_id: TenantId, depot_id: DepotId, settings: ProviderSettings) -> None:
        known = self.view.site_energy(tenant_id, depot_id).tree.by_id
        for number, each in enumerate(settings.groups):
            if each.node_id not in known:
                raise OscpNodeUnknown(
                    f"There is no energy node {each.node_id}; create it first.", pointer=f"/groups/{number}/node_id"
                )

    def _check_peer(self, base_url: str, token: str) -> None:
        if (refusal := self.peers.refusal_of(base_url)) is not None:
            raise OscpProviderInvalid(f"{refusal}; give the provider's base URL of version 2.0.", pointer="/base_url")
        if not 1 <= len(token) <= LENGTH_MAX or not token.isascii() or not token.isprintable() or " " in token:
            raise OscpProviderInvalid(
                f"A token has 1 to {LENGTH_MAX} printable ASCII characters; copy it from the provider.",
                pointer="/token",
            )
