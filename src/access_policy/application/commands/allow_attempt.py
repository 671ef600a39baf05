"""Let the identifier of a refused attempt charge until an instant, or end that permission early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import Decided, refused_for
from access_policy.domain.errors import Unknown
from access_policy.domain.ids import AttemptId, TenantId
from access_policy.domain.instants import utc
from access_policy.domain.vehicle_registry.ad_hoc import AdHocNotPossible, AdHocPermission
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

OVERRIDABLE: Final = frozenset(
    {
        Reason.UNKNOWN_IDENTIFIER,
        Reason.RESERVATION_REQUIRED,
        Reason.RESERVATION_NOT_STARTED,
        Reason.RESERVATION_ENDED,
        Reason.VEHICLE_NOT_VALID,
        Reason.AGREEMENT_NOT_STARTED,
        Reason.AGREEMENT_ENDED,
        Reason.AGREEMENT_NOT_HERE,
        Reason.AGREEMENT_NOT_NOW,
    }
)


class AttemptUnknown(Unknown):
    code = "attempt-not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowAttempt:
    """Exactly one of `until` and `lasts` (from now) is given."""

    attempt_id: AttemptId
    reason: str
    until: datetime | None = None
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAllowance:
    attempt_id: AttemptId


@dataclass(frozen=True, slots=True)
class AllowAttemptHandler:
    registries: VehicleRegistries
    store: EventStore
    clock: Clock

    async def __call__(self, context: Context, command: AllowAttempt) -> Done:
        """Give the permission; a second permission for the attempt replaces the first. Raises `AttemptUnknown`,
        `AdHocNotPossible` or `AdHocInvalid`."""
        decided = await _refusal(self.store, context.tenant_id, command.attempt_id)
        now = self.clock.now()
        async with self.registries.locked(context.tenant_id) as registry:
            permission = _permission(context, command, decided, registry, now)
            events = registry.allow_ad_hoc(permission)
            done = await self.registries.record(context, registry, events, now=now)
        return Done(version=done.version, position=done.position, created_id=command.attempt_id)


@dataclass(frozen=True, slots=True)
class EndAllowanceHandler:
    registries: VehicleRegistries
    clock: Clock

    async def __call__(self, context: Context, command: EndAllowance) -> Done:
        """End the permission; one that is over is unchanged. Raises `AdHocUnknown`."""
        now = self.clock.now()
        async with self.registries.locked(context.tenant_id) as registry:
            events = registry.end_ad_hoc(command.attempt_id, now=now)
            done = await self.registries.record(context, registry, events, now=now)
        return Done(version=done.version, position=done.position)


async def _refusal(store: EventStore, tenant_id: TenantId, attempt_id: AttemptId) -> Decided:
    """Return the attempt's last decision, which must be a refusal that a permission can override."""
    history = await store.load(attempt_stream(tenant_id, attempt_id))
    decisions = [each.event for each in history if isinstance(each.event, Decided)]
    if not decisions:
        raise AttemptUnknown(f"There is no decided attempt {attempt_id[:64]}.")
    decided: Decided = decisions[-1]
    refused = refused_for(decided)
    if refused is None:
        raise AdHocNotPossible("This attempt was allowed; there is nothing to allow.")
    if refused not in OVERRIDABLE:
        raise AdHocNotPossible(
            f"An attempt that was denied because of {refused.value} cannot be allowed; remove the cause instead."
        )
    return decided


def _permission(
    context: Context,
    command: AllowAttempt,
    decided: Decided,
    registry: VehicleRegistry,
    now: datetime,
) -> AdHocPermission:
    ref = decided.lineage.identifier
    assert ref is not None  # these reasons apply only to attempts with an identifier
    holder = registry.holder_of(ref)
    if holder is not None and holder.suspended_because is not None:
        raise AdHocNotPossible(f"Vehicle {holder.vehicle_id} is suspended; reinstate it first.")
    if command.until is not None:
        until = utc(command.until, "until")
    else:
        assert command.lasts is not None  # one of the two is given
        until = now + command.lasts
    return AdHocPermission(
        attempt_id=command.attempt_id,
        depot_id=decided.lineage.depot_id,
        identifier=ref,
        vehicle_id=None if holder is None else holder.vehicle_id,
        given_at=now,
        until=until,
        reason=command.reason,
        given_by=context.actor,
    )
