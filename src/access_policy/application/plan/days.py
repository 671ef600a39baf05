"""Operating days: the depot-local days by which plans are grouped."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from access_policy.application.decision_view.view import DecisionView
from access_policy.domain.ids import DepotId, TenantId


def operating_day(on: date, starts_at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """`[start, end)` in UTC of the operating day that begins on this local date. It is 23 or 25 hours long where the clock
    changes in it."""
    begins = datetime.combine(on, starts_at, zone)
    ends = datetime.combine(on + timedelta(days=1), starts_at, zone)
    return begins.astimezone(UTC), ends.astimezone(UTC)


def operating_date(at: datetime, starts_at: time, zone: ZoneInfo) -> date:
    """The local date on which the operating day of the instant begins."""
    local = at.astimezone(zone)
    return local.date() if local.time() >= starts_at else local.date() - timedelta(days=1)


def operating_day_of(
    view: DecisionView, tenant_id: TenantId, depot_id: DepotId, at: datetime
) -> tuple[datetime, datetime]:
    """The depot's operating day that contains the instant, `[start, end)` in UTC."""
    starts_at, zone = view.book(tenant_id, depot_id).settings.day_starts_at, view.zone_of(tenant_id, depot_id)
    return operating_day(operating_date(at, starts_at, zone), starts_at, zone)
