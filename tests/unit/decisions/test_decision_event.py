"""From inputs to the event that records the decision: a pure function."""

from __future__ import annotations

from dataclasses import replace

import pytest

from access_policy.application.deciding.decision_event import Versions, decision_event
from access_policy.domain.access.decision import DecisionInputs
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DenialSignal
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.ids import AttemptId
from tests.support.depot_in_memory import BAY, BUS, NIGHT, STRANGER, DepotInMemory
from tests.support.stores import inline_memory_store

ATTEMPT_ID = AttemptId("attempt-1")


@pytest.fixture
async def depot() -> DepotInMemory:
    return await DepotInMemory(inline_memory_store()).opened()


def event_of(depot: DepotInMemory, presented: object, **changed: object) -> AccessAllowed | AccessDenied:
    attempt = depot.attempt(presented)  # type: ignore[arg-type]
    charger = depot.view.charger(attempt.tenant_id, BAY)
    timeline = charger.timeline_at(NIGHT)
    ref = depot.identifiers.of_attempt(attempt)
    inputs: DecisionInputs = depot.decisions.inputs.gather(
        charger, ref, NIGHT, timeline, connector_id=attempt.connector_id, actor=attempt.actor
    )
    return decision_event(
        attempt,
        ATTEMPT_ID,
        replace(inputs, **changed),  # type: ignore[arg-type]
        timeline,
        Versions(policy=7, registry=9),
        lambda reason: DenialSignal(status=f"shown for {reason}"),
    )


async def test_decision_event_of_an_own_vehicle_is_allowed_with_the_lineage_of_its_inputs(depot: DepotInMemory):
    event = event_of(depot, BUS)

    assert isinstance(event, AccessAllowed)
    assert event.reason is Reason.OWN_VEHICLE
    assert (event.lineage.policy_version, event.lineage.registry_version) == (7, 9)
    assert (event.lineage.attempt_id, event.lineage.vehicle_id) == (ATTEMPT_ID, "bus-7")


async def test_decision_event_of_a_stranger_is_denied_with_the_signal_for_the_reason(depot: DepotInMemory):
    event = event_of(depot, STRANGER)

    assert isinstance(event, AccessDenied)
    assert event.signal == DenialSignal(status="shown for unknown_identifier")


async def test_decision_event_of_a_stranger_under_observe_is_allowed_and_names_the_denial(depot: DepotInMemory):
    event = event_of(depot, STRANGER, enforcement=Enforcement.OBSERVE)

    assert isinstance(event, AccessAllowed)
    assert (event.reason, event.would_deny) == (Reason.OBSERVED, Reason.UNKNOWN_IDENTIFIER)
