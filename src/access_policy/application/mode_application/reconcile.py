"""One look at one charger: compare what is expected with what was verified; where they differ, request, write, read back,
record. Reads everything afresh each time, so that a lost hint costs time and nothing else."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from access_policy.application.decision_view.view import ChargerView, DecisionView
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
from access_policy.domain.ids import ChargerKey
from access_policy.domain.mode_schedule.timeline import Segment

log = logging.getLogger(__name__)

EVIDENCE_WITHOUT_SWITCH = {
    ControlWithoutSwitch.CENTRAL: "the charger always asks; decided here",
    ControlWithoutSwitch.REMOTE_START: "the charger always asks; started from here at plug-in in freevend",
}


class Outcome(StrEnum):
    SETTLED = "settled"  # nothing to do until something changes
    UNREACHABLE = "unreachable"  # connecting will bring it up again
    WAITING = "waiting"  # for a reboot once nobody charges: look again after a while
    FAILED = "failed"  # try again after a backoff


@dataclass(slots=True)
class Verified:
    """In which connection (its epoch) and at which generation the charger's mode was last read from it."""

    epoch: int = -1
    generation: int = -1


@dataclass(frozen=True, slots=True)
class Safe:
    """What was done about permissions that the charger keeps: in which connection, by which policy, and at which
    generation the cache was cleared (-1: it is not under managed access)."""

    epoch: int
    offline: OfflineStarts
    managed_since: int


