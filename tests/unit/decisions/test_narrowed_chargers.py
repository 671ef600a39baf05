"""Where energy narrows a charger: who may start, what is recorded and shown, and that charges under way go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from access_policy.adapters.ocpp.driver_texts.catalogue import DriverTexts
from access_policy.application.deciding.denials import denial_at
from access_policy.domain.access.events import AccessAllowed, AccessDenied, Stage
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, CauseKind
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import AttemptId
from access_policy.domain.site_energy.gate import GateLevel
from tests.support.depot_in_memory import BAY, BUS, DAY, STRANGER, TENANT, DepotInMemory
from tests.support.energy import GivenGates, a_window
from tests.support.stores import memory_store

KEY = (TENANT, BAY)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NARROWED, OVER = DAY + HOUR, DAY + 2 * HOUR


@pytest.fixture
def gates() -> GivenGates:
    return GivenGates()


@pytest.fixture
async def depot(gates: GivenGates) -> DepotInMemory:
    depot = await DepotInMemory(memory_store(), gates=gates).opened()
    depot.clock.set(DAY)
    gates.give(KEY, a_window(NARROWED, OVER, GateLevel.OWN_AND_AGREEMENT))
    depot.narrowing.freshen(KEY)
    return depot


async def decided(depot: DepotInMemory, card: Identifier, at: datetime) -> AccessAllowed | AccessDenied:
    depot.clock.set(at)
    return (await depot.decider.authorize(depot.attempt(card, message_id=f"{card.value} {at}"))).event


async def test_stranger_is_refused_for_energy_in_the_window_and_admitted_around_it(depot: DepotInMemory) -> None:
    instants = (NARROWED - MINUTE, NARROWED, OVER - MINUTE, OVER)

    reasons = [(await decided(depot, STRANGER, at)).reason for at in instants]

    assert reasons == [Reason.FREEVEND, Reason.ENERGY_RESTRICTED, Reason.ENERGY_RESTRICTED, Reason.FREEVEND]


async def test_own_vehicle_is_never_refused_for_energy(depot: DepotInMemory, gates: GivenGates) -> None:
    gates.give(KEY, a_window(NARROWED, OVER, GateLevel.OWN_ONLY))

    assert (await decided(depot, BUS, NARROWED)).reason is Reason.OWN_VEHICLE


async def test_refusal_records_the_gate_the_row_and_the_cause(depot: DepotInMemory) -> None:
    lineage = (await decided(depot, STRANGER, NARROWED)).lineage

    assert (lineage.expected_mode, lineage.cause.kind, lineage.cause.id) == (
        AccessMode.MANAGED,
        CauseKind.ENVELOPE,
        "e-1",
    )
    assert lineage.gate is not None
    assert (lineage.gate.level, lineage.gate.binding_node_id) == (GateLevel.OWN_AND_AGREEMENT, "hall")
    assert lineage.restricted_as is Reason.UNKNOWN_IDENTIFIER


async def test_gate_that_narrows_before_the_plan_knows_decides_all_the_same(
    depot: DepotInMemory, gates: GivenGates
) -> None:
    gates.windows = (a_window(DAY, OVER, GateLevel.OWN_ONLY),)

    refused = await decided(depot, STRANGER, DAY + MINUTE)

    assert refused.reason is Reason.ENERGY_RESTRICTED
    assert (refused.lineage.expected_mode, refused.lineage.cause.name) == (AccessMode.MANAGED, "own_only")


async def test_gate_that_opened_before_the_plan_knows_is_recorded_with_the_mode_of_the_plan_without_energy(
    depot: DepotInMemory, gates: GivenGates
) -> None:
    gates.windows = ()

    allowed = await decided(depot, STRANGER, NARROWED)

    assert allowed.reason is Reason.FREEVEND
    assert (allowed.lineage.expected_mode, allowed.lineage.cause.kind) == (AccessMode.FREEVEND, CauseKind.BASELINE)


async def test_policy_that_is_gone_before_the_plan_knows_refuses_nobody(
    depot: DepotInMemory, gates: GivenGates
) -> None:
    gates.windows = None

    allowed = await decided(depot, STRANGER, NARROWED)

    assert (allowed.reason, allowed.lineage.expected_mode) == (Reason.FREEVEND, AccessMode.FREEVEND)


async def test_permission_ends_where_the_planned_narrowing_begins(depot: DepotInMemory) -> None:
    allowed = await decided(depot, STRANGER, DAY)

    assert isinstance(allowed, AccessAllowed)
    assert allowed.valid_until == NARROWED


async def test_driver_reads_why_and_until_when(depot: DepotInMemory) -> None:
    charger = depot.view.charger(*KEY)

    denial = denial_at(depot.view, charger, Reason.ENERGY_RESTRICTED, NARROWED, ref=None, vehicle_id=None)

    assert denial.managed_until == OVER
    text, _ = DriverTexts.packaged().denial(denial, length_max=512)
    assert text.startswith("Power is short here at the moment.")


async def test_plan_keeps_the_elapsed_part_of_a_narrowing_that_an_event_ended(
    depot: DepotInMemory, gates: GivenGates
) -> None:
    depot.clock.set(NARROWED + 10 * MINUTE)
    gates.give(KEY)
    depot.narrowing.freshen(KEY)

    charger = depot.view.charger(*KEY)

    modes = [charger.expected(NARROWED + minutes * MINUTE).mode for minutes in (-1, 0, 9, 10)]
    assert modes == [AccessMode.FREEVEND, AccessMode.MANAGED, AccessMode.MANAGED, AccessMode.FREEVEND]


async def test_start_reported_late_meets_no_gate(depot: DepotInMemory) -> None:
    depot.clock.set(OVER + HOUR)
    late = replace(depot.attempt(STRANGER), stage=Stage.OFFLINE_START)

    judged = depot.decisions.decide(
        late, depot.identifiers.of_attempt(late), AttemptId("a-1"), at=NARROWED, charger=depot.view.charger(*KEY)
    )

    assert judged.lineage.gate is None
    assert judged.reason is Reason.FREEVEND


async def test_depot_without_a_policy_records_no_gate(depot: DepotInMemory, gates: GivenGates) -> None:
    gates.windows = None

    assert (await decided(depot, STRANGER, DAY)).lineage.gate is None


async def test_state_to_be_kept_has_no_narrowed_windows(depot: DepotInMemory) -> None:
    state = depot.view.state()

    assert state is not None
    assert [each.policy.narrowed for each in state.tenants[0].chargers] == [(), ()]
    assert depot.view.charger(*KEY).policy.narrowed
