"""Reservations in the decision view: the plan of the charger that they name, and who may charge there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.driver_texts.catalogue import DriverTexts
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import (
    attempt_stream,
    condition_stream,
    policy_stream,
    registry_stream,
    reservation_book_stream,
)
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.events import AccessDenied, ChargingStarted, DenialSignal, SessionDecision
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, CauseKind
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.charger_condition.events import ConnectorFaulted
from access_policy.domain.identifiers import Identifier, IdentifierKind, identifier
from access_policy.domain.ids import ChargerId, ChargerKey, DepotId, VehicleId
from access_policy.domain.reservations.events import ReservationEvent
from access_policy.domain.reservations.reservation import Holder, HolderIdentifier, Place, Reservation
from access_policy.domain.reservations.terms import ReservationTerms
from access_policy.domain.vehicle_registry.registry import AccessClass, VehicleDescription
from tests.support import reservations
from tests.support.depot_in_memory import (
    BAY,
    BUS,
    DAY,
    DEPOT,
    NIGHT,
    OTHER_BAY,
    STRANGER,
    TENANT,
    DepotInMemory,
    HashedPseudonyms,
    identified,
    rfid,
    settings_of,
)
from tests.support.stores import memory_store
from tests.unit.decisions.test_sessions import start_of

GUEST, COURIER = rfid("04AAAAAAAAAAAA"), rfid("04BBBBBBBBBBBB")
MINUTES = timedelta(minutes=1)
AFTERNOON = DAY + timedelta(hours=2)  # freevend by the charger's own plan


def reserved(start: datetime = AFTERNOON, **changes: Any) -> Reservation:
    """Bay 1 for the guest's card, two hours."""
    holder = Holder(identifiers=(HolderIdentifier(ref=HashedPseudonyms().ref(TENANT, GUEST), sealed=""),))
    return reservations.reservation(start=start, **({"holder": holder} | changes))


@pytest.fixture
async def depot() -> DepotInMemory:
    depot = await DepotInMemory(memory_store()).opened()
    depot.clock.set(DAY)
    return depot


async def recorded(depot: DepotInMemory, *events: ReservationEvent) -> None:
    version = depot.view.book(TENANT, DEPOT).version
    await depot.record(reservation_book_stream(TENANT, DEPOT), version, events)


async def decided(depot: DepotInMemory, card: Identifier, at: datetime) -> Reason:
    depot.clock.set(at)
    decision = await depot.decider.authorize(depot.attempt(card, message_id=f"{card.value} {at}"))
    return decision.event.reason


async def test_a_reservation_by_name_makes_the_charger_managed_in_its_window(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY))
    charger = depot.view.charger(TENANT, BAY)

    assert charger.expected(AFTERNOON - MINUTES).mode is AccessMode.FREEVEND
    assert charger.expected(AFTERNOON).cause.kind is CauseKind.RESERVATION
    assert charger.expected(AFTERNOON).mode is AccessMode.MANAGED
    assert charger.expected(AFTERNOON + 2 * reservations.HOUR).mode is AccessMode.FREEVEND
    assert depot.view.charger(TENANT, OTHER_BAY).expected(AFTERNOON).mode is AccessMode.FREEVEND


async def test_a_reserved_charger_admits_its_holder_only(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY))

    assert await decided(depot, STRANGER, DAY) is Reason.FREEVEND
    assert await decided(depot, STRANGER, AFTERNOON) is Reason.UNKNOWN_IDENTIFIER
    assert await decided(depot, BUS, AFTERNOON) is Reason.RESERVED_FOR_OTHER
    assert await decided(depot, GUEST, AFTERNOON) is Reason.RESERVATION
    assert await decided(depot, STRANGER, AFTERNOON + 2 * reservations.HOUR) is Reason.FREEVEND


async def test_a_reservation_of_the_only_connector_is_one_of_the_charger(depot: DepotInMemory) -> None:
    on_connector = reserved(place=Place(charger_id=BAY, connector_id=1))
    await recorded(depot, reservations.made(on_connector, at=DAY))

    assert await decided(depot, BUS, AFTERNOON) is Reason.RESERVED_FOR_OTHER
    assert await decided(depot, GUEST, AFTERNOON) is Reason.RESERVATION


async def test_a_decision_names_the_reservation_and_the_version_of_the_book(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY))
    depot.clock.set(AFTERNOON)

    lineage = (await depot.decider.authorize(depot.attempt(GUEST))).event.lineage

    assert (lineage.reservation_id, lineage.reservations_version) == (reservations.R1, 1)


