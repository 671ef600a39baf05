"""The keeper of reservations on chargers: what a charger is sent and when, and what stands on record afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.charger_reservations.desired import reservation_number
from access_policy.application.charger_reservations.holders import HolderIdentifiers
from access_policy.application.charger_reservations.keeper import ReservationKeeper
from access_policy.application.charger_reservations.reconcile import ReservationReconciler
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, NoLongerWanted
from access_policy.application.ports.charger_reservations import Reserved, ReserveStatus
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.secrets import vault_key
from access_policy.application.streams import policy_stream, reservation_book_stream
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, Reserves
from access_policy.domain.charger_access_policy.events import ChargerAmended, EnforcementChanged, ModeOverridden
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import AttemptId, ChargerKey, OverrideId, VehicleId
from access_policy.domain.reservations.events import ReservationEvent
from access_policy.domain.reservations.reservation import Holder, HolderIdentifier, Place, Reservation
from tests.support import reservations
from tests.support.at_charger import AtCharger
from tests.support.builders import ANNA
from tests.support.depot_in_memory import (
    BAY,
    BUS,
    DAY,
    DEPOT,
    OTHER_BAY,
    TENANT,
    DepotInMemory,
    HashedPseudonyms,
    rfid,
    settings_of,
)
from tests.support.local_lists import SealedValues
from tests.support.reservations import HOUR, R1, terms
from tests.support.stores import memory_store

KEY: ChargerKey = (TENANT, BAY)
GUEST, SECOND = rfid("04AAAAAAAAAAAA"), rfid("04BBBBBBBBBBBB")
START = DAY + 2 * HOUR
END = START + 2 * HOUR
MINUTES = timedelta(minutes=1)
NUMBER = reservation_number(R1, 1)
ACCEPTED = Reserved(ReserveStatus.ACCEPTED, "Accepted")
OCCUPIED = Reserved(ReserveStatus.OCCUPIED, "Occupied")
REJECTED = Reserved(ReserveStatus.REFUSED, "Rejected")


@dataclass
class Charger:
    """Notes the calls; `answer` is that to ReserveNow."""

    epoch: int | None = 1
    answer: Reserved | Exception = ACCEPTED
    cancelling: str | Exception = "Accepted"
    supports: bool = True
    asked: list[Any] = field(default_factory=list)
    support_asked: int = 0
    before_the_turn: Callable[[], Any] | None = None

    def commands(self, key: ChargerKey) -> Any:
        return AtCharger(self, key)

    def connected(self, key: ChargerKey) -> bool:
        return self.epoch is not None

    def connected_chargers(self) -> list[ChargerKey]:
        return [KEY]

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return self.epoch

    async def supports_reservations(self, key: ChargerKey) -> bool:
        self.support_asked += 1
        return self.supports

    async def reserve(
        self,
        key: ChargerKey,
        number: int,
        connector_id: int,
        identifier: Identifier,
        until: datetime,
        wanted: Callable[[], bool],
    ) -> Reserved:
        if self.before_the_turn is not None:
            await self.before_the_turn()
        if not wanted():
            raise NoLongerWanted("ReserveNow")
        self.asked.append((key[1], number, connector_id, identifier.value, until))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def cancel_reservation(self, key: ChargerKey, number: int) -> str:
        self.asked.append((key[1], "cancel", number))
        if isinstance(self.cancelling, Exception):
            raise self.cancelling
        return self.cancelling


@dataclass
class OneProfile:
    profile: CapabilityProfile

    def get(self, tenant_id: Any, name: str) -> CapabilityProfile:
        return self.profile


class Vault(SealedValues):
    async def unseal(self, tenant_id: Any, owner: Any, sealed: str) -> str | None:
        assert owner in (vault_key(R1), VehicleId("bus-7"))
        return sealed or None


@dataclass
class Yard:
    depot: DepotInMemory
    charger: Charger = field(default_factory=Charger)
    vault: Vault = field(default_factory=Vault)
    profiles: Any = None

    def __post_init__(self) -> None:
        profile = ProfileCatalogue.packaged().get(TENANT, "ocpp16-central")
        assert profile is not None
        self.profiles = OneProfile(profile)
        self.restart()

    def restart(self) -> None:
        """As in another process: nothing is remembered but what stands on record."""
        depot = self.depot
        self.conditions = depot.conditions()
        reconciler = ReservationReconciler(
            depot.view,
            depot.live,
            self.charger,
            HolderIdentifiers(depot.view, self.vault, self.vault),  # type: ignore[arg-type]
            self.conditions,
            self.profiles,
            depot.clock,
        )
        self.keeper = ReservationKeeper(depot.view, self.charger, reconciler, depot.clock)
        self.keeper.trigger(KEY)

    async def at(self, instant: datetime) -> list[Any]:
        """What the charger is asked by then, since the last time."""
        self.depot.clock.set(instant)
        before = len(self.charger.asked)
        for _ in range(2):  # a trigger may come while a charger is in work
            self.keeper.check()
            await self.keeper.finish()
        await self.depot.follow()
        return self.charger.asked[before:]

    async def recorded(self, *events: ReservationEvent) -> None:
        version = self.depot.view.book(TENANT, DEPOT).version
        await self.depot.record(reservation_book_stream(TENANT, DEPOT), version, events)

    async def amended(self, event: Any) -> None:
        version = self.depot.view.charger(*KEY).policy.version
        await self.depot.record(policy_stream(*KEY), version, (event,))

    @property
    def state(self) -> tuple[str, str]:
        (reported,) = self.depot.view.condition(KEY).reservations.values()
        return reported.state.value, reported.detail


def held(*cards: Identifier) -> Holder:
    refs = [HashedPseudonyms().ref(TENANT, each) for each in cards]
    return Holder(
        identifiers=tuple(HolderIdentifier(ref=ref, sealed=card.value) for ref, card in zip(refs, cards, strict=True))
    )


def reserved(**changes: Any) -> Reservation:
    """Bay 1 for the guest's card, two hours."""
    return reservations.reservation(**({"start": START, "holder": held(GUEST)} | changes))


