"""Leave a denied identifier out of the list for some days, or list it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from access_policy.application.commands import Done
from access_policy.application.commands.enrol_identifier import DeniedIdentifierUnknown
from access_policy.application.context import Context
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.views import Views
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.ignored import DAYS_MAX, IgnoredIdentifier, IgnoringInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreIdentifier:
    """Ignored for `days` from now; it is listed again when it is denied after that."""

    pseudonym: str
    days: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListIdentifierAgain:
    pseudonym: str


@dataclass(frozen=True, slots=True)
class IgnoreIdentifierHandler:
    registries: VehicleRegistries
    views: Views
    clock: Clock

    async def __call__(self, context: Context, command: IgnoreIdentifier) -> Done:
        """Ignore the identifier. Raises `DeniedIdentifierUnknown`, `IgnoringInvalid` or `InvalidName`."""
        if not 1 <= command.days <= DAYS_MAX:
            raise IgnoringInvalid(f"days must be between 1 and {DAYS_MAX}.", pointer="/days")
        await _must_be_denied(self.views, context.tenant_id, command.pseudonym)
        now = self.clock.now()
        ignored = IgnoredIdentifier(
            pseudonym=command.pseudonym,
            until=now + timedelta(days=command.days),
            reason=command.reason,
            ignored_by=context.actor,
        )
        async with self.registries.locked(context.tenant_id) as registry:
            events = registry.ignore(ignored, now=now)
            done = await self.registries.record(context, registry, events, now=now)
        return Done(version=done.version, position=done.position)


@dataclass(frozen=True, slots=True)
class ListIdentifierAgainHandler:
    registries: VehicleRegistries
    views: Views
    clock: Clock

    async def __call__(self, context: Context, command: ListIdentifierAgain) -> Done:
        """List the identifier again. Raises `DeniedIdentifierUnknown`."""
        await _must_be_denied(self.views, context.tenant_id, command.pseudonym)
        async with self.registries.locked(context.tenant_id) as registry:
            events = registry.list_again(command.pseudonym)
            done = await self.registries.record(context, registry, events, now=self.clock.now())
        return Done(version=done.version, position=done.position)


async def _must_be_denied(views: Views, tenant_id: TenantId, pseudonym: str) -> None:
    if not await views.was_denied(tenant_id, pseudonym):
        raise DeniedIdentifierUnknown(
            "Denied identifier not found; use a denied_id from the list of denied identifiers."
        )
