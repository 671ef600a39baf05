"""Stored import plans, until they are applied or expire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.import_plan import PlannedFile, PlanRecord

Plan = TypeVar("Plan", bound=PlannedFile)


class ImportPlans(Protocol[Plan]):
    """Rows contain identifiers from the file, so they are stored encrypted, and no longer than needed. All methods
    raise `StoreUnavailable`."""

    def fingerprint_of(self, tenant_id: TenantId, file: bytes) -> str:
        """Return a fingerprint that is equal for equal files of a tenant. The hash is keyed: it stays in the log
        forever, and an unkeyed hash of a short file would reveal a forgotten identifier to anyone who tries all values.
        Thread-safe."""
        ...

    async def keep(self, record: PlanRecord, plan: Plan) -> None:
        """Store the plan; it replaces an earlier one with the same tenant and id."""
        ...

    async def find(self, tenant_id: TenantId, plan_id: str, *, now: datetime) -> PlanRecord | None:
        """Return the record; None if unknown or expired. A plan that is being applied does not expire."""
        ...

    async def rows(self, record: PlanRecord) -> Plan | None:
        """Return the plan with its rows; None once it has ended."""
        ...

    async def update(self, record: PlanRecord) -> None:
        """Replace the record and keep the rows."""
        ...

    async def end(self, record: PlanRecord) -> None:
        """Replace the record and delete the rows."""
        ...

    async def unfinished(self) -> Sequence[PlanRecord]:
        """Return the plans of all tenants that are being applied."""
        ...

    async def forget_old(self, *, now: datetime) -> int:
        """Delete expired plans and return their number."""
        ...