def asking(connector_id: int = 1, until: datetime = END, number: int | None = None) -> tuple[Any, ...]:
    return (BAY, number or reservation_number(R1, connector_id), connector_id, GUEST.value, until)


@pytest.fixture
async def yard() -> Yard:
    depot = await DepotInMemory(memory_store()).opened()
    depot.clock.set(DAY)
    return Yard(depot)


async def test_reservation_is_sent_at_the_start_of_its_window_once_with_its_end(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))

    assert await yard.at(START - MINUTES) == []
    assert await yard.at(START) == [asking()]
    assert await yard.at(START + 10 * MINUTES) == []
    assert yard.state == ("reserved", "Accepted")


async def test_reservation_with_a_no_show_is_sent_with_the_instant_of_its_loss(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(terms=terms(no_show_after_min=20)), at=DAY))

    assert await yard.at(START) == [asking(until=START + 20 * MINUTES)]


async def test_reservation_is_sent_again_after_a_reconnection_or_a_boot(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    yard.charger.epoch = 2
    yard.keeper.trigger(KEY)

    assert await yard.at(START + MINUTES) == [asking()]


async def test_reservation_of_a_charger_that_is_away_is_sent_when_it_is_back(yard: Yard) -> None:
    yard.charger.epoch = None
    await yard.recorded(reservations.made(reserved(), at=DAY))
    assert await yard.at(START + MINUTES) == []

    yard.charger.epoch = 5
    yard.keeper.trigger(KEY)

    assert await yard.at(START + 2 * MINUTES) == [asking()]


async def test_changed_end_replaces_the_reservation_on_the_charger(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    await yard.recorded(reservations.changed(reserved(end=END + HOUR), at=START))

    assert await yard.at(START + MINUTES) == [asking(until=END + HOUR)]


@pytest.mark.parametrize("answer", ["Accepted", "Rejected"])
async def test_cancelled_reservation_is_cancelled_on_the_charger(yard: Yard, answer: str) -> None:
    yard.charger.cancelling = answer
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    await yard.recorded(reservations.cancelled(at=START + MINUTES))

    assert await yard.at(START + MINUTES) == [(BAY, "cancel", NUMBER)]
    assert yard.state[0] == "gone"
    assert await yard.at(START + 2 * MINUTES) == []


async def test_reservation_moved_to_another_charger_leaves_the_first_one(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    await yard.recorded(reservations.changed(reserved(place=Place(charger_id=OTHER_BAY)), at=START))

    moved = await yard.at(START + MINUTES)
    assert sorted(moved, key=str) == [
        (BAY, "cancel", NUMBER),
        (OTHER_BAY, NUMBER, 1, GUEST.value, END),
    ]


@pytest.mark.parametrize("end", ["fulfilled", "no show", "lost in time", "over"])
async def test_reservation_that_is_not_needed_any_more_leaves_the_charger(yard: Yard, end: str) -> None:
    await yard.recorded(reservations.made(reserved(terms=terms(no_show_after_min=30)), at=DAY))
    await yard.at(START)
    match end:
        case "fulfilled":
            await yard.recorded(reservations.fulfilled(at=START + MINUTES))
        case "no show":
            await yard.recorded(reservations.missed(START + 30 * MINUTES))

    asked = await yard.at(END if end == "over" else START + 30 * MINUTES)

    assert asked == [(BAY, "cancel", NUMBER)]


async def test_reservation_made_by_another_process_and_cancelled_meanwhile_is_cancelled_on_the_charger(
    yard: Yard,
) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)
    yard.charger.epoch = None
    await yard.recorded(reservations.changed(reserved(place=Place(charger_id=OTHER_BAY)), at=START))
    yard.charger.epoch = 1

    yard.restart()

    assert (BAY, "cancel", NUMBER) in await yard.at(START + MINUTES)


async def test_restart_sends_a_wanted_reservation_again_with_the_same_number(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    first = await yard.at(START)

    yard.restart()

    assert await yard.at(START + MINUTES) == first


async def test_occupied_connector_is_reserved_when_it_is_free(yard: Yard) -> None:
    yard.charger.answer = OCCUPIED
    await yard.recorded(reservations.made(reserved(), at=DAY))
    assert await yard.at(START) == [asking()]
    assert yard.state == ("waiting", "Occupied")

    yard.charger.answer = ACCEPTED
    yard.keeper.plug_seen(KEY, 1, False)

    assert await yard.at(START) == [asking()]
    assert yard.state == ("reserved", "Accepted")


async def test_occupied_connector_is_asked_again_although_nothing_reports_it_free(yard: Yard) -> None:
    yard.charger.answer = OCCUPIED
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    assert await yard.at(START + 10 * MINUTES) == [asking()]


async def test_refused_reservation_is_left_alone_on_this_connection_with_its_reason(yard: Yard) -> None:
    yard.charger.answer = REJECTED
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    assert yard.state == ("refused", "Rejected")
    assert await yard.at(START + 30 * MINUTES) == []

    yard.charger.epoch = 2
    yard.keeper.trigger(KEY)
    assert await yard.at(START + 31 * MINUTES) == [asking()]


async def test_charger_that_reports_no_reservations_is_sent_none_and_asked_once(yard: Yard) -> None:
    yard.charger.supports = False
    await yard.recorded(reservations.made(reserved(), at=DAY))

    assert await yard.at(START) == []
    assert await yard.at(START + 10 * MINUTES) == []
    assert yard.charger.support_asked == 1
    assert yard.state == ("refused", "the charger reports that it does not support reservations")


async def test_profile_decides_without_the_charger_s_report(yard: Yard) -> None:
    yard.profiles.profile = replace(yard.profiles.profile, reserves=Reserves.CHARGER)
    yard.charger.supports = False
    await yard.recorded(reservations.made(reserved(), at=DAY))

    assert await yard.at(START) == [asking(connector_id=0)]
    assert yard.charger.support_asked == 0


async def test_silent_charger_is_asked_again_and_a_reservation_it_may_have_is_cancelled(yard: Yard) -> None:
    yard.charger.answer = ChargerDidNotAnswer("nothing came")
    await yard.recorded(reservations.made(reserved(), at=DAY))
    assert await yard.at(START) == [asking()]
    assert yard.state[0] == "waiting"
    assert await yard.at(START + 10 * MINUTES) == [asking()]

    await yard.recorded(reservations.cancelled(at=START + 11 * MINUTES))

    assert await yard.at(START + 11 * MINUTES) == [(BAY, "cancel", NUMBER)]


async def test_cancellation_without_an_answer_is_repeated(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)
    yard.charger.cancelling = ChargerDidNotAnswer("nothing came")
    await yard.recorded(reservations.cancelled(at=START + MINUTES))
    await yard.at(START + MINUTES)

    yard.charger.cancelling = "Accepted"

    assert await yard.at(START + 20 * MINUTES) == [(BAY, "cancel", NUMBER)]


@pytest.mark.parametrize("status", ["Removed", "Expired"])
async def test_reservation_that_the_charger_dropped_is_sent_again_after_a_while(yard: Yard, status: str) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    yard.keeper.ended(KEY, NUMBER, status)

    assert await yard.at(START) == []
    assert yard.state == ("gone", f"the charger reports {status}")
    assert await yard.at(START + 6 * MINUTES) == [asking()]


async def test_connector_that_reports_itself_available_is_reserved_again_a_few_times_only(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)

    sent = []
    for number in range(1, 6):
        yard.keeper.plug_seen(KEY, 1, False)
        sent.append(len(await yard.at(START + 6 * number * MINUTES)))

    assert sent == [1, 1, 1, 0, 0]
    assert yard.state == ("reserved", "Accepted")


async def test_reservation_that_expires_at_the_charger_at_its_end_stays_gone(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)
    yard.depot.clock.set(END)

    yard.keeper.ended(KEY, NUMBER, "Expired")

    assert await yard.at(END) == []
    assert await yard.at(END + 30 * MINUTES) == []


async def test_report_about_an_unknown_reservation_changes_nothing(yard: Yard) -> None:
    yard.keeper.ended(KEY, 4711, "Removed")

    assert await yard.at(START) == []


@pytest.mark.parametrize(
    ("cards", "why"),
    [((GUEST, SECOND), "2 identifiers"), ((), "no identifiers")],
)
async def test_holder_without_exactly_one_identifier_is_not_reserved_for(
    yard: Yard, cards: tuple[Identifier, ...], why: str
) -> None:
    await yard.recorded(reservations.made(reserved(holder=held(*cards), source="ocpi"), at=DAY))

    assert await yard.at(START) == []
    assert yard.state[0] == "refused"
    assert why in yard.state[1]


async def test_vehicle_of_the_registry_is_reserved_for_by_its_one_identifier(yard: Yard) -> None:
    yard.vault.values[HashedPseudonyms().ref(TENANT, BUS).pseudonym] = BUS
    await yard.recorded(reservations.made(reserved(holder=Holder(vehicle_id=VehicleId("bus-7"))), at=DAY))

    assert await yard.at(START) == [(BAY, NUMBER, 1, BUS.value, END)]


async def test_identifier_that_cannot_be_read_yet_is_waited_for(yard: Yard) -> None:
    unreadable = Holder(identifiers=(replace(held(GUEST).identifiers[0], sealed=""),))
    await yard.recorded(reservations.made(reserved(holder=unreadable), at=DAY))

    assert await yard.at(START) == []
    assert yard.state == ("waiting", "the holder's identifier cannot be read yet")


async def test_override_to_freevend_takes_the_reservation_off_the_charger(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    await yard.at(START)
    override = ModeOverridden(
        charger_id=BAY,
        override_id=OverrideId("o1"),
        mode=AccessMode.FREEVEND,
        starts_at=START + MINUTES,
        ends_at=START + 11 * MINUTES,
        reason="a visit",
        made_by=ANNA,
    )

    await yard.amended(override)

    assert await yard.at(START + MINUTES) == [(BAY, "cancel", NUMBER)]
    assert await yard.at(START + 11 * MINUTES) == [asking()]


async def test_charger_that_only_observes_is_sent_nothing(yard: Yard) -> None:
    await yard.amended(EnforcementChanged(charger_id=BAY, enforcement=Enforcement.OBSERVE))
    await yard.recorded(reservations.made(reserved(), at=DAY))

    assert await yard.at(START) == []


async def test_reservation_cancelled_while_its_message_waits_is_not_sent(yard: Yard) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))

    async def cancel() -> None:
        yard.charger.before_the_turn = None
        await yard.recorded(reservations.cancelled(at=START))

    yard.charger.before_the_turn = cancel

    assert await yard.at(START) == []
    assert yard.depot.view.condition(KEY).reservations == {}


async def test_every_connector_of_a_charger_reserved_as_a_whole_is_sent_except_the_one_in_use_by_the_holder(
    yard: Yard,
) -> None:
    await yard.amended(ChargerAmended(charger_id=BAY, settings=replace(settings_of(BAY), connectors=2)))
    kept_on = reserved(terms=terms(release_on_stop=False))
    await yard.recorded(reservations.made(kept_on, at=DAY))
    assert await yard.at(START) == [asking(1), asking(2)]

    yard.depot.live.started(
        KEY,
        Session(
            attempt_id=AttemptId("a-1"),
            transaction_id="tx-1",
            connector_id=1,
            identifier=HashedPseudonyms().ref(TENANT, GUEST),
            vehicle_id=None,
            decision=SessionDecision.ALLOWED,
            started_at=START,
            meter_start_wh=0,
        ),
    )
    await yard.recorded(reservations.fulfilled(at=START + MINUTES))
    assert await yard.at(START + MINUTES) == [(BAY, "cancel", reservation_number(R1, 1))]

    yard.depot.live.ended(KEY, "tx-1")
    yard.keeper.plug_seen(KEY, 1, False)
    assert await yard.at(START + 2 * MINUTES) == [asking(1)]


async def test_answer_that_cannot_be_recorded_is_recorded_later_and_not_sent_again(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    await yard.recorded(reservations.made(reserved(), at=DAY))
    record = yard.conditions.reservation_reported

    async def fails(*_: Any) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(yard.conditions, "reservation_reported", fails)
    assert await yard.at(START) == [asking()]
    assert yard.depot.view.condition(KEY).reservations == {}

    monkeypatch.setattr(yard.conditions, "reservation_reported", record)

    assert await yard.at(START + MINUTES) == []
    assert yard.state == ("reserved", "Accepted")
