"""Events of one charger's mode changes. A test passes only the fields that it is about."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from access_policy.domain.charger_access_policy.events import ModeApplicationFailed, ModeApplied, ModeChangeRequested
from tests.support.attempts import NIGHTS_CAUSE
from tests.support.builders import BAY, MANAGED, MINUTE, NOON


def requested(**changes: Any) -> ModeChangeRequested:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "generation": 1,
        "mode": MANAGED,
        "cause": NIGHTS_CAUSE,
        "due_at": NOON,
        "mode_control": "device_variable",
        "trigger": "transition",
    }
    return ModeChangeRequested(**(values | changes))


def applied(**changes: Any) -> ModeApplied:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "generation": 1,
        "mode": MANAGED,
        "cause": NIGHTS_CAUSE,
        "due_at": NOON,
        "applied_at": NOON + timedelta(seconds=2),
        "late_s": 2.0,
        "evidence": "AuthCtrlr.Enabled=true",
    }
    return ModeApplied(**(values | changes))


def failed(**changes: Any) -> ModeApplicationFailed:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "generation": 1,
        "mode": MANAGED,
        "reason": "rejected",
        "detail": "SetVariables: Rejected",
        "failed_at": NOON + MINUTE,
    }
    return ModeApplicationFailed(**(values | changes))
