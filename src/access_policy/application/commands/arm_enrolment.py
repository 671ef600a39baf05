"""Arm a charger for some minutes: the next unknown identifier presented there is offered for enrolment. Or disarm it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.enrolment_sessions import EnrolmentSessions
from access_policy.domain.ids import ChargerId, EnrolmentSessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmEnrolment:
    charger_id: ChargerId
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelEnrolment:
    charger_id: ChargerId


@dataclass(frozen=True, slots=True)
class ArmEnrolmentHandler:
    sessions: EnrolmentSessions
    policies: ChargerAccessPolicies
    clock: Clock

    async def __call__(self, context: Context, command: ArmEnrolment) -> Done:
        """Raises `ChargerUnknown`, `ChargerRetired`, `SessionLengthInvalid`."""
        policy = await self.policies.get(context.tenant_id, command.charger_id)
        policy.must_be_in_service()
        session = await self.sessions.get(context.tenant_id, command.charger_id)
        now = self.clock.now()
        session_id = EnrolmentSessionId(context.created_id("enrolment-session", command.charger_id))
        done = await self.sessions.record(context, session, session.arm(session_id, command.minutes, now=now), now=now)
        return Done(version=done.version, position=done.position, created=True, created_id=session_id)


@dataclass(frozen=True, slots=True)
class CancelEnrolmentHandler:
    sessions: EnrolmentSessions
    policies: ChargerAccessPolicies
    clock: Clock

    async def __call__(self, context: Context, command: CancelEnrolment) -> Done:
        """Raises `ChargerUnknown`, `SessionUnknown`."""
        await self.policies.get(context.tenant_id, command.charger_id)
        session = await self.sessions.get(context.tenant_id, command.charger_id)
        now = self.clock.now()
        done = await self.sessions.record(context, session, session.cancel(now=now), now=now)
        return Done(version=done.version, position=done.position)
