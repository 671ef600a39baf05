"""Store a changed OCPI partner with its event."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.audit.record_changes import RecordChanges, pending_event
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.ocpi import OcpiPartners
from access_policy.application.streams import ocpi_partner_stream
from access_policy.domain.ids import TenantId
from access_policy.domain.ocpi_partners.errors import OcpiPartnerUnknown
from access_policy.domain.ocpi_partners.events import OcpiPartnerEvent, OcpiPartnerRemoved
from access_policy.domain.ocpi_partners.partner import OcpiPartner


@dataclass(frozen=True, slots=True)
class ChangePartner:
    """All methods raise `StoreUnavailable`; a change may have been made then, and its event follows."""

    partners: OcpiPartners
    changes: RecordChanges
    clock: Clock

    async def get(self, tenant_id: TenantId, partner_id: str) -> OcpiPartner:
        """Raises `OcpiPartnerUnknown`."""
        found = await self.partners.find((tenant_id, partner_id))
        if found is None:
            raise OcpiPartnerUnknown(f"There is no partner {partner_id[:10]}; GET /v1/ocpi-partners lists all.")
        return found

    async def put(
        self, context: Context, after: OcpiPartner, event: OcpiPartnerEvent | None, *, expected: int
    ) -> OcpiPartner:
        """Raises `TooBusy`: another request changed the partner."""
        stream = ocpi_partner_stream(*after.key)
        pending = None if event is None else pending_event(context, stream, event, now=self.clock.now())
        if not await self.partners.put(after, expected=expected, event=pending):
            raise TooBusy("the partner was changed by others; read it again")
        if event is not None:
            await self.changes.append(stream)
        return after

    async def remove(self, context: Context, partner: OcpiPartner) -> None:
        now, stream = self.clock.now(), ocpi_partner_stream(*partner.key)
        removed = OcpiPartnerRemoved(partner_id=partner.partner_id, settings=partner.settings, removed_at=now)
        await self.partners.remove(partner.key, event=pending_event(context, stream, removed, now=now))
        await self.changes.append(stream)

    async def settle(self, tenant_id: TenantId, partner_id: str) -> None:
        """Append what is pending of the partner to the log."""
        await self.changes.append(ocpi_partner_stream(tenant_id, partner_id))
