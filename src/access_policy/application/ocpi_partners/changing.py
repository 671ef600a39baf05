"""Store a changed OCPI partner with its event."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.context import Context
from access_policy.application.partners.changing import PartnerChanges
from access_policy.domain.ids import TenantId
from access_policy.domain.ocpi_partners.errors import OcpiPartnerUnknown
from access_policy.domain.ocpi_partners.events import OcpiPartnerRemoved
from access_policy.domain.ocpi_partners.partner import OcpiPartner


@dataclass(frozen=True, slots=True)
class ChangePartner(PartnerChanges[OcpiPartner]):
    async def get(self, tenant_id: TenantId, partner_id: str) -> OcpiPartner:
        """Return the partner. Raises `OcpiPartnerUnknown`."""
        found = await self.partners.find((tenant_id, partner_id))
        if found is None:
            raise OcpiPartnerUnknown(f"There is no partner {partner_id[:10]}; GET /v1/ocpi-partners lists all.")
        return found

    async def drop(self, context: Context, partner: OcpiPartner) -> None:
        now = self.clock.now()
        removed = OcpiPartnerRemoved(partner_id=partner.partner_id, settings=partner.settings, removed_at=now)
        await self.remove(context, partner, removed)
