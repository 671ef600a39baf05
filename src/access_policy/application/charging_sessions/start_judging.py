"""Decides an attempt again when its charge starts: an `Authorize` and the start that follows it are one attempt (design.md
3.1).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from access_policy.application.charging_sessions.judged_starts import JudgedStart, attempt_of, is_same_decision
from access_policy.application.charging_sessions.reports import StartReport
from access_policy.application.deciding.attempt_ids import derived_attempt_id
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Streams
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream


class StartJudging:
    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        store: Streams,
        policies: ChargerAccessPolicies,
        identifiers: IdentifierResolver,
        decisions: DecisionMaker,
        clock: Clock,
    ) -> None:
        self._view = view
        self._live = live
        self._store = store
        self._policies = policies
        self._identifiers = identifiers
        self._decisions = decisions
        self._clock = clock

    async def charger_at_start(self, report: StartReport) -> ChargerView:
        """Return the charger as it is now or, for a start reported late, with the policy in force when it began. Raises
        `ChargerUnknown` or `StoreUnavailable`."""
        now_view = self._view.charger(report.tenant_id, report.charger_id)
        if not report.offline:
            return now_view
        policy = await self._policies.as_of(report.tenant_id, report.charger_id, report.started_at)
        if policy is None:
            return now_view
        return ChargerView(report.tenant_id, policy, ZoneInfo(policy.settings.time_zone), report.started_at)

    async def judge(
        self, report: StartReport, charger: ChargerView, transaction_id: str, *, may_join: bool
    ) -> JudgedStart:
        """Decide the start. With `may_join` the start may belong to an attempt that was decided before it (an
        `Authorize`). Raises `StoreUnavailable`."""
        key = (report.tenant_id, report.charger_id)
        attempt = attempt_of(report)
        ref = self._identifiers.of_attempt(attempt)
        opened = self._live.open_attempt(key, ref, self._clock.now()) if may_join and not report.anonymous else None
        attempt_id = (
            opened.attempt_id
            if opened is not None
            else derived_attempt_id(report.tenant_id, report.charger_id, "start", transaction_id, ref)
        )
        if report.anonymous:
            return JudgedStart(attempt_id, 0, None, None, False)
        at = report.started_at if report.offline else self._clock.now()
        decision = self._decisions.decide(attempt, ref, attempt_id, at=at, charger=charger)
        if opened is None:
            return JudgedStart(attempt_id, 0, ref, decision, True)
        version = opened.version or len(await self._store.load(attempt_stream(report.tenant_id, attempt_id)))
        is_unchanged = is_same_decision(decision, opened.decided)
        return JudgedStart(attempt_id, version, ref, opened.decided if is_unchanged else decision, not is_unchanged)
