"""The claim on a charge point id. It is appended together with the charger's own event, so that two chargers, even of
different tenants, can never have the same id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from access_policy.domain.errors import Conflict
from access_policy.domain.ids import ChargePointId, ChargerId, TenantId


class ChargePointIdTaken(Conflict):
    code = "charge-point-id-taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointClaimed:
    TYPE: ClassVar = "charge_point.claimed.v1"
    charge_point_id: ChargePointId
    tenant_id: TenantId
    charger_id: ChargerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointReleased:
    TYPE: ClassVar = "charge_point.released.v1"
    charge_point_id: ChargePointId


ClaimEvent = ChargePointClaimed | ChargePointReleased


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The state of one charge point id. `holder` is None while the id is free."""

    charge_point_id: ChargePointId
    holder: tuple[TenantId, ChargerId] | None = None
    version: int = 0

    def claim(self, tenant_id: TenantId, charger_id: ChargerId) -> tuple[ClaimEvent, ...]:
        """Claim the id for a charger; the holder's repeated claim produces no event. Raises `ChargePointIdTaken`,
        which never names another tenant's charger.
        """
        match self.holder:
            case None:
                return (
                    ChargePointClaimed(
                        charge_point_id=self.charge_point_id, tenant_id=tenant_id, charger_id=charger_id
                    ),
                )
            case (holder_tenant, holder_charger) if (holder_tenant, holder_charger) == (tenant_id, charger_id):
                return ()
            case (holder_tenant, holder_charger):
                who = f"charger {holder_charger}" if holder_tenant == tenant_id else "another charger"
                raise ChargePointIdTaken(
                    f"The charge point id belongs to {who}; retire that one first or use another id.",
                    pointer="/charge_point_id",
                )

    def release(self) -> tuple[ClaimEvent, ...]:
        return () if self.holder is None else (ChargePointReleased(charge_point_id=self.charge_point_id),)


def fold(charge_point_id: ChargePointId, events: Iterable[ClaimEvent]) -> Claim:
    claim = Claim(charge_point_id=charge_point_id)
    for event in events:
        match event:
            case ChargePointClaimed():
                holder = (event.tenant_id, event.charger_id)
                claim = Claim(charge_point_id=charge_point_id, holder=holder, version=claim.version + 1)
            case ChargePointReleased():
                claim = Claim(charge_point_id=charge_point_id, version=claim.version + 1)
    return claim
