"""Record that a source of envelopes is online, or the instant from which it is silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEnergySource:
    """`offline_at`: the source is silent from then on; the instant may be in the future. None: the source reported just
    now."""

    depot_id: DepotId
    source: str
    offline_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportEnergySourceHandler:
    change: ChangeSite

    async def __call__(self, context: Context, command: ReportEnergySource) -> Done:
        """Record the report. Raises `DepotUnknown`, `EnergyNotOptedIn`, `InvalidId`, `TooManyEnergySources`, an error
        of instants, `VersionConflict` or `StoreUnavailable`."""
        source, offline_at, now = command.source, command.offline_at, self.change.clock.now()
        if offline_at is None:
            return await self.change(context, command.depot_id, lambda site: site.hear(source, now=now))
        return await self.change(context, command.depot_id, lambda site: site.lose(source, offline_at, now=now))