async def test_a_lost_reservation_frees_the_charger_before_its_loss_is_recorded(depot: DepotInMemory) -> None:
    lost_at = AFTERNOON + 30 * MINUTES
    terms = ReservationTerms(no_show_after_min=30)
    await recorded(depot, reservations.made(reserved(terms=terms), at=DAY))

    assert await decided(depot, BUS, lost_at - MINUTES) is Reason.RESERVED_FOR_OTHER
    assert await decided(depot, BUS, lost_at) is Reason.FREEVEND


async def test_a_cancelled_reservation_leaves_the_plan_as_it_was(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY), reservations.cancelled(at=DAY))

    assert depot.view.charger(TENANT, BAY).expected(AFTERNOON).mode is AccessMode.FREEVEND


async def test_a_moved_reservation_frees_the_one_charger_and_takes_the_other(depot: DepotInMemory) -> None:
    told: list[ChargerKey] = []
    await recorded(depot, reservations.made(reserved(), at=DAY))
    depot.view.on_policy_change(told.append)

    await recorded(depot, reservations.changed(reserved(place=Place(charger_id=OTHER_BAY)), at=DAY))

    expected = [depot.view.charger(TENANT, each).expected(AFTERNOON).mode for each in (BAY, OTHER_BAY)]
    assert expected == [AccessMode.FREEVEND, AccessMode.MANAGED]
    assert sorted(told) == [(TENANT, BAY), (TENANT, OTHER_BAY)]


async def test_a_charger_that_moves_to_another_depot_leaves_its_reservations_there(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(), at=DAY))
    elsewhere = replace(settings_of(BAY), depot_id=DepotId("south"))
    moved = ChargerAmended(charger_id=BAY, settings=elsewhere)

    await depot.record(policy_stream(TENANT, BAY), 2, (moved,))

    assert depot.view.charger(TENANT, BAY).expected(AFTERNOON).mode is AccessMode.FREEVEND


async def test_a_group_that_owes_its_last_free_charger_refuses_a_visitor(depot: DepotInMemory) -> None:
    at_fast = reserved(start=NIGHT, place=Place(group_id=reservations.FAST))
    await recorded(depot, reservations.group_put(BAY, OTHER_BAY), reservations.made(at_fast, at=DAY))
    with_two_free = await decided(depot, BUS, NIGHT)
    broken = ConnectorFaulted(
        charger_id=OTHER_BAY,
        connector_id=1,
        error_code="GroundFailure",
        vendor_error_code=None,
        info=None,
        caused_by=None,
        faulted_at=NIGHT,
    )
    await depot.record(condition_stream(TENANT, OTHER_BAY), 0, (broken,))

    assert with_two_free is Reason.OWN_VEHICLE
    assert await decided(depot, BUS, NIGHT + MINUTES) is Reason.RESERVED_FOR_OTHER
    assert await decided(depot, GUEST, NIGHT + MINUTES) is Reason.RESERVATION


async def test_visitors_authorised_at_the_last_two_chargers_of_a_group_at_once_are_decided_again_at_their_starts(
    depot: DepotInMemory,
) -> None:
    at_fast = reserved(start=NIGHT, place=Place(group_id=reservations.FAST))
    await recorded(depot, reservations.group_put(BAY, OTHER_BAY), reservations.made(at_fast, at=DAY))
    courier = VehicleDescription(name="Courier", access_class=AccessClass.OWN)
    registry = depot.view.registry(TENANT)
    added = registry.put_vehicle(VehicleId("courier"), courier, [identified(COURIER)])
    await depot.record(registry_stream(TENANT), registry.version, added)
    depot.clock.set(NIGHT)

    async def asked(card: Identifier, charger_id: ChargerId) -> Reason:
        attempt = depot.attempt(card, charger=charger_id, message_id=f"asked {card.value}")
        return (await depot.decider.authorize(attempt)).event.reason

    async def started(card: Identifier, charger_id: ChargerId) -> SessionDecision:
        report = replace(start_of(card), charger_id=charger_id, transaction_ids=(f"t {card.value}",))
        started = await depot.sessions.start(report)
        history = await depot.store.load(attempt_stream(TENANT, started.attempt_id))
        return next(each.event.decision for each in history if isinstance(each.event, ChargingStarted))

    both = await asked(BUS, BAY), await asked(COURIER, OTHER_BAY)
    first, second = await started(BUS, BAY), await started(COURIER, OTHER_BAY)

    assert Reason.RESERVED_FOR_OTHER not in both, "no charge has started, so two chargers are free"
    assert (first, second) == (SessionDecision.ALLOWED, SessionDecision.DENIED)
    assert await asked(GUEST, OTHER_BAY) is Reason.RESERVATION


