"""Mode compliance: did chargers enter their expected modes at the scheduled times?

The due modes are the timeline of the plan in force at each instant, from the charger's own stream; the applied modes
are events of the same stream. A transition for which the charger was unreachable leaves no event and still counts as
missed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import PAGE_MAX, ReservationFilter, Views
from access_policy.application.projections.stored_reservations import entry_of
from access_policy.application.queries.compliance_measures import (
    GROUP_IDS,
    ComplianceGroup,
    Tally,
    compliance_columns,
)
from access_policy.application.queries.local_periods import local_days, local_hours
from access_policy.application.queries.mode_transitions import (
    ChargerPast,
    Expected,
    runs_of,
    transition_to,
)
from access_policy.application.queries.moved_reservations import MovedReservations
from access_policy.application.queries.report_columns import (
    Report,
    ReportInvalid,
    check_rows,
    local_values,
    row_order,
)
from access_policy.application.streams import policy_stream
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.mode_schedule.timeline import HORIZON_MAX, ReservedWindow

ON_TIME_S = 60  # unless the caller specifies another value
_AROUND = timedelta(
    days=4
)  # margin before and after the period: for the mode at its start, and modes applied after its end


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceQuestion:
    """Transitions due in `[since, until)`; a transition applied within `on_time_s` seconds counts as on time."""

    since: datetime
    until: datetime
    depot_id: str | None = None
    charger_id: str | None = None
    depots: DepotScope = None
    on_time_s: int = ON_TIME_S

    def covers(self, depot_id: str) -> bool:
        return self.depot_id in (None, depot_id) and (self.depots is None or depot_id in self.depots)


_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ModeCompliance:
    """Reports on all chargers except those whose profile cannot switch the mode at all. Raises `ReportInvalid`,
    `StoreUnavailable`."""

    store: EventStore
    views: Views
    profiles: CapabilityProfiles
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, group_by: Sequence[ComplianceGroup], question: ComplianceQuestion
    ) -> Report:
        """Return one row per group, ascending."""
        if question.until <= question.since or question.until - question.since > HORIZON_MAX:
            raise ReportInvalid(
                f"'until' must be later than 'from', by at most {HORIZON_MAX.days} days.", pointer="/until"
            )
        tallies: defaultdict[_Key, Tally] = defaultdict(Tally)
        now = self.clock.now()
        moved = await MovedReservations(self.views).windows(
            tenant_id, question.since - _AROUND, question.until + _AROUND
        )
        async for charger_id in self._chargers(tenant_id, question):
            history = await self.store.load(policy_stream(tenant_id, charger_id))
            reserved = await self._reserved(tenant_id, charger_id, question)
            reserved = tuple(sorted((*reserved, *moved.get(charger_id, ())), key=lambda each: each.starts_at))
            past = await asyncio.to_thread(ChargerPast.of, history, reserved)
            await asyncio.to_thread(self._count, tenant_id, charger_id, past, question, group_by, tallies, now)
            check_rows(len(tallies))
        return Report(compliance_columns(group_by), await asyncio.to_thread(_rows, group_by, tallies))

    async def _reserved(
        self, tenant_id: TenantId, charger_id: ChargerId, question: ComplianceQuestion
    ) -> tuple[ReservedWindow, ...]:
        """Return the windows of the period's reservations that name the charger, including those that the depot's book
        has forgotten."""
        wanted = ReservationFilter(
            since=question.since - _AROUND, until=question.until + _AROUND, charger_id=charger_id
        )
        found: list[ReservedWindow] = []
        after: tuple[datetime, str] | None = None
        while True:
            rows = await self.views.reservations(tenant_id, wanted, after=after, limit=PAGE_MAX)
            windows = (entry_of(row).window for row in rows if row["charger_id"] == charger_id)
            found += [window for window in windows if window is not None]
            if len(rows) < PAGE_MAX:
                return tuple(found)
            after = rows[-1]["starts_at"], rows[-1]["reservation_id"]

    async def _chargers(self, tenant_id: TenantId, question: ComplianceQuestion) -> Any:
        if question.charger_id is not None:
            yield ChargerId(question.charger_id)
            return
        cursor: str | None = None
        while True:  # all chargers: one may have been at the depot then and be at another now
            page = await self.views.chargers(tenant_id, depot_id=None, cursor=cursor, limit=PAGE_MAX)
            for row in page.items:
                yield ChargerId(row["charger_id"])
            cursor = page.next_cursor
            if cursor is None:
                return

    def _count(
        self,
        tenant_id: TenantId,
        charger_id: ChargerId,
        past: ChargerPast,
        question: ComplianceQuestion,
        group_by: Sequence[ComplianceGroup],
        tallies: defaultdict[_Key, Tally],
        now: datetime,
    ) -> None:
        if not past.plans or self._is_unsupported(tenant_id, past.plans[-1][1]):
            return
        until = min(question.until, now)
        pieces = list(past.expected(question.since - _AROUND, min(question.until + _AROUND, now)))

        def tally(at: datetime, of: Expected) -> Tally:
            values = {**local_values(at, ZoneInfo(of.time_zone)), "depot": of.depot_id, "charger": charger_id}
            return tallies[tuple(values[each] for each in group_by)]

        for run in runs_of(pieces)[1:]:  # the first one started before the period
            if question.since <= run.start < until and question.covers(run.depot_id):
                transition = transition_to(run, past, on_time_s=question.on_time_s, now=now)
                tally(run.start, run).add(transition, run.time_zone)
        divide = local_hours if ComplianceGroup.HOUR in group_by else local_days
        for piece in pieces:
            if question.covers(piece.depot_id):
                within = max(piece.start, question.since), min(piece.end, until)
                for start, end in divide(*within, ZoneInfo(piece.time_zone)):
                    of_part = tally(start, piece)
                    of_part.expected_s += (end - start).total_seconds()
                    of_part.in_mode_s += past.seconds_in(piece.mode, start, end)

    def _is_unsupported(self, tenant_id: TenantId, policy: ChargerAccessPolicy) -> bool:
        profile = self.profiles.get(tenant_id, policy.settings.profile)
        return profile is None or profile.mode_control is ControlWithoutSwitch.UNSUPPORTED


def _rows(group_by: Sequence[ComplianceGroup], tallies: Mapping[_Key, Tally]) -> list[dict[str, Any]]:
    names = [GROUP_IDS.get(each, each.value) for each in group_by]
    order = row_order(names)
    return [{**dict(zip(names, key, strict=True)), **tallies[key].measures()} for key in sorted(tallies, key=order)]
