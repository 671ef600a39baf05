"""The erasures of tenants in the log: the audit excuses only what a signed record names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from access_policy.application.ports.raw_log import RawLog
from access_policy.domain.charge_points.claims import ChargePointClaimed
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import TenantErased, TenantErasureBegun

TYPES: Final = frozenset({TenantErasureBegun.TYPE, TenantErased.TYPE, ChargePointClaimed.TYPE})

IsSigned = Callable[[TenantErased], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasuresOnRecord:
    """`removed` are the positions that signed erasures removed from the installation's streams. `unsigned` are tenants
    whose erasure has begun and has no record signed by this installation, with the position of the begin event.
    `claiming` are the tenants that claim a charge point id, with the position of the first claim."""

    erased: frozenset[TenantId] = frozenset()
    removed: frozenset[int] = frozenset()
    unsigned: Mapping[TenantId, int] = field(default_factory=dict)
    claiming: Mapping[TenantId, int] = field(default_factory=dict)


async def no_erasures() -> ErasuresOnRecord:
    return ErasuresOnRecord()


@dataclass(frozen=True, slots=True)
class ReadErasures:
    """`is_signed` returns whether this installation signed the record's statement and the statement agrees with the
    record."""

    log: RawLog
    is_signed: IsSigned

    async def __call__(self) -> ErasuresOnRecord:
        """Damaged records do not count. Raises `StoreUnavailable`."""
        recorded = await self.log.read_damaged_of(TYPES)
        begun = [each for each in recorded if isinstance(each.event, TenantErasureBegun)]
        signed = {
            _key(each.event) for each in recorded if isinstance(each.event, TenantErased) and self.is_signed(each.event)
        }
        claims = [each for each in recorded if isinstance(each.event, ChargePointClaimed)]
        return ErasuresOnRecord(
            erased=frozenset(tenant_id for tenant_id, _ in signed),
            removed=frozenset(at for each in begun if _key(each.event) in signed for at in each.event.claims),
            unsigned={each.event.tenant_id: each.position for each in begun if _key(each.event) not in signed},
            claiming={each.event.tenant_id: each.position for each in reversed(claims)},
        )


def _key(event: TenantErasureBegun | TenantErased) -> tuple[TenantId, str]:
    return event.tenant_id, event.erasure_id