async def test_a_charger_for_reservations_only_refuses_everyone_else(depot: DepotInMemory) -> None:
    only = ChargerAmended(charger_id=BAY, settings=replace(settings_of(BAY), reservation_only=True))
    await depot.record(policy_stream(TENANT, BAY), 2, (only,))
    without_any = await decided(depot, BUS, NIGHT - MINUTES)
    await recorded(depot, reservations.made(reserved(start=NIGHT), at=DAY))

    assert without_any is Reason.RESERVATION_REQUIRED
    assert await decided(depot, GUEST, NIGHT - 2 * MINUTES) is Reason.RESERVATION_NOT_STARTED
    assert await decided(depot, GUEST, NIGHT) is Reason.RESERVATION
    assert await decided(depot, BUS, NIGHT + 3 * reservations.HOUR) is Reason.RESERVATION_REQUIRED
    assert await decided(depot, BUS, DAY + 3 * reservations.HOUR) is Reason.FREEVEND


async def test_a_group_cannot_use_a_charger_that_is_reserved_by_name(depot: DepotInMemory) -> None:
    at_fast = reserved(start=NIGHT, place=Place(group_id=reservations.FAST))
    named = reserved(start=NIGHT, place=Place(charger_id=OTHER_BAY), holder=Holder(vehicle_id=VehicleId("van-9")))
    named = replace(named, reservation_id=reservations.R2)
    made = (reservations.made(each, at=DAY) for each in (at_fast, named))
    await recorded(depot, reservations.group_put(BAY, OTHER_BAY), *made)

    assert await decided(depot, BUS, NIGHT) is Reason.RESERVED_FOR_OTHER
    assert await decided(depot, GUEST, NIGHT) is Reason.RESERVATION


class Texts:
    """Signals of a charger that shows a text of any length."""

    def signal(self, denial: Denial) -> DenialSignal:
        message, language = DriverTexts.packaged().denial(denial, length_max=500)
        return DenialSignal(status="Blocked", message=message, language=language)


def pin(digits: str) -> Identifier:
    return identifier(IdentifierKind.PIN, digits)


async def test_a_driver_who_is_early_reads_the_earliest_time_and_no_other_holder(depot: DepotInMemory) -> None:
    terms = ReservationTerms(early_start_min=15)
    await recorded(depot, reservations.made(reserved(start=NIGHT, terms=terms), at=DAY))
    depot.clock.set(NIGHT - 30 * MINUTES)

    early = (await depot.decider.authorize(replace(depot.attempt(GUEST), signals=Texts()))).event

    assert isinstance(early, AccessDenied)
    assert early.reason is Reason.RESERVATION_NOT_STARTED
    assert early.signal is not None
    assert early.signal.message is not None
    assert "22:45" in early.signal.message  # in Berlin
    assert "bus" not in early.signal.message.casefold()


async def test_wrong_codes_lock_out_and_the_right_one_admits_its_holder(depot: DepotInMemory) -> None:
    code, wrong = pin("482915"), [pin(str(number)) for number in range(100_000, 100_004)]
    holder = Holder(identifiers=(HolderIdentifier(ref=HashedPseudonyms().ref(TENANT, code), sealed=""),))
    booked = replace(reserved(start=NIGHT), holder=holder)
    await recorded(depot, reservations.made(booked, at=DAY))

    for each in wrong:
        assert await decided(depot, each, NIGHT) is Reason.UNKNOWN_IDENTIFIER
    assert await decided(depot, code, NIGHT + MINUTES) is Reason.RESERVATION
    assert await decided(depot, pin("100004"), NIGHT + MINUTES) is Reason.UNKNOWN_IDENTIFIER  # the fifth
    assert await decided(depot, code, NIGHT + 2 * MINUTES) is Reason.PIN_LOCKED_OUT
    assert await decided(depot, code, NIGHT + 12 * MINUTES) is Reason.RESERVATION


async def test_a_start_reported_late_is_judged_without_the_reservations_made_since(depot: DepotInMemory) -> None:
    await recorded(depot, reservations.made(reserved(start=DAY), at=DAY + 30 * MINUTES))
    policies = ChargerAccessPolicies(depot.store, depot.view)

    before = await policies.as_of(TENANT, BAY, DAY + 10 * MINUTES)
    after = await policies.as_of(TENANT, BAY, DAY + 30 * MINUTES)

    assert before is not None
    assert after is not None
    assert (before.reserved, len(after.reserved)) == ((), 1)
