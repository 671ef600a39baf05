"""Arm a charger for some minutes, so that the next unknown identifier presented at it is offered for enrolment; or
disarm it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.enrolment_sessions import EnrolmentSessions
from access_policy.domain.capability_profiles.capabilities import Autocharge
from access_policy.domain.errors import Conflict
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, EnrolmentSessionId, TenantId


class AutochargeNotSupported(Conflict):
    """According to its profile, the charger never presents a vehicle's MAC."""

    code = "autocharge-not-supported"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEnrolment:
    """`kind` is the kind of identifier that will be presented; None: any."""

    charger_id: ChargerId
    minutes: int
    kind: IdentifierKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelEnrolment:
    charger_id: ChargerId


@dataclass(frozen=True, slots=True)
class ArmEnrolmentHandler:
    sessions: EnrolmentSessions
    policies: ChargerAccessPolicies
    clock: Clock
    profiles: CapabilityProfiles | None = None

    async def __call__(self, context: Context, command: ArmEnrolment) -> Done:
        """Arm the charger. Raises `ChargerUnknown`, `ChargerRetired`, `AutochargeNotSupported`, `SessionLengthInvalid`."""
        policy = await self.policies.get(context.tenant_id, command.charger_id)
        policy.must_be_in_service()
        if command.kind is IdentifierKind.MAC:
            self._must_present_macs(context.tenant_id, command.charger_id, policy.settings.profile)
        session = await self.sessions.get(context.tenant_id, command.charger_id)
        now = self.clock.now()
        session_id = EnrolmentSessionId(context.created_id("enrolment-session", command.charger_id))
        done = await self.sessions.record(context, session, session.arm(session_id, command.minutes, now=now), now=now)
        return Done(version=done.version, position=done.position, created=True, created_id=session_id)

    def _must_present_macs(self, tenant_id: TenantId, charger_id: ChargerId, name: str) -> None:
        profile = None if self.profiles is None else self.profiles.get(tenant_id, name)
        if profile is not None and profile.autocharge is Autocharge.NO:
            raise AutochargeNotSupported(
                f"Charger {charger_id} does not support Autocharge, as its profile {name} says: it never presents a "
                "vehicle's MAC. Arm a charger that does, or give this charger a profile that supports it.",
                pointer="/kind",
            )


@dataclass(frozen=True, slots=True)
class CancelEnrolmentHandler:
    sessions: EnrolmentSessions
    policies: ChargerAccessPolicies
    clock: Clock

    async def __call__(self, context: Context, command: CancelEnrolment) -> Done:
        """Disarm the charger. Raises `ChargerUnknown`, `SessionUnknown`."""
        await self.policies.get(context.tenant_id, command.charger_id)
        session = await self.sessions.get(context.tenant_id, command.charger_id)
        now = self.clock.now()
        done = await self.sessions.record(context, session, session.cancel(now=now), now=now)
        return Done(version=done.version, position=done.position)
