"""The state of mode application: the latest request to the charger and the latest verified mode (design.md 3.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import (
    ModeApplicationFailed,
    ModeApplied,
    ModeChangeRequested,
    ModeDriftDetected,
)

REBOOT_REQUIRED: Final = "reboot_required"  # why a written mode is not in force yet

ApplicationEvent = ModeChangeRequested | ModeApplied | ModeApplicationFailed | ModeDriftDetected


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeApplication:
    """The state of mode application. `generation` is that of the latest request, `due_at` the instant at which its mode
    was due; `applied_*` describe the latest verified mode; `failure` says why the latest request is not verified yet;
    `drift_found` is the mode in which the charger was found instead of the applied one. The written value takes effect
    with a boot after `reboot_awaited_since`; earlier readings prove nothing.
    """

    generation: int = 0
    requested_mode: AccessMode | None = None
    due_at: datetime | None = None
    applied_mode: AccessMode | None = None
    applied_at: datetime | None = None
    applied_due_at: datetime | None = None
    evidence: str = ""
    failure: str | None = None
    failed_at: datetime | None = None
    failures: int = 0
    drift_found: AccessMode | None = None
    drift_detected_at: datetime | None = None
    reboot_awaited_since: datetime | None = None

    def after(self, event: ApplicationEvent) -> ModeApplication:
        match event:
            case ModeChangeRequested():
                awaited = self.reboot_awaited_since if event.mode is self.requested_mode else None
                return replace(
                    self,
                    generation=event.generation,
                    requested_mode=event.mode,
                    due_at=event.due_at,
                    reboot_awaited_since=awaited,
                )
            case ModeApplied():
                return ModeApplication(
                    generation=event.generation,
                    requested_mode=event.mode,
                    due_at=event.due_at,
                    applied_mode=event.mode,
                    applied_at=event.applied_at,
                    applied_due_at=event.due_at,
                    evidence=event.evidence,
                )
            case ModeApplicationFailed():
                awaited = event.failed_at if event.reason == REBOOT_REQUIRED else self.reboot_awaited_since
                return replace(
                    self,
                    failure=event.reason,
                    failed_at=event.failed_at,
                    failures=self.failures + 1,
                    reboot_awaited_since=awaited,
                )
            case ModeDriftDetected():
                return replace(self, drift_found=event.found, drift_detected_at=event.detected_at)