@dataclass(slots=True)
class Reconciler:
    view: DecisionView
    facts: ModeRecorder
    gateway: ModeChargers
    profiles: CapabilityProfiles
    conditions: ChargerConditions
    reboots: Reboots
    clock: Clock
    _safe: dict[ChargerKey, Safe] = field(default_factory=dict)
    _verified: dict[ChargerKey, Verified] = field(default_factory=dict)

    async def reconcile(self, key: ChargerKey, trigger: str, *, read_back: bool = False) -> Outcome:
        """`read_back`: read the charger even where nothing speaks for a difference (drift signals, the slow resync).

        Raises `VersionConflict` or `StoreUnavailable`: look again later.
        """
        charger = self.view.charger(*key)
        profile = self.profiles.get(key[0], charger.policy.settings.profile)
        if charger.policy.retired_at is not None or profile is None:
            return Outcome.SETTLED
        if profile.mode_control is ControlWithoutSwitch.UNSUPPORTED:
            return Outcome.SETTLED
        epoch = self.gateway.configurable_epoch(key)
        if epoch is None:
            return Outcome.UNREACHABLE
        try:
            if isinstance(profile.mode_control, ControlWithoutSwitch):
                await self._decide_here(charger, profile.mode_control, trigger)
                outcome = Outcome.SETTLED
            else:
                outcome = await self._switch(key, charger, profile.mode_control, epoch, trigger, read_back)
            if outcome is Outcome.SETTLED:
                outcome = await self._made_safe(key, charger, profile, epoch)
                await self.gateway.let_serve(key)
            return outcome
        except ChargerDidNotAnswer as silence:
            await self._record_failure(charger, "no_answer", str(silence))
        except SwitchRefused as refusal:
            await self._record_failure(charger, refusal.reason, refusal.detail)
        except NoLongerWanted as late:
            log.info(
                "charger %s was to be %s, and no more: %s", key[1], charger.policy.application.requested_mode, late
            )
        return Outcome.FAILED

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
            await self.facts.append(charger, requested)
            evidence = EVIDENCE_WITHOUT_SWITCH[control]
            await self.facts.append(charger, self._applied(charger, expected, due_at, evidence))

    # --- chargers with one -------------------------------------------------------------------------------------------

    async def _switch(
        self, key: ChargerKey, charger: ChargerView, switch: Switch, epoch: int, trigger: str, read_back: bool
    ) -> Outcome:
        verified = self._verified.setdefault(key, Verified())
        expected, due_at = self._expected(charger)
        if mode_changes.is_applied(charger.policy, expected.mode):
            known = verified.epoch == epoch and verified.generation == charger.policy.application.generation
            if known and not read_back:
                return Outcome.SETTLED
            found, evidence = await self.gateway.commands(key).read_switch(switch)
            if found is expected.mode:
                self._verified[key] = Verified(epoch, charger.policy.application.generation)
                return Outcome.SETTLED
            if found is not None:  # a value that says nothing proves no drift: it is written and read again
                await self._record_drift(charger, found, evidence)
        elif self._awaits_reboot(key, charger, expected):
            await self.reboots.ask(key, charger.policy.application.generation)
            return Outcome.WAITING
        await self._request(charger, expected, due_at, switch, trigger)
        found, evidence = await self.gateway.commands(key).read_switch(switch)
        if found is not expected.mode:
            written = await self.gateway.commands(key).write_switch(
                switch, expected.mode, lambda: self._expected(self.view.charger(*key))[0].mode is expected.mode
            )
            if written is Written.AFTER_REBOOT or switch.needs_reboot:
                await self._record_failure(charger, REBOOT_REQUIRED, "in force after a reboot, once nobody charges")
                await self.reboots.ask(key, charger.policy.application.generation)
                return Outcome.WAITING
            found, evidence = await self.gateway.commands(key).read_switch(switch)
        if found is not expected.mode:
            await self._record_failure(charger, "read_back_differs", f"accepted the write, but reads {evidence}")
            return Outcome.FAILED
        await self.facts.append(charger, self._applied(charger, expected, due_at, f"{evidence} read back"))
        self._verified[key] = Verified(epoch, charger.policy.application.generation)
        return Outcome.SETTLED

    def _awaits_reboot(self, key: ChargerKey, charger: ChargerView, expected: Segment) -> bool:
        application = charger.policy.application
        return application.requested_mode is expected.mode and self.reboots.awaited(key, application)

    # --- permissions that the charger keeps ----------------------------------------------------------------------------

    async def _made_safe(
        self, key: ChargerKey, charger: ChargerView, profile: CapabilityProfile, epoch: int
    ) -> Outcome:
        """A charger that does not answer here is in its mode all the same: it is asked again, and nothing is recorded."""
        try:
            await self._make_safe(key, charger, profile, epoch)
        except ChargerDidNotAnswer as silence:
            log.info("who may start without asking at %s is set later: %s", key[1], silence)
            return Outcome.FAILED
        return Outcome.SETTLED

    async def _make_safe(self, key: ChargerKey, charger: ChargerView, profile: CapabilityProfile, epoch: int) -> None:
        """At the start of each managed window the cache is cleared, where the charger has one; at each connection and boot
        the charger is asked to tell changes of its switch; then, and when the policy says otherwise, who may start without
        asking is set anew. Raises `ChargerDidNotAnswer`."""
        application = charger.policy.application
        offline = charger.policy.settings.offline_starts
        wanted = Safe(epoch, offline, application.generation if application.applied_mode is AccessMode.MANAGED else -1)
        known = self._safe.get(key)
        if known == wanted:
            return
        begins = wanted.managed_since >= 0 and (known is None or known.managed_since != wanted.managed_since)
        if begins and profile.has_cache:
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
        """Append the request before anything is sent. A request that stands is not made again: it is carried on with."""
        application = charger.policy.application
        stands = application.requested_mode is expected.mode and application.applied_mode is not expected.mode
        if stands and application.drift_found is None:
            return
        requested = mode_changes.request_mode(
            charger.policy,
            mode=expected.mode,
            cause=expected.cause,
            due_at=due_at,
            mode_control=mode_control_name(switch),
            trigger=trigger,
        )
        await self.facts.append(charger, requested)

    async def _record_drift(self, charger: ChargerView, found: AccessMode, evidence: str) -> None:
        drift = mode_changes.record_drift(charger.policy, found=found, evidence=evidence, now=self.clock.now())
        await self.facts.append(charger, drift)

    async def _record_failure(self, charger: ChargerView, reason: str, detail: str) -> None:
        """Once for each reason of a generation: a charger that stays silent must not fill its stream."""
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
        await self.facts.append(charger, failed)

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
        """What holds now, and since when: the start of the run of this mode, but not before the plan said so."""
        now = self.clock.now()
        timeline = charger.timeline_now(now)
        expected = timeline.at(now)
        since = expected.start
        for segment in reversed(timeline.segments):
            if segment.end == since and segment.mode is expected.mode:
                since = segment.start
        return expected, min(now, max(since, charger.plan_seen_at))
