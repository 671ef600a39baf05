"""Reconcile one charger: compare the expected mode with the verified one; if they differ, request, write, read back and
record. Every run reads everything again, so that a lost trigger only costs time."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.mode_application.reboots import Reboots
from access_policy.application.mode_application.recorder import ModeRecorder
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    ModeChargers,
    NoLongerWanted,
    Switch,
    SwitchRefused,
    Written,
)
from access_policy.application.ports.clock import Clock
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import (
    CapabilityProfile,
    ControlWithoutSwitch,
    DeviceVariable,
    mode_control_name,
)
from access_policy.domain.charger_access_policy import mode_changes
from access_policy.domain.charger_access_policy.application import REBOOT_REQUIRED
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.ids import ChargerKey, ReservationId
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.site_energy.gate import GateLevel

log = logging.getLogger(__name__)

EVIDENCE_WITHOUT_SWITCH = {
    ControlWithoutSwitch.CENTRAL: "the charger always requests authorisation; the service decides",
    ControlWithoutSwitch.REMOTE_START: "the charger always requests authorisation; the service starts freevend at plug-in",
}


class ReconcileResult(StrEnum):
    SETTLED = "settled"  # nothing to do until something changes
    UNREACHABLE = "unreachable"  # reconciled again when it connects
    WAITING = "waiting"  # for a reboot once no charge is running: reconcile again after a while
    FAILED = "failed"  # try again after a backoff


@dataclass(slots=True)
class Verified:
    """The connection (its epoch) and the generation in which the charger's mode was last read from it."""

    epoch: int = -1
    generation: int = -1


@dataclass(frozen=True, slots=True)
class Safe:
    """The state in which permissions that the charger stores were made safe: the connection, the policy for offline
    starts, the generation at which the cache was cleared (-1: not under managed access), the reservations and the
    energy level."""

    epoch: int
    offline: OfflineStarts
    managed_since: int
    reserved: frozenset[ReservationId]
    level: GateLevel = GateLevel.OPEN

    def begins_after(self, known: Safe | None) -> bool:
        """Return whether a managed window, a reserved one, or one that energy narrows further has begun since."""
        if self.managed_since < 0:
            return False
        if known is None or known.managed_since != self.managed_since:
            return True
        return not self.reserved <= known.reserved or self.level.is_narrower_than(known.level)


