"""Check every half minute for depots whose digest is due, and record each digest once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from access_policy.application.context import SYSTEM, Context, enveloped, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import (
    Append,
    EventStore,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from access_policy.application.ports.views import ReportFilter
from access_policy.application.queries.access_report import COUNTS, AccessReports, GroupBy
from access_policy.application.queries.compliance_measures import ComplianceGroup
from access_policy.application.queries.mode_compliance import ComplianceQuestion, ModeCompliance
from access_policy.application.streams import notice_stream
from access_policy.domain.access.reasons import Reason
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import TenantId
from access_policy.domain.notices.digests import (
    PROBLEMS_MAX,
    ChargerProblem,
    DenialCount,
    DepotDigestMade,
    day_to_digest,
)

log = logging.getLogger(__name__)

CHECK_INTERVAL_S: Final = 30.0
TRANSITIONS: Final = ("transitions", "on_time", "late", "missed", "pending", "unreachable")


class DigestWatch:
    """Several processes may check concurrently: the stream of a digest accepts one event. `followed_to` returns the log
    position that the read models have reached. A digest waits until they have read everything stored before it became
    due."""

    def __init__(
        self,
        view: DecisionView,
        store: EventStore,
        clock: Clock,
        access_reports: AccessReports,
        mode_compliance: ModeCompliance,
        followed_to: Callable[[], Awaitable[int]],
    ) -> None:
        self._view = view
        self._store = store
        self._clock = clock
        self._access_reports = access_reports
        self._mode_compliance = mode_compliance
        self._followed_to = followed_to
        self._made: set[StreamId] = set()  # streams of the digests that the last check found due
        self._waits_for: dict[StreamId, int] = {}

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            try:
                await self.check()
            except StoreUnavailable as trouble:
                log.warning("digests are made later: %s", trouble)
            await asyncio.sleep(CHECK_INTERVAL_S)

    async def check(self) -> None:
        """Record the digests that are due and not recorded yet. Raises `StoreUnavailable`: check again later."""
        now = self._clock.now()
        due: set[StreamId] = set()
        tenants = {each.tenant_id for each in self._view.chargers()}
        async for tenant_id, depot in cooperatively(
            [(one, each) for one in tenants for each in self._view.depots_of(one)]
        ):
            if (day := day_to_digest(depot, now)) is not None:
                stream = notice_stream(tenant_id, "depot_digest", depot.depot_id, day[1])
                due.add(stream)
                if stream not in self._made and await self._can_be_made(stream):
                    await self._make(stream, tenant_id, depot, *day)
        self._made &= due
        self._waits_for = {stream: position for stream, position in self._waits_for.items() if stream in due}

    async def _can_be_made(self, stream: StreamId) -> bool:
        if await self._store.load(stream):
            self._made.add(stream)
            return False
        if stream not in self._waits_for:
            self._waits_for[stream] = await self._store.last_position()
        return await self._followed_to() >= self._waits_for[stream]

    async def _make(
        self, stream: StreamId, tenant_id: TenantId, depot: Depot, since: datetime, until: datetime
    ) -> None:
        wanted = ReportFilter(since=since, until=until, depot_id=depot.depot_id)
        question = ComplianceQuestion(since=since, until=until, depot_id=depot.depot_id)
        attempts = (await self._access_reports(tenant_id, [GroupBy.REASON], wanted)).rows
        chargers = (await self._mode_compliance(tenant_id, [ComplianceGroup.CHARGER], question)).rows
        problems = sorted((row for row in chargers if row["late"] or row["missed"] or row["pending"]), key=_worst_first)
        counts = {name: sum(row[name] for row in attempts) for name in COUNTS if name != "would_deny_count"}
        digest = DepotDigestMade(
            depot_id=depot.depot_id,
            since=since,
            until=until,
            **counts,
            **{name: sum(row[name] for row in chargers) for name in TRANSITIONS},
            denials=tuple(
                DenialCount(reason=Reason(row["reason"]), denials=row["denied"]) for row in attempts if row["denied"]
            ),
            problems=tuple(_problem(row) for row in problems[:PROBLEMS_MAX]),
            problem_count=len(problems),
            made_at=self._clock.now(),
        )
        context = Context(tenant_id=tenant_id, actor=SYSTEM, correlation_id=new_id())
        try:
            await self._store.append([Append(stream, 0, enveloped(context, (digest,), now=digest.made_at))])
        except VersionConflict:
            log.debug("%s is recorded already", stream)
        self._made.add(stream)


def _worst_first(row: dict[str, Any]) -> tuple[int, int, str]:
    return -(row["missed"] + row["pending"]), -row["late"], row["charger_id"]


def _problem(row: dict[str, Any]) -> ChargerProblem:
    return ChargerProblem(**{name: row[name] for name in ("charger_id", "late", "missed", "pending", "lateness_max_s")})
