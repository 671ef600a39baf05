"""Store a changed OSCP provider with its event."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.context import Context
from access_policy.application.partners.changing import PartnerChanges
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.oscp_providers.errors import OscpProviderUnknown
from access_policy.domain.oscp_providers.events import OscpProviderRemoved, ProviderTerms, connection_changed
from access_policy.domain.oscp_providers.provider import OscpProvider, record_id


@dataclass(frozen=True, slots=True)
class ChangeProvider(PartnerChanges[OscpProvider]):
    async def get(self, tenant_id: TenantId, depot_id: DepotId, provider_id: str) -> OscpProvider:
        """Return the provider. Raises `OscpProviderUnknown`."""
        found = await self.partners.find((tenant_id, record_id(depot_id, provider_id)))
        if found is None:
            raise OscpProviderUnknown(f"This depot has no OSCP provider {provider_id[:64]}; list them to see all.")
        return found

    async def connect(self, context: Context, after: OscpProvider, *, expected: int, new: bool = True) -> OscpProvider:
        """Store a changed connection; `new` says that it has new tokens."""
        event = connection_changed(after, with_new_tokens=new)
        return await self.put(context, after, event, expected=expected)

    async def drop(self, context: Context, provider: OscpProvider) -> None:
        removed = OscpProviderRemoved(
            depot_id=provider.depot_id,
            provider_id=provider.provider_id,
            settings=ProviderTerms.of(provider.settings),
            removed_at=self.clock.now(),
        )
        await self.remove(context, provider, removed)