@dataclass(slots=True)
class Reconciler:
    view: DecisionView
    recorder: ModeRecorder
    gateway: ModeChargers
    profiles: CapabilityProfiles
    conditions: ChargerConditions
    reboots: Reboots
    clock: Clock
    _safe: dict[ChargerKey, Safe] = field(default_factory=dict)
    _verified: dict[ChargerKey, Verified] = field(default_factory=dict)

    async def reconcile(self, key: ChargerKey, trigger: str, *, read_back: bool = False) -> ReconcileResult:
        """Reconcile the charger. `read_back`: read the charger even if nothing indicates a difference (evidence of
        drift, the slow resync).

        Raises `VersionConflict` or `StoreUnavailable`: reconcile again later.
        """
        charger = self.view.charger(*key)
        charger.narrow_if_due(self.clock.now())
        profile = self.profiles.get(key[0], charger.policy.settings.profile)
        if charger.policy.retired_at is not None or profile is None:
            return ReconcileResult.SETTLED
        if profile.mode_control is ControlWithoutSwitch.UNSUPPORTED:
            return ReconcileResult.SETTLED
        epoch = self.gateway.configurable_epoch(key)
        if epoch is None:
            return ReconcileResult.UNREACHABLE
        try:
            if isinstance(profile.mode_control, ControlWithoutSwitch):
                await self._decide_here(charger, profile.mode_control, trigger)
                result = ReconcileResult.SETTLED
            else:
                result = await self._switch(key, charger, profile.mode_control, epoch, trigger, read_back)
            if result is ReconcileResult.SETTLED:
                result = await self._made_safe(key, charger, profile, epoch)
                await self.gateway.let_serve(key)
            return result
        except ChargerDidNotAnswer as silence:
            await self._record_failure(charger, "no_answer", str(silence))
        except SwitchRefused as refusal:
            await self._record_failure(charger, refusal.reason, refusal.detail)
        except NoLongerWanted as late:
            log.info("charger %s need not be %s any more: %s", key[1], charger.policy.application.requested_mode, late)
        return ReconcileResult.FAILED

    # --- chargers without a switch -----------------------------------------------------------------------------------

    async def _decide_here(self, charger: ChargerView, control: ControlWithoutSwitch, trigger: str) -> None:
        expected, due_at = self._expected(charger)
        requested = mode_changes.request_mode(
            charger.policy,
            mode=expected.mode,
            cause=expected.cause,
            due_at=due_at,
            mode_control=mode_control_name(control),
            trigger=trigger,
        )
        if requested:
            await self.recorder.append(charger, requested)
            evidence = EVIDENCE_WITHOUT_SWITCH[control]
            await self.recorder.append(charger, self._applied(charger, expected, due_at, evidence))

    # --- chargers with a switch -------------------------------------------------------------------------------------------

    async def _switch(
        self, key: ChargerKey, charger: ChargerView, switch: Switch, epoch: int, trigger: str, read_back: bool
    ) -> ReconcileResult:
        verified = self._verified.setdefault(key, Verified())
        expected, due_at = self._expected(charger)
        if mode_changes.is_applied(charger.policy, expected.mode):
            known = verified.epoch == epoch and verified.generation == charger.policy.application.generation
            if known and not read_back:
                return ReconcileResult.SETTLED
            found, evidence = await self.gateway.commands(key).read_switch(switch)
            if found is expected.mode:
                self._verified[key] = Verified(epoch, charger.policy.application.generation)
                return ReconcileResult.SETTLED
            # a value that stands for neither mode is not evidence of drift: it is written and read again
            if found is not None:
                await self._record_drift(charger, found, evidence)
        elif self._awaits_reboot(key, charger, expected):
            await self.reboots.request(key, charger.policy.application.generation)
            return ReconcileResult.WAITING
        await self._request(charger, expected, due_at, switch, trigger)
        found, evidence = await self.gateway.commands(key).read_switch(switch)
        if found is not expected.mode:
            written = await self.gateway.commands(key).write_switch(
                switch, expected.mode, lambda: self._expected(self.view.charger(*key))[0].mode is expected.mode
            )
            if written is Written.AFTER_REBOOT or switch.needs_reboot:
                await self._record_failure(charger, REBOOT_REQUIRED, "in force after a reboot, once no vehicle charges")
                await self.reboots.request(key, charger.policy.application.generation)
                return ReconcileResult.WAITING
            found, evidence = await self.gateway.commands(key).read_switch(switch)
        if found is not expected.mode:
            await self._record_failure(charger, "read_back_differs", f"accepted the write, but reads {evidence}")
            return ReconcileResult.FAILED
        await self.recorder.append(charger, self._applied(charger, expected, due_at, f"{evidence} read back"))
        self._verified[key] = Verified(epoch, charger.policy.application.generation)
        return ReconcileResult.SETTLED

    def _awaits_reboot(self, key: ChargerKey, charger: ChargerView, expected: Segment) -> bool:
        application = charger.policy.application
        return application.requested_mode is expected.mode and self.reboots.awaited(key, application)

    # --- permissions that the charger keeps ----------------------------------------------------------------------------

    async def _made_safe(
        self, key: ChargerKey, charger: ChargerView, profile: CapabilityProfile, epoch: int
    ) -> ReconcileResult:
        """Make the stored permissions safe. A charger that does not answer here is in its mode anyway: this is retried,
        and nothing is recorded."""
        try:
            await self._make_safe(key, charger, profile, epoch)
        except ChargerDidNotAnswer as silence:
            log.info("the offline settings of %s are written later: %s", key[1], silence)
            return ReconcileResult.FAILED
        return ReconcileResult.SETTLED

    async def _make_safe(self, key: ChargerKey, charger: ChargerView, profile: CapabilityProfile, epoch: int) -> None:
        """Clear the cache, if the charger has one, at the start of each managed, reserved and narrowed window. Watch
        the switch at each connection and boot. Write who may start without authorisation now, and whenever that
        changes. Raises `ChargerDidNotAnswer`."""
        application = charger.policy.application
        is_managed = application.applied_mode is AccessMode.MANAGED
        now = self.clock.now()
        reserved = charger.reserved_at(now) if is_managed else frozenset[ReservationId]()
        level = charger.level_at(now) if is_managed else GateLevel.OPEN
        settings = charger.policy.settings
        is_kept = is_managed and (settings.reservation_only or bool(reserved) or level is not GateLevel.OPEN)
        offline = _offline_starts(settings.offline_starts, is_kept=is_kept)
        wanted = Safe(epoch, offline, application.generation if is_managed else -1, reserved, level)
        known = self._safe.get(key)
        if known == wanted:
            return
        if profile.has_cache and wanted.begins_after(known):
            log.info("cache of %s: %s", key[1], await self.gateway.commands(key).clear_cache())
        if (known is None or known.epoch != epoch) and isinstance(profile.mode_control, DeviceVariable):
            watched = await self.gateway.commands(key).watch_switch(profile.mode_control)
            log.debug("switch of %s watched: %s", key[1], watched)
        if known is None or (known.epoch, known.offline) != (epoch, offline):
            await self.conditions.offline_starts_set(key, offline, await self.gateway.commands(key).make_safe(offline))
        self._safe[key] = wanted

    async def _request(
        self, charger: ChargerView, expected: Segment, due_at: datetime, switch: Switch, trigger: str
    ) -> None:
        """Append the request before anything is sent. A request that is still valid is not repeated; its work continues."""
        application = charger.policy.application
        is_valid = application.requested_mode is expected.mode and application.applied_mode is not expected.mode
        if is_valid and application.drift_found is None:
            return
        requested = mode_changes.request_mode(
            charger.policy,
            mode=expected.mode,
            cause=expected.cause,
            due_at=due_at,
            mode_control=mode_control_name(switch),
            trigger=trigger,
        )
        await self.recorder.append(charger, requested)

    async def _record_drift(self, charger: ChargerView, found: AccessMode, evidence: str) -> None:
        drift = mode_changes.record_drift(charger.policy, found=found, evidence=evidence, now=self.clock.now())
        await self.recorder.append(charger, drift)

    async def _record_failure(self, charger: ChargerView, reason: str, detail: str) -> None:
        """Record each reason once per generation, so that an unresponsive charger does not fill its stream."""
        application = charger.policy.application
        known = application.failure == reason and (
            reason != REBOOT_REQUIRED
            or self.reboots.awaited((charger.tenant_id, charger.policy.charger_id), application)
        )
        if known or application.requested_mode is None:
            return
        log.warning("charger %s is not in %s: %s", charger.policy.charger_id, application.requested_mode, detail)
        failed = mode_changes.record_failed(
            charger.policy, generation=application.generation, reason=reason, detail=detail, now=self.clock.now()
        )
        await self.recorder.append(charger, failed)

    def _applied(
        self, charger: ChargerView, expected: Segment, due_at: datetime, evidence: str
    ) -> tuple[PolicyEvent, ...]:
        return mode_changes.record_applied(
            charger.policy,
            generation=charger.policy.application.generation,
            mode=expected.mode,
            cause=expected.cause,
            due_at=due_at,
            evidence=evidence,
            now=self.clock.now(),
        )

    def _expected(self, charger: ChargerView) -> tuple[Segment, datetime]:
        """Return the segment that is valid now, and the start of the run of its mode, or of the plan if the plan was
        seen later."""
        now = self.clock.now()
        timeline = charger.timeline_now(now)
        expected = timeline.at(now)
        since = expected.start
        for segment in reversed(timeline.segments):
            if segment.end == since and segment.mode is expected.mode:
                since = segment.start
        return expected, min(now, max(since, charger.plan_seen_at))


def _offline_starts(policy: OfflineStarts, *, is_kept: bool) -> OfflineStarts:
    """Return the policy for offline starts. A charger that is held for holders of reservations, or that energy narrows,
    starts no unknown vehicle while it is offline."""
    return OfflineStarts.LIST if is_kept and policy is OfflineStarts.OPEN else policy
