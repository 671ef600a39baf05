"""Which things an event changes, for every stored event that the live stream reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from access_policy.application.live.subjects import TYPES, Kind, Subject, subjects_of
from access_policy.application.ports.event_store import Recorded, StreamId
from access_policy.domain.access.events import ChargingStarted
from access_policy.domain.notices.notices import ChargerUnreachableAtTransition
from access_policy.domain.vehicle_registry.events import RegistryImportApplied, VehicleRegistered
from tests.support.stores import envelope
from tests.unit.event_stores.samples import SAMPLES

READ = [each for each in SAMPLES if type(each).TYPE in TYPES]
BY_TYPE: Mapping[type, Any] = {type(each): each for each in READ}


def recorded(event: Any, causation_id: str | None = None) -> Recorded:
    return Recorded(StreamId("acme/x/y"), 1, 7, event, replace(envelope(), causation_id=causation_id))


def kinds(event: Any) -> set[Kind]:
    return {each.kind for each in subjects_of(recorded(event))}


def test_every_type_that_the_stream_reads_has_a_sample() -> None:
    assert {type(each).TYPE for each in READ} == TYPES


@pytest.mark.parametrize("event", READ, ids=lambda event: type(event).__name__)
def test_event_changes_things_with_an_id(event: Any) -> None:
    found = subjects_of(recorded(event, "a-plan"))

    assert all(isinstance(each.id, str) and each.id for each in found)
    assert found or getattr(event, "caused_by", "") is None


def test_start_of_a_charge_changes_its_attempt_and_its_charger() -> None:
    assert kinds(BY_TYPE[ChargingStarted]) == {Kind.ATTEMPT, Kind.CHARGER}


def test_transition_at_a_charger_that_is_away_changes_the_charger() -> None:
    assert kinds(BY_TYPE[ChargerUnreachableAtTransition]) == {Kind.CHARGER}


def test_vehicle_changes_an_import_only_where_one_caused_it() -> None:
    vehicle, applied = BY_TYPE[VehicleRegistered], BY_TYPE[RegistryImportApplied]

    assert subjects_of(recorded(vehicle)) == []
    assert subjects_of(recorded(vehicle, "a-plan")) == [Subject(Kind.IMPORT, "a-plan")]
    assert subjects_of(recorded(applied)) == [Subject(Kind.IMPORT, applied.plan_id)]
