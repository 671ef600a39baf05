"""Override the mode of many chargers of a depot for a period, and lift that override together, with a result for each.

The override has the same id at all its chargers, which makes it a group: it is shown, counted down and lifted as one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.override_previews import OverrideEffect, effect_of
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.repositories.depots import Depots
from access_policy.application.retrying import retrying
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.errors import ChargerUnknown, OverrideUnknown
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, OverrideId
from access_policy.domain.mode_schedule.timeline import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideMany:
    """`charger_ids` None means all chargers in service at the depot. The override ends as in `OverrideMode`; without
    `until` and `lasts` it ends at each charger's own next transition. With `dry_run`, record nothing and return the
    effect on each charger."""

    depot_id: DepotId
    charger_ids: tuple[ChargerId, ...] | None
    mode: AccessMode
    reason: str
    starts_at: datetime | None = None
    until: datetime | None = None
    lasts: timedelta | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftMany:
    depot_id: DepotId
    override_id: OverrideId


@dataclass(frozen=True, slots=True, kw_only=True)
class OverriddenOne:
    """`override` is the charger's override afterwards; None if it was lifted before it began. `changed` is true if
    something was recorded; `refusal` says why nothing was. `effect` is set in a dry run."""

    charger_id: ChargerId
    override: Override | None = None
    changed: bool = False
    refusal: Refused | TooBusy | None = None
    position: int = 0
    effect: OverrideEffect | None = None


@dataclass(frozen=True, slots=True)
class _OnOne:
    charger_id: ChargerId
    expected_version: int | None = None


Decide = Callable[[ChargerAccessPolicy], tuple[PolicyEvent, ...]]


@dataclass(frozen=True, slots=True)
class _Recording:
    """Records the events of each charger."""

    change: ChangePolicy
    override_id: OverrideId
    decide: Decide

    async def __call__(self, context: Context, on: _OnOne) -> OverriddenOne:
        done = await self.change(context, on, self.decide)
        policy = await self.change.policies.get(context.tenant_id, on.charger_id)
        return OverriddenOne(
            charger_id=on.charger_id,
            override=policy.overrides.get(self.override_id),
            changed=done.position > 0,
            position=done.position,
        )


@dataclass(frozen=True, slots=True)
class _Trying:
    """Decides for each charger and records nothing."""

    change: ChangePolicy
    decide: Decide

    async def __call__(self, context: Context, on: _OnOne) -> OverriddenOne:
        policy = await self.change.policies.get(context.tenant_id, on.charger_id)
        effect = effect_of(policy, self.decide(policy))
        return OverriddenOne(charger_id=on.charger_id, override=effect.override, effect=effect)


async def _each(context: Context, charger_ids: list[ChargerId], run: _Recording | _Trying) -> list[OverriddenOne]:
    """Return a result for each charger. Raises only `StoreUnavailable`; every other failure is the charger's own result."""
    results = []
    async for charger_id in cooperatively(charger_ids):
        try:
            results.append(await retrying(run)(context, _OnOne(charger_id)))
        except (Refused, TooBusy) as refusal:
            results.append(OverriddenOne(charger_id=charger_id, refusal=refusal))
    return results


@dataclass(frozen=True, slots=True)
class OverrideManyHandler:
    change: ChangePolicy
    depots: Depots
    chargers: ChargersOfDepot

    async def __call__(self, context: Context, command: OverrideMany) -> tuple[OverrideId, list[OverriddenOne]]:
        """Override each charger; all overrides begin and end at the same instants, regardless of how long the command
        takes. Raises `DepotUnknown`."""
        depot = await self.depots.get(context.tenant_id, command.depot_id)
        at_depot = await self.chargers.charger_ids(context.tenant_id, command.depot_id)
        wanted = list(at_depot if command.charger_ids is None else dict.fromkeys(command.charger_ids))
        override_id = OverrideId(context.created_id("override", command.depot_id))
        now, there = self.change.clock.now(), frozenset(at_depot)
        until = command.until if command.lasts is None else (command.starts_at or now) + command.lasts

        def decide(policy: ChargerAccessPolicy) -> tuple[PolicyEvent, ...]:
            if policy.charger_id not in there:
                raise ChargerUnknown(f"There is no charger {policy.charger_id} in service at this depot.")
            if policy.has_entry(override_id):
                return ()  # made by an earlier run of the same command
            return policy.override(
                override_id,
                mode=command.mode,
                starts_at=command.starts_at,
                ends_at=until,
                reason=command.reason,
                made_by=context.actor,
                now=now,
                longest=depot.longest_override,
            )

        if command.dry_run:
            return override_id, await _each(context, wanted, _Trying(self.change, decide))
        return override_id, await _each(context, wanted, _Recording(self.change, override_id, decide))


@dataclass(frozen=True, slots=True)
class LiftManyHandler:
    change: ChangePolicy
    depots: Depots
    chargers: ChargersOfDepot

    async def __call__(self, context: Context, command: LiftMany) -> list[OverriddenOne]:
        """Lift the override at each charger; where it is over or lifted, nothing changes. Raises `DepotUnknown`, or
        `OverrideUnknown` if no charger of the depot has it."""
        await self.depots.get(context.tenant_id, command.depot_id)
        having = []
        async for charger_id in cooperatively(await self.chargers.charger_ids(context.tenant_id, command.depot_id)):
            policy = await self.change.policies.get(context.tenant_id, charger_id)
            if command.override_id in policy.overrides or command.override_id in policy.never_begun:
                having.append(charger_id)
        if not having:
            raise OverrideUnknown(f"No charger of this depot has the override {command.override_id[:64]}.")
        now = self.change.clock.now()
        run = _Recording(
            self.change, command.override_id, lambda policy: policy.lift_override(command.override_id, now=now)
        )
        return await _each(context, having, run)
