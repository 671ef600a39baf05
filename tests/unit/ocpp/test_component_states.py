"""Faults of a 2.x station, from states and problems of its components."""

from __future__ import annotations

from access_policy.adapters.ocpp.incoming.component_states import (
    COMPONENTS_MAX,
    Component,
    ComponentStates,
    Fault,
    Problem,
)

CONNECTOR, SECOND = Component(1, 1, "Connector"), Component(1, 2, "connector")
READER = Component(1, 0, "TokenReader")


def test_fault_of_a_state_and_a_problem_of_one_connector_is_one_fault_in_detail() -> None:
    states = ComponentStates()
    states.state(CONNECTOR, "Faulted")
    assert states.fault_of(1) == Fault("Faulted")
    states.problem(CONNECTOR, Problem("0x17", "over temperature"))
    assert states.fault_of(1) == Fault("Faulted", "0x17", "over temperature")
    states.state(CONNECTOR, "Faulted")
    assert states.fault_of(1) == Fault("Faulted", "0x17", "over temperature")
    states.problem(CONNECTOR, None)
    assert states.fault_of(1) == Fault("Faulted")
    states.state(CONNECTOR, "Unavailable")
    assert states.fault_of(1) is None


def test_fault_of_an_evse_holds_while_one_of_its_connectors_is_faulted() -> None:
    states = ComponentStates()
    states.state(CONNECTOR, "Faulted")
    states.state(SECOND, "Available")
    assert states.fault_of(1) == Fault("Faulted")
    assert states.fault_of(2) is states.fault_of(0) is None


def test_fault_of_a_problem_ends_when_the_connector_is_available_but_not_when_it_is_occupied() -> None:
    states = ComponentStates()
    states.problem(CONNECTOR, Problem("0x17"))
    states.state(CONNECTOR, "Occupied")
    assert states.fault_of(1) == Fault("Faulted", "0x17")
    states.state(CONNECTOR, "Available")
    assert states.fault_of(1) is None


def test_fault_of_another_component_names_it_and_yields_to_a_faulted_connector() -> None:
    states = ComponentStates()
    states.problem(READER, Problem("E7", "no answer"))
    assert states.fault_of(1) == Fault("Problem", "E7", "TokenReader: no answer")
    states.state(CONNECTOR, "Faulted")
    assert states.fault_of(1) == Fault("Faulted")


def test_component_states_forget_the_oldest_beyond_their_bound() -> None:
    states = ComponentStates()
    for evse_id in range(COMPONENTS_MAX + 1):
        states.state(Component(evse_id, 1, "Connector"), "Faulted")
    assert states.fault_of(0) is None
    assert states.fault_of(1) == states.fault_of(COMPONENTS_MAX) == Fault("Faulted")
