"""The single identifier for which a charger can be reserved, and its value.

A charger compares the identifier in the reservation with the one presented, and refuses any other. OCPP lets several
identifiers share a reservation by a group (parentIdTag, groupIdToken), but the service's answers contain no groups. So
the service reserves a charger only for a holder who has exactly one identifier that chargers can read.
"""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.secrets import VehicleVault, vault_key
from access_policy.application.ports.views import Views
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import ReservationId, TenantId
from access_policy.domain.reservations.reservation import Holder

NOT_PRESENTED = frozenset({IdentifierKind.PLATE})  # to a charger


class NoSingleIdentifier(Exception):
    """A charger cannot be reserved for this holder; the message says why, without identifiers."""


class ValueNotReadable(Exception):
    """The identifier's value is not readable yet, or was erased."""


@dataclass(frozen=True, slots=True)
class HolderIdentifiers:
    view: DecisionView
    views: Views
    vault: VehicleVault

    def single(self, tenant_id: TenantId, holder: Holder) -> IdentifierRef:
        """Return the holder's only identifier that chargers can read. Raises `NoSingleIdentifier`."""
        refs = [each.ref for each in holder.identifiers]
        vehicle = None if holder.vehicle_id is None else self.view.registry(tenant_id).vehicles.get(holder.vehicle_id)
        refs += [] if vehicle is None else vehicle.identifiers
        presented = {(ref.kind, ref.pseudonym): ref for ref in refs if ref.kind not in NOT_PRESENTED}
        if len(presented) != 1:
            count = len(presented) or "no"
            raise NoSingleIdentifier(f"the holder has {count} identifiers that a charger presents, and it takes one")
        (ref,) = presented.values()
        if ref.kind is IdentifierKind.PIN:
            raise NoSingleIdentifier("the holder types a code, which is not stored and cannot be sent")
        return ref

    async def value(self, tenant_id: TenantId, reservation_id: ReservationId, holder: Holder) -> Identifier:
        """Return the identifier with its value. Raises `NoSingleIdentifier`, `ValueNotReadable` or `StoreUnavailable`."""
        ref = self.single(tenant_id, holder)
        own = next((each.sealed for each in holder.identifiers if each.ref.pseudonym == ref.pseudonym), None)
        if own is not None:
            value = await self.vault.unseal(tenant_id, vault_key(reservation_id), own)
        else:
            assert holder.vehicle_id is not None, "an identifier is the reservation's own or its vehicle's"
            rows = await self.views.sealed_identifiers(tenant_id, [ref.pseudonym])
            sealed = next((row["sealed"] for row in rows if row["sealed"]), None)
            value = None if sealed is None else await self.vault.unseal(tenant_id, holder.vehicle_id, sealed)
        if value is None:
            raise ValueNotReadable("the holder's identifier cannot be read yet")
        return Identifier(ref.kind, value)
