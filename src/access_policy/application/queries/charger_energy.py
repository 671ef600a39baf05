"""When a charger's access was narrowed because of energy, and when it will be if the feeds continue as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.clock import Clock
from access_policy.application.ports.views import Row, Views
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.gate import GateLevel, LimitSource


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowingRow:
    """In `[start, end)` (None: open) the level is narrower than `open`. A planned or unrecorded narrowing names no limit."""

    start: datetime
    end: datetime | None
    level: GateLevel
    is_planned: bool = False
    envelope_id: str | None = None
    envelope_sequence: int | None = None
    limit_source: LimitSource | None = None
    binding_node_id: str | None = None
    effective_w: int | None = None
    is_advisory: bool = False


class PlannedNarrowings(Protocol):
    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> Sequence[NarrowedWindow]: ...


@dataclass(frozen=True, slots=True)
class ChargerNarrowings:
    views: Views
    gates: PlannedNarrowings
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, charger_id: ChargerId, since: datetime, until: datetime
    ) -> list[NarrowingRow]:
        """Return the narrowings that overlap `[since, until)`, by start. Raises `StoreUnavailable`."""
        now = self.clock.now()
        rows = await self.views.gate_changes(tenant_id, charger_id, since, until)
        found = recorded(rows)
        if until > now:
            planned = self.gates.narrowings(tenant_id, charger_id, now, until)
            found = continued(found, planned, now)
        return [each for each in found if each.start < until and (each.end is None or each.end > since)]


def recorded(rows: Sequence[Row]) -> list[NarrowingRow]:
    """Return the windows between the recorded changes of a gate; the last one may be open."""
    found: list[NarrowingRow] = []
    for row in rows:
        if found and found[-1].end is None:
            found[-1] = replace(found[-1], end=row["at"])
        level = GateLevel(row["level"])
        if level is not GateLevel.OPEN:
            source = row["limit_source"]
            found.append(
                NarrowingRow(
                    start=row["at"],
                    end=None,
                    level=level,
                    envelope_id=row["envelope_id"],
                    envelope_sequence=row["envelope_sequence"],
                    limit_source=None if source is None else LimitSource(source),
                    binding_node_id=row["node_id"],
                    effective_w=row["effective_w"],
                    is_advisory=bool(row["is_advisory"]),
                )
            )
    return [each for each in found if each.end is None or each.start < each.end]


def continued(found: Sequence[NarrowingRow], planned: Sequence[NarrowedWindow], now: datetime) -> list[NarrowingRow]:
    """Return the recorded windows, with the active one's planned end, and the future windows."""
    rows = list(found)
    for window in planned:
        is_active = window.starts_at <= now < window.ends_at
        if is_active and rows and rows[-1].end is None:
            rows[-1] = replace(rows[-1], end=window.ends_at)
            continue
        envelope = window.envelope
        rows.append(
            NarrowingRow(
                start=window.starts_at,
                end=window.ends_at,
                level=window.level,
                is_planned=not is_active,
                envelope_id=None if envelope is None else envelope.envelope_id,
                envelope_sequence=None if envelope is None else envelope.sequence,
            )
        )
    return rows
