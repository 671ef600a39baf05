"""Any sequence of commands: folding what was emitted gives the state that decided, and the invariants hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Enforcement
from access_policy.domain.charger_access_policy import mode_changes
from access_policy.domain.charger_access_policy import policy as policies
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, ExceptionId, OverrideId, RuleId, VehicleId
from access_policy.domain.vehicle_registry import registry as registries
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from tests.support.builders import ANNA, BAY, DAY, HOUR, NOON, agreement, rule, settings, vehicle_identifier
from tests.support.lengths import Length

HISTORIES = Length(ci=60, soak=2_000, of="histories")

PolicyCommand = Callable[[ChargerAccessPolicy, datetime], tuple[Any, ...]]
RegistryCommand = Callable[[VehicleRegistry], tuple[Any, ...]]

modes = st.sampled_from(AccessMode)
names = st.sampled_from("abc")


@st.composite
def policy_commands(draw: st.DrawFn) -> PolicyCommand:
    name, mode, n = draw(names), draw(modes), draw(st.integers(0, 4))
    a_rule = rule(draw(st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=HOURLY"])), rule_id=RuleId(name), mode=mode)
    enforcement = draw(st.sampled_from(Enforcement))
    cause = {"cause": BASELINE_CAUSE, "due_at": NOON}
    commands: list[PolicyCommand] = [
        lambda p, now: p.put(settings(connectors=n), enforcement),
        lambda p, now: p.move_to_time_zone("Europe/Madrid"),
        lambda p, now: p.schedule(a_rule, now=now),
        lambda p, now: p.amend_rule(a_rule),
        lambda p, now: p.withdraw_rule(RuleId(name)),
        lambda p, now: p.add_exception(
            ExceptionId(name), first=date(2026, 11, 18), last=date(2026, 11, 17 + n), mode=mode, reason="why", now=now
        ),
        lambda p, now: p.remove_exception(ExceptionId(name)),
        lambda p, now: p.override(
            OverrideId(name),
            mode=mode,
            starts_at=None,
            ends_at=now + n * HOUR if n else None,
            reason="why",
            made_by=ANNA,
            now=now,
        ),
        lambda p, now: p.lift_override(OverrideId(name), now=now),
        lambda p, now: mode_changes.request_mode(p, mode=mode, mode_control="central", trigger="resync", **cause),
        lambda p, now: mode_changes.record_applied(p, generation=n, mode=mode, evidence="seen", now=now, **cause),
        lambda p, now: mode_changes.record_failed(p, generation=n, reason="timeout", detail="", now=now),
        lambda p, now: mode_changes.record_drift(p, found=mode, evidence="seen", now=now),
    ]
    if draw(st.integers(0, 19)) == 0:
        return lambda p, now: p.retire(now=now)
    return draw(st.sampled_from(commands))


@given(st.lists(policy_commands(), max_size=25))
def test_replaying_a_policys_events_gives_the_same_policy(commands: list[PolicyCommand]) -> None:
    events = list(policies.register(BAY, settings(), Enforcement.ENFORCE))
    policy = policies.fold(events)
    assert policy is not None
    for step, command in enumerate(commands):
        before = policy
        try:
            decided = command(policy, NOON + step * HOUR)
        except Refused:
            decided = ()
        assert policy == before
        for event in decided:
            policy = policies.evolve(policy, event)
            assert policy == policies.evolve(policies.fold(events), event)
            events.append(event)

    assert policies.fold(events) == policy
    assert policy.version == len(events)


identifiers = st.builds(
    vehicle_identifier,
    st.sampled_from(["p1", "p2", "p3", "p4"]),
    st.sampled_from([IdentifierKind.RFID, IdentifierKind.MAC]),
)


@st.composite
def registry_commands(draw: st.DrawFn) -> RegistryCommand:
    vehicle_id, agreement_id = VehicleId(draw(names)), AgreementId(draw(names))
    is_own = draw(st.booleans())
    description = VehicleDescription(
        name=draw(st.sampled_from(["Van", "Truck"])),
        access_class=AccessClass.OWN if is_own else AccessClass.AGREEMENT,
        agreement_id=None if is_own else agreement_id,
    )
    has = draw(st.lists(identifiers, max_size=4))
    ends = draw(st.sampled_from([None, NOON, NOON + DAY]))
    contract = agreement(agreement_id=agreement_id, valid_until=ends)
    commands: list[RegistryCommand] = [
        lambda r: r.put_vehicle(vehicle_id, description, has),
        lambda r: r.put_vehicle(vehicle_id, description, has),
        lambda r: r.put_vehicle(vehicle_id, description, has),
        lambda r: r.remove_vehicle(vehicle_id),
        lambda r: r.suspend(vehicle_id, "why"),
        lambda r: r.reinstate(vehicle_id, "why"),
        lambda r: r.put_agreement(contract),
        lambda r: r.end_agreement(agreement_id, now=NOON),
    ]
    return draw(st.sampled_from(commands))


@pytest.mark.soak(HISTORIES)
@hypothesis.settings(max_examples=HISTORIES.count)
@given(st.lists(registry_commands(), max_size=30))
def test_an_identifier_belongs_to_one_vehicle_whatever_happens(commands: list[RegistryCommand]) -> None:
    registry, events = VehicleRegistry(), []
    for command in commands:
        try:
            decided = command(registry)
        except Refused:
            decided = ()
        for event in decided:
            registry.apply(event)
            events.append(event)
            keys = [
                ((i.kind, i.pseudonym), vehicle.vehicle_id)
                for vehicle in registry.vehicles.values()
                for i in vehicle.identifiers
            ]
            assert len(keys) == len(dict(keys)), "an identifier is held twice"
            assert registry.holders == dict(keys)

    assert registries.fold(events) == registry
    assert registry.version == len(events)
    for vehicle in registry.vehicles.values():
        identifiers = [VehicleIdentifier(ref=each, sealed="") for each in vehicle.identifiers]
        assert registry.put_vehicle(vehicle.vehicle_id, vehicle.description, identifiers) == ()
        assert vehicle == replace(registry.vehicle(vehicle.vehicle_id))
