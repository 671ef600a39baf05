"""What the state machine found, each told shortly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, VehicleId
from access_policy.domain.reservations.reservation import Place, ReservationSource
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from tests.support.builders import DAY, NORTH
from tests.support.depot_in_memory import NIGHT
from tests.support.office import ACME, putting_charger, putting_depot
from tests.support.presented import presented
from tests.support.service_in_memory import ServiceInMemory


@pytest.fixture
def service() -> Iterator[ServiceInMemory]:
    service = ServiceInMemory(NIGHT)
    service.do(putting_depot())
    service.do(putting_charger(baseline_mode=AccessMode.MANAGED, enforcement=Enforcement.OBSERVE))
    yield service
    service.close()


def test_wrong_pins_count_where_nothing_is_enforced_and_still_do_after_a_restart(service: ServiceInMemory):
    def would_deny(message_id: str) -> Reason:
        return service.authorize("bay-1", presented("pin", "9999"), message_id).event.would_deny

    five = [would_deny(f"w{n}") for n in range(5)]
    sixth = would_deny("w5")
    service.restart()
    seventh = would_deny("w6")

    assert five == [Reason.UNKNOWN_IDENTIFIER] * 5
    assert (sixth, seventh) == (Reason.PIN_LOCKED_OUT, Reason.PIN_LOCKED_OUT)


def test_a_start_tells_anew_what_enforcement_would_have_done(service: ServiceInMemory):
    card = presented("rfid", "DEADBEEF")
    asked = service.authorize("bay-1", card, "m-1")
    service.do(put_vehicle("van-1", ("rfid", "DEADBEEF")))
    service.do(SuspendVehicle(vehicle_id=VehicleId("van-1"), reason="accident"))

    started = service.start("bay-1", card, "t-1")

    assert asked.event.would_deny is Reason.UNKNOWN_IDENTIFIER
    assert started.decision.event.would_deny is Reason.VEHICLE_SUSPENDED
    assert started.attempt_id == asked.attempt_id


def test_an_attempt_that_was_given_up_for_a_later_one_is_not_joined_after_a_restart(service: ServiceInMemory):
    card = presented("rfid", "DEADBEEF")
    given_up = service.authorize("bay-1", card, "m-1")
    joined = service.authorize("bay-1", card, "m-2")
    first = service.start("bay-1", card, "t-1")
    service.restart()

    second = service.start("bay-1", card, "t-2")

    assert first.attempt_id == joined.attempt_id
    assert second.attempt_id not in (given_up.attempt_id, joined.attempt_id)


def test_a_start_in_freevend_is_of_the_vehicle_that_has_the_card_by_then(service: ServiceInMemory):
    service.do(putting_charger(baseline_mode=AccessMode.FREEVEND))
    card = presented("rfid", "DEADBEEF")
    asked = service.authorize("bay-1", card, "m-1")
    service.do(put_vehicle("van-1", ("rfid", "DEADBEEF")))

    started = service.start("bay-1", card, "t-1")

    assert asked.event.lineage.vehicle_id is None
    assert started.decision.event.lineage.vehicle_id == "van-1"
    assert (asked.event.reason, started.decision.event.reason) == (Reason.FREEVEND, Reason.FREEVEND)


def test_override_until_the_next_transition_ends_with_a_reservation_that_might_be_lost_before(service: ServiceInMemory):
    service.do(putting_charger(baseline_mode=AccessMode.FREEVEND))
    service.do(put_vehicle("van-1", ("rfid", "DEADBEEF")))
    promised = reservation(start=NIGHT, end=NIGHT + DAY, vehicle_id="van-1", no_show_after_min=60)
    service.do(promised)

    command = OverrideMode(charger_id=ChargerId("bay-1"), mode=AccessMode.FREEVEND, reason="visit")
    made = service.do(command).created_id

    override = service.view.charger(ACME, ChargerId("bay-1")).policy.overrides[made]
    assert override.ends_at == NIGHT + DAY


def reservation(*, start: datetime, end: datetime, vehicle_id: str, no_show_after_min: int) -> MakeReservation:
    draft = ReservationDraft(
        place=Place(charger_id=ChargerId("bay-1")),
        start=start,
        end=end,
        source=ReservationSource.MANUAL,
        vehicle_id=VehicleId(vehicle_id),
        terms={"no_show_after_min": no_show_after_min},
    )
    return MakeReservation(depot_id=NORTH, draft=draft)


def put_vehicle(vehicle_id: str, *identifiers: tuple[str, str]) -> PutVehicle:
    return PutVehicle(
        vehicle_id=VehicleId(vehicle_id),
        description=VehicleDescription(name=vehicle_id, access_class=AccessClass.OWN),
        identifiers=[(IdentifierKind(kind), value) for kind, value in identifiers],
    )
