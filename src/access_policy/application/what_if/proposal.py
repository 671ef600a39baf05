"""Proposed changes, applied to copies of policies and of the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.ports.secrets import Pseudonyms, refs_of
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy.events import ModeScheduleAmended, ModeScheduled, ModeScheduleWithdrawn
from access_policy.domain.charger_access_policy.following import take_schedule
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy, evolve
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import AgreementId, ChargerId, RuleId, ScheduleId, TenantId, VehicleId
from access_policy.domain.instants import zone
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import RegistryEvent, VehicleDescription, VehicleIdentifier
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedRule:
    """A new rule (`rule_id` None), new content for an existing one, or its withdrawal (`draft` None). `charger_ids`
    None: all chargers of the what-if; for an existing rule, those that have it.
    """

    charger_ids: frozenset[ChargerId] | None
    rule_id: RuleId | None
    draft: RuleDraft | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedVehicle:
    """`description` None: the vehicle keeps its description, or is removed if `removed`. `suspended` None: unchanged."""

    vehicle_id: VehicleId
    description: VehicleDescription | None = None
    identifiers: tuple[Identifier, ...] = ()
    removed: bool = False
    suspended: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedAgreement:
    """`agreement` None: the agreement ends."""

    agreement_id: AgreementId
    agreement: Agreement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedSchedule:
    """`charger_ids` would follow the schedule, which would have the content of `schedule` (None: they would leave it)."""

    schedule_id: ScheduleId
    charger_ids: frozenset[ChargerId]
    schedule: Schedule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    schedules: tuple[ProposedSchedule, ...] = ()
    rules: tuple[ProposedRule, ...] = ()
    vehicles: tuple[ProposedVehicle, ...] = ()
    agreements: tuple[ProposedAgreement, ...] = ()
    enforcement: Enforcement | None = None
    baseline_mode: AccessMode | None = None

    @property
    def concerns_chargers(self) -> bool:
        """Return whether the proposal changes the policy of a charger, and not only the registry."""
        return bool(self.schedules or self.rules or self.enforcement or self.baseline_mode)


def proposed_policy(policy: ChargerAccessPolicy, proposal: Proposal, *, since: datetime) -> ChargerAccessPolicy:
    """Return the policy as if the proposal had been made at `since`, from which the dates of new rules count. Raises
    the error that makes a rule impossible."""
    settings = policy.settings
    if proposal.baseline_mode is not None:
        settings = replace(settings, baseline_mode=proposal.baseline_mode)
    proposed = replace(policy, settings=settings, enforcement=proposal.enforcement or policy.enforcement)
    for index, followed in enumerate(proposal.schedules):
        if policy.charger_id in followed.charger_ids:
            proposed = _pointed(f"/changes/schedules/{index}", partial(_with_schedule, proposed, followed, since))
    for index, change in enumerate(proposal.rules):
        if change.charger_ids is None or policy.charger_id in change.charger_ids:
            with_pointer = f"/changes/rules/{index}"
            proposed = _pointed(with_pointer, partial(_with_rule, proposed, change, since))
    return proposed


def _with_schedule(policy: ChargerAccessPolicy, change: ProposedSchedule, since: datetime) -> ChargerAccessPolicy:
    """Return the policy with the changed schedule, the dates of whose rules count from `since` at the latest. Raises
    `TooManyRules`."""
    if change.schedule is None:
        left = {key: each for key, each in policy.schedules.items() if key != change.schedule_id}
        return replace(policy, schedules=left)
    take_schedule(policy, change.schedule)  # raises TooManyRules
    rules = tuple(_counted_from(rule, policy.settings.time_zone, since) for rule in change.schedule.rules)
    return replace(policy, schedules={**policy.schedules, change.schedule_id: replace(change.schedule, rules=rules)})


def _counted_from(rule: ModeRule, time_zone: str, since: datetime) -> ModeRule:
    if rule.applies_from is not None:
        return rule
    return replace(rule, anchor=min(rule.anchor, since.astimezone(zone(rule.time_zone or time_zone)).date()))


def _with_rule(policy: ChargerAccessPolicy, change: ProposedRule, since: datetime) -> ChargerAccessPolicy:
    named = change.rule_id
    if named is not None and named not in policy.rules:
        if change.charger_ids is None:
            return policy
        policy.rule(named)  # raises RuleUnknown: this charger was named
    if change.draft is None:
        return (
            policy
            if named is None
            else evolve(policy, ModeScheduleWithdrawn(charger_id=policy.charger_id, rule_id=named))
        )
    rule_zone = zone(policy.settings.time_zone if change.draft.time_zone is None else change.draft.time_zone)
    made_on = since.astimezone(rule_zone).date()
    rule = change.draft.rule(named or RuleId("proposed"), policy.settings.time_zone, now=since, made_on=made_on)
    policy.check_rule(rule)
    event = ModeScheduled if named is None else ModeScheduleAmended
    return evolve(policy, event(charger_id=policy.charger_id, rule=rule))


def proposed_registry(
    registry: VehicleRegistry, proposal: Proposal, pseudonyms: Pseudonyms, tenant_id: TenantId, *, now: datetime
) -> VehicleRegistry:
    """Return `registry` itself, or a copy with the changes. Raises the registry's refusals, with a pointer into the
    proposal."""
    if not proposal.vehicles and not proposal.agreements:
        return registry
    proposed = registry.copy()
    for index, agreement in enumerate(proposal.agreements):
        _apply(proposed, _pointed(f"/changes/agreements/{index}", partial(_agreed, proposed, agreement, now)))
    for removing in (True, False):  # an identifier may move from a removed vehicle to a new one
        for index, vehicle in enumerate(proposal.vehicles):
            if vehicle.removed is removing:
                pointer = f"/changes/vehicles/{index}"
                _pointed(pointer, partial(_change_vehicle, proposed, vehicle, pseudonyms, tenant_id))
    return proposed


def _agreed(registry: VehicleRegistry, change: ProposedAgreement, now: datetime) -> Sequence[RegistryEvent]:
    if change.agreement is None:
        registry.agreement(change.agreement_id)
        ended = replace(registry.agreements[change.agreement_id], ended_at=datetime.min.replace(tzinfo=now.tzinfo))
        registry.agreements[change.agreement_id] = ended  # ended before the whole period
        return ()
    return registry.put_agreement(change.agreement)


def _change_vehicle(
    registry: VehicleRegistry, change: ProposedVehicle, pseudonyms: Pseudonyms, tenant_id: TenantId
) -> None:
    if change.removed:
        _apply(registry, registry.remove_vehicle(change.vehicle_id))
        return
    if change.description is not None:
        readings = [refs_of(pseudonyms, tenant_id, each) for each in change.identifiers]
        held = dict.fromkeys(registry.held_as(refs, change.vehicle_id) for refs in readings)
        identifiers = [VehicleIdentifier(ref=ref, sealed="") for ref in held]
        _apply(registry, registry.put_vehicle(change.vehicle_id, change.description, identifiers))
        for ref in (
            ref for refs in readings for ref in refs
        ):  # attempts were recorded in the normal form of their time
            registry.holders.setdefault((ref.kind, ref.pseudonym), change.vehicle_id)
    if change.suspended is not None:
        act = registry.suspend if change.suspended else registry.reinstate
        _apply(registry, act(change.vehicle_id, "what if"))


def _apply(registry: VehicleRegistry, events: Sequence[RegistryEvent]) -> None:
    for event in events:
        registry.apply(event)


def _pointed(pointer: str, act: Callable[[], _Answer]) -> _Answer:
    try:
        return act()
    except Refused as refusal:
        refusal.pointer = pointer + (refusal.pointer or "")
        raise
