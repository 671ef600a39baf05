"""Decisions about switching a charger, made against its policy (design.md 3.5); `application.mode_application` is the
loop.

The loop appends the request before it sends anything; `generation` ties later evidence to the request, so that a late
answer to an older request changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from access_policy.domain.access_mode import AccessMode, Cause
from access_policy.domain.charger_access_policy.events import (
    ModeApplicationFailed,
    ModeApplied,
    ModeChangeRequested,
    ModeDriftDetected,
    PolicyEvent,
)
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy


def is_applied(policy: ChargerAccessPolicy, mode: AccessMode) -> bool:
    """Whether `mode` was the last verified mode, without drift or another request since."""
    application = policy.application
    return (
        application.applied_mode is mode
        and application.requested_mode is mode
        and application.drift_found is None
        and application.failure is None
    )


def request_mode(
    policy: ChargerAccessPolicy, *, mode: AccessMode, cause: Cause, due_at: datetime, mode_control: str, trigger: str
) -> tuple[PolicyEvent, ...]:
    """Request that the charger be switched to `mode`. A retired charger, or a mode that is already applied, produces no
    event; a request after a failure starts a new generation.
    """
    if policy.retired_at is not None or is_applied(policy, mode):
        return ()
    return (
        ModeChangeRequested(
            charger_id=policy.charger_id,
            generation=policy.application.generation + 1,
            mode=mode,
            cause=cause,
            due_at=due_at,
            mode_control=mode_control,
            trigger=trigger,
        ),
    )


def record_applied(
    policy: ChargerAccessPolicy,
    *,
    generation: int,
    mode: AccessMode,
    cause: Cause,
    due_at: datetime,
    evidence: str,
    now: datetime,
) -> tuple[PolicyEvent, ...]:
    """Record that the charger was seen in `mode`. Evidence for an older request, for a mode other than the requested
    one, or for a known state, produces no event.
    """
    application = policy.application
    if generation != application.generation or mode is not application.requested_mode or is_applied(policy, mode):
        return ()
    return (
        ModeApplied(
            charger_id=policy.charger_id,
            generation=generation,
            mode=mode,
            cause=cause,
            due_at=due_at,
            applied_at=now,
            late_s=max(0.0, (now - due_at).total_seconds()),
            evidence=evidence,
        ),
    )


def record_failed(
    policy: ChargerAccessPolicy, *, generation: int, reason: str, detail: str, now: datetime
) -> tuple[PolicyEvent, ...]:
    application = policy.application
    if generation != application.generation or application.requested_mode is None:
        return ()
    return (
        ModeApplicationFailed(
            charger_id=policy.charger_id,
            generation=generation,
            mode=application.requested_mode,
            reason=reason,
            detail=detail[:500],
            failed_at=now,
        ),
    )


def record_drift(
    policy: ChargerAccessPolicy, *, found: AccessMode, evidence: str, now: datetime
) -> tuple[PolicyEvent, ...]:
    """Record that the charger was found in a mode other than the applied one. Repeated observations of the same drift, and
    the mode that is being requested, produce no event.
    """
    application = policy.application
    if application.applied_mode is None or found in (application.applied_mode, application.requested_mode):
        return ()
    if application.drift_found is found:
        return ()
    return (
        ModeDriftDetected(
            charger_id=policy.charger_id,
            expected=application.applied_mode,
            found=found,
            evidence=evidence,
            detected_at=now,
        ),
    )
