"""Planned imports, kept until they are applied or expire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.import_plan import ImportPlan, PlanRecord


class ImportPlans(Protocol):
    """Rows hold what a file said, identifiers among it: they are kept encrypted, and no longer than needed. All methods
    raise `StoreUnavailable`."""

    def fingerprint_of(self, tenant_id: TenantId, file: bytes) -> str:
        """Equal for equal files of a tenant. Keyed: it goes into the log for ever, and a plain hash of a short file would
        tell a forgotten identifier to whoever tries them all. Of any thread."""
        ...

    async def keep(self, record: PlanRecord, plan: ImportPlan) -> None:
        """Whatever was kept under the same tenant and id is replaced."""
        ...

    async def find(self, tenant_id: TenantId, plan_id: str, *, now: datetime) -> PlanRecord | None:
        """None also once it has expired; one that is being applied does not expire."""
        ...

    async def rows(self, record: PlanRecord) -> ImportPlan | None:
        """The plan with its rows; None once it has ended."""
        ...

    async def update(self, record: PlanRecord) -> None:
        """The record reads like this from now on; the rows stay."""
        ...

    async def end(self, record: PlanRecord) -> None:
        """The record reads like this from now on, and the rows are deleted."""
        ...

    async def unfinished(self) -> Sequence[PlanRecord]:
        """Those that are being applied, of all tenants."""
        ...

    async def forget_old(self, *, now: datetime) -> int:
        """Delete what has expired; returns how many."""
        ...
