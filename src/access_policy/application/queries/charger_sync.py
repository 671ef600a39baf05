"""The relation of the applied to the expected mode, in one word (api.md, `sync`)."""

from __future__ import annotations

from enum import StrEnum

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, ControlWithoutSwitch
from access_policy.domain.charger_access_policy.application import REBOOT_REQUIRED
from access_policy.domain.charger_access_policy.mode_changes import is_applied
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy


class Sync(StrEnum):
    IN_SYNC = "in_sync"
    PENDING = "pending"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    DRIFTED = "drifted"


def sync_of(
    policy: ChargerAccessPolicy, profile: CapabilityProfile | None, expected: AccessMode, *, connected: bool
) -> Sync:
    """Return the relation. An offline charger last verified in the expected mode counts as in sync. A charger whose
    mode is written and takes effect at its reboot is pending, because nothing has failed."""
    if profile is None or profile.mode_control is ControlWithoutSwitch.UNSUPPORTED:
        return Sync.UNSUPPORTED
    if is_applied(policy, expected):
        return Sync.IN_SYNC
    if not connected:
        return Sync.UNREACHABLE
    application = policy.application
    if application.drift_found is not None:
        return Sync.DRIFTED
    if application.failure not in (None, REBOOT_REQUIRED) and application.requested_mode is expected:
        return Sync.FAILED
    return Sync.PENDING
