"""A charger's status as conditions with reasons (the shape of Kubernetes' status conditions; reliability.md, part 3).

`Reachable`, `Applied`, `Drifted` and `Stalled` are separate, because a single word (`sync`) hides that a charger may
be offline and drifted, or reachable and stuck; `Ready` follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, ControlWithoutSwitch
from access_policy.domain.charger_access_policy.mode_changes import is_applied
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy

STALLED_AFTER: Final = timedelta(minutes=10)


class ConditionStatus(StrEnum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`since` is the instant of its last change, if known; `generation` is the request for which it was observed."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    since: datetime | None
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSeen:
    """The charger's connection; `changed_at` None: it has never been connected."""

    connected: bool
    changed_at: datetime | None
    why: str | None = None


def conditions_of(
    policy: ChargerAccessPolicy,
    profile: CapabilityProfile | None,
    expected: AccessMode,
    connection: ConnectionSeen,
    *,
    failure_detail: str | None,
    now: datetime,
) -> tuple[Condition, ...]:
    conditions = _ConditionsOf(policy, profile, expected, connection, failure_detail, now)
    reachable, applied, drifted, stalled = (
        conditions.reachable(),
        conditions.applied(),
        conditions.drifted(),
        conditions.stalled(),
    )
    return conditions.ready(reachable, applied, drifted), reachable, applied, drifted, stalled


@dataclass(frozen=True, slots=True)
class _ConditionsOf:
    policy: ChargerAccessPolicy
    profile: CapabilityProfile | None
    expected: AccessMode
    connection: ConnectionSeen
    failure_detail: str | None
    now: datetime

    def reachable(self) -> Condition:
        if self.connection.connected:
            return self._condition("Reachable", ConditionStatus.TRUE, "connected", "", self.connection.changed_at)
        if self.connection.changed_at is None:
            return self._condition(
                "Reachable", ConditionStatus.FALSE, "never_connected", "It has never connected.", None
            )
        return self._condition(
            "Reachable", ConditionStatus.FALSE, "disconnected", self.connection.why or "", self.connection.changed_at
        )

    def applied(self) -> Condition:
        application = self.policy.application
        if self._is_unsupported():
            text = "Its profile cannot switch it, so its mode is unknown."
            return self._condition("Applied", ConditionStatus.UNKNOWN, "unsupported", text, None)
        if is_applied(self.policy, self.expected):
            return self._condition(
                "Applied", ConditionStatus.TRUE, "verified", application.evidence, application.applied_at
            )
        if application.drift_found is not None and application.failure is None:
            text = f"It was seen in {application.drift_found} and is being switched back."
            return self._condition("Applied", ConditionStatus.FALSE, "drifted", text, application.drift_detected_at)
        if application.requested_mode is not self.expected:
            return self._condition(
                "Applied", ConditionStatus.UNKNOWN, "not_requested", f"{self.expected} is expected.", None
            )
        if application.failure is not None:
            status = ConditionStatus.UNKNOWN if application.failure == "no_answer" else ConditionStatus.FALSE
            return self._condition(
                "Applied", status, application.failure, self.failure_detail or "", application.failed_at
            )
        return self._condition(
            "Applied", ConditionStatus.FALSE, "requested", f"{self.expected} was requested.", application.due_at
        )

    def drifted(self) -> Condition:
        application = self.policy.application
        if application.drift_found is None:
            return self._condition("Drifted", ConditionStatus.FALSE, "as_applied", "", application.applied_at)
        text = f"It was seen in {application.drift_found}."
        return self._condition(
            "Drifted", ConditionStatus.TRUE, "seen_in_other_mode", text, application.drift_detected_at
        )

    def stalled(self) -> Condition:
        """Return the condition: stalled means reachable, but not in the mode that has been due for a while."""
        application = self.policy.application
        due_at = application.due_at
        waits = self.connection.connected and application.requested_mode is self.expected and due_at is not None
        if not waits or self._is_unsupported() or is_applied(self.policy, self.expected):
            return self._condition("Stalled", ConditionStatus.FALSE, "nothing_waits", "", None)
        assert due_at is not None
        if self.now - due_at <= STALLED_AFTER:
            return self._condition("Stalled", ConditionStatus.FALSE, "in_progress", "", due_at)
        reason = application.failure or "no_progress"
        return self._condition(
            "Stalled", ConditionStatus.TRUE, reason, self.failure_detail or "", due_at + STALLED_AFTER
        )

    def ready(self, reachable: Condition, applied: Condition, drifted: Condition) -> Condition:
        for each, wanted in (
            (applied, ConditionStatus.TRUE),
            (drifted, ConditionStatus.FALSE),
            (reachable, ConditionStatus.TRUE),
        ):
            if each.status is not wanted:
                status = ConditionStatus.UNKNOWN if each.status is ConditionStatus.UNKNOWN else ConditionStatus.FALSE
                return self._condition("Ready", status, each.reason, each.message, each.since)
        return self._condition("Ready", ConditionStatus.TRUE, "in_expected_mode", applied.message, applied.since)

    def _is_unsupported(self) -> bool:
        return self.profile is None or self.profile.mode_control is ControlWithoutSwitch.UNSUPPORTED

    def _condition(
        self, kind: str, status: ConditionStatus, reason: str, message: str, since: datetime | None
    ) -> Condition:
        generation = self.policy.application.generation
        return Condition(type=kind, status=status, reason=reason, message=message, since=since, generation=generation)
