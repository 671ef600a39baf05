"""Bookings by a partner over real HTTP: made, changed, cancelled; and everything that must be refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import pytest

from access_policy.adapters.ocpi.bookings import BookingRequest
from access_policy.adapters.ocpi.mapping import requested_booking
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import ActorId, DepotId, TenantId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry, Outcome
from simulated_partner.partner import SimulatedPartner
from simulated_partner.requests import (
    booking_request,
    booking_token,
    cancelled,
    token,
    with_names_of_1_0,
    written,
)
from simulated_wire.frames import Frame
from tests.integration.ocpi.test_handshake import code
from tests.support.builders import HOUR, NOON
from tests.support.ocpi import BODY, PARTNER, OcpiWorld

EVENING = NOON + 6 * HOUR
CARD, OTHER_CARD = "04A1B2C3D4E5F6", "04FFEEDDCCBBAA"
TERMS = {"early_start_min": 10, "no_show_after_min": 30, "change_until_min": 60, "cancel_until_min": 30}
BAY_1, FAST = "bay-1", "fast"


@pytest.fixture
async def booking(world: OcpiWorld) -> OcpiWorld:
    """A partner that is connected and may book bay 1 and the group of bays 2 and 3."""
    fast = {"name": "Fast", "charger_ids": ["bay-2", "bay-3"]}
    await world.api.done("PUT", "/v1/depots/north/reservation-groups/fast", fast)
    bookable = [{"depot_id": "north", "charger_ids": ["bay-1"], "group_ids": ["fast"]}]
    await world.connected(bookable=bookable, terms=TERMS)
    return world


async def places(partner: SimulatedPartner) -> dict[str, dict[str, Any]]:
    """Booking locations by the charger that they name, or `fast`."""
    found = (await partner.locations()).answered["data"]
    return {
        FAST if each["booking_option"]["evse_uid"] == "#NA" else each["booking_option"]["evse_uid"]: each
        for each in found
    }


async def wanted(world: OcpiWorld, place: str = BAY_1, request_id: str = "R1", **changes: Any) -> dict[str, Any]:
    """A request for two hours in the evening, with a card."""
    start = changes.pop("start", EVENING)
    end = changes.pop("end", start + 2 * HOUR)
    location = (await places(world.partner))[place]["id"]
    values = {"location_id": "north", "booking_location_id": location, "tokens": [booking_token(CARD)]}
    return booking_request(request_id, start, end, **(values | changes))


def book_of(world: OcpiWorld) -> ReservationBook:
    return world.api.container.deciding.view().book(TenantId("acme"), DepotId("north"))


def entries(world: OcpiWorld) -> list[Entry]:
    return list(book_of(world).entries.by_id.values())


def status(frame: Frame) -> tuple[str, list[str]]:
    booking = frame.answered["data"]
    return booking["reservation_status"], [each["request_status"] for each in booking["booking_requests"]]


def slots(location: dict[str, Any]) -> list[tuple[str, str]]:
    found = location["calendars"][0]["available_timeslots"] if location["calendars"] else []
    return [(each["start_date_time"], each["end_date_time"]) for each in found]


def at(instant: datetime) -> str:
    return written(instant)


def ways(frame: Frame) -> list[str]:
    methods: list[str] = frame.answered["data"]["booking_terms"]["supported_access_methods"]
    return methods


async def test_booking_says_by_which_means_its_holder_starts(booking: OcpiWorld) -> None:
    await booking.partner.push_token(token(OTHER_CARD, NOON, valid=False))
    access = [{"method": "LICENSE_PLATE", "value": "B-AB 1234"}, {"method": "ACCESS_CODE", "value": "482913"}]

    by_card = await booking.partner.book(await wanted(booking))
    by_three = await booking.partner.book(await wanted(booking, FAST, "R2", access_information=access))
    invalid = {"tokens": [booking_token(OTHER_CARD)], "access_information": access[:1]}
    by_plate = await booking.partner.book(await wanted(booking, FAST, "R3", **invalid))
    place = (await places(booking.partner))[BAY_1]["booking_terms"]["supported_access_methods"]

    assert ways(by_card) == ["TOKEN"]
    assert ways(by_three) == place == ["TOKEN", "LICENSE_PLATE", "ACCESS_CODE"]
    assert ways(by_plate) == ["LICENSE_PLATE"], "an invalid token starts nothing"


# --- places and calendars -------------------------------------------------------------------------------------------


async def test_locations_are_those_that_the_partner_may_book_with_terms_and_free_windows(booking: OcpiWorld) -> None:
    found = await places(booking.partner)

    assert set(found) == {BAY_1, FAST}
    bay = found[BAY_1]
    assert (bay["country_code"], bay["party_id"], bay["location_id"]) == ("DE", "BTF", "north")
    assert bay["booking_terms"]["early_start_time"] == 10
    assert bay["booking_terms"]["noshow_timeout"] == 30
    assert (bay["booking_terms"]["change_until_minutes"], bay["booking_terms"]["cancel_until_minutes"]) == (60, 30)
    assert slots(bay) == [(at(NOON), at(NOON + 7 * 24 * HOUR))]
    one = await booking.partner.call("GET", f"{booking.partner.endpoints['Booking']}/booking_locations/{bay['id']}")
    calendar = await booking.partner.call("GET", f"{one.url}/{bay['calendars'][0]['id']}")
    assert one.answered["data"] == bay
    assert calendar.answered["data"] == bay["calendars"][0]


async def test_calendar_leaves_out_every_holder_s_windows_and_names_nobody(booking: OcpiWorld) -> None:
    body = {"depot_id": "north", "charger_id": "bay-1", "start": at(EVENING), "end": at(EVENING + HOUR)}
    holder = {"holder": {"identifiers": [{"kind": "rfid", "value": OTHER_CARD}]}}
    made = await booking.api.done("POST", "/v1/reservations", body | holder)

    frame = await booking.partner.locations()

    bay = (await places(booking.partner))[BAY_1]
    assert slots(bay)[0][1] == at(EVENING)
    assert made["reservation_id"] not in frame.response.decode()
    assert OTHER_CARD not in frame.response.decode()


async def test_slots_follow_what_the_operator_changes_at_once(booking: OcpiWorld) -> None:
    async def free() -> dict[str, bool]:
        return {name: bool(slots(place)) for name, place in (await places(booking.partner)).items()}

    before = await free()
    body = {"depot_id": "north", "group_id": "fast", "start": at(NOON), "end": at(NOON + 12 * 24 * HOUR)}
    for card in (CARD, OTHER_CARD):
        holder = {"holder": {"identifiers": [{"kind": "rfid", "value": card}]}}
        await booking.api.done("POST", "/v1/reservations", body | holder)
    taken = await free()
    more = {"name": "Fast", "charger_ids": ["bay-1", "bay-2", "bay-3"]}
    await booking.api.done("PUT", "/v1/depots/north/reservation-groups/fast", more)

    assert before == {BAY_1: True, FAST: True}
    assert taken == {BAY_1: True, FAST: False}
    assert await free() == {BAY_1: True, FAST: True}, "a charger more is a slot more"


async def test_locations_come_in_pages_whose_links_keep_the_filters(booking: OcpiWorld) -> None:
    first = await booking.partner.locations(f"?limit=1&timeslot_from={at(EVENING)}")
    link = first.response_headers["link"]
    second = await booking.partner.call("GET", link[1 : link.index(">")])

    assert (first.response_headers["x-total-count"], first.response_headers["x-limit"]) == ("2", "100")
    assert link.endswith('rel="next"')
    assert "timeslot_from=" in link
    assert "link" not in second.response_headers
    ids = {each["id"] for frame in (first, second) for each in frame.answered["data"]}
    assert ids == {each["id"] for each in (await places(booking.partner)).values()}


async def test_locations_without_a_slot_in_the_asked_time_are_left_out(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking))
    asked = f"?timeslot_from={at(EVENING)}&timeslot_to={at(EVENING + HOUR)}"

    found = (await booking.partner.locations(asked)).answered["data"]

    assert [each["booking_option"]["evse_uid"] for each in found] == ["#NA"]


async def test_unknown_place_read_is_404_with_2003(booking: OcpiWorld) -> None:
    url = f"{booking.partner.endpoints['Booking']}/booking_locations"

    assert code(await booking.partner.call("GET", f"{url}/nowhere")) == (404, 2003)


# --- making, changing, cancelling -----------------------------------------------------------------------------------


async def test_booking_made_is_reserved_at_once_and_admits_its_card(booking: OcpiWorld) -> None:
    request = await wanted(booking)
    made = await booking.partner.book(request)

    assert code(made) == (201, 1000), made.text()
    assert status(made) == ("RESERVED", ["ACCEPTED"])
    data = made.answered["data"]
    assert data["booking_option"]["evse_uid"] == "bay-1"
    assert data["authorization_reference"] == "AUTH-R1"
    assert data["booking_tokens"] == request["tokens"]
    assert data["booking_requests"][0]["booking_request"]["request_id"] == "R1"
    assert data["period"] == {"start_date_time": at(EVENING), "end_date_time": at(EVENING + 2 * HOUR)}
    (entry,) = entries(booking)
    assert entry.reservation.reservation_id == data["id"]
    asked = {"charger_id": "bay-1", "dry_run": True, "at": at(EVENING)}
    by_card = {"identifier": {"kind": "rfid", "value": CARD}}
    answer = await booking.api.done("POST", "/v1/access-decisions", asked | by_card)
    assert (answer["decision"], answer["reason"]) == ("allowed", "reservation")


async def test_booking_of_a_group_names_no_charger_yet(booking: OcpiWorld) -> None:
    made = await booking.partner.book(await wanted(booking, FAST))

    assert made.answered["data"]["booking_option"]["evse_uid"] == "#NA"
    assert entries(booking)[0].reservation.place.group_id == "fast"


async def test_booking_changed_keeps_its_id_and_lists_both_requests(booking: OcpiWorld) -> None:
    first = await booking.partner.book(await wanted(booking))
    later = await booking.partner.book(await wanted(booking, start=EVENING + HOUR, tokens=[booking_token(OTHER_CARD)]))

    assert code(later) == (200, 1000)
    assert status(later) == ("RESERVED", ["ACCEPTED", "ACCEPTED"])
    assert later.answered["data"]["id"] == first.answered["data"]["id"]
    (entry,) = entries(booking)
    assert entry.reservation.start == EVENING + HOUR
    assert [each.ref.masked for each in entry.reservation.holder.identifiers] == ["…BBAA"]


async def test_booking_cancelled_frees_its_slot_and_is_never_revived(booking: OcpiWorld) -> None:
    request = await wanted(booking)
    await booking.partner.book(request)
    ended = await booking.partner.book(cancelled(request))
    revived = await booking.partner.book({**request, "power_required": 20})
    another = await booking.partner.book({**request, "request_id": "R2"})

    assert status(ended) == ("CANCELED", ["ACCEPTED", "ACCEPTED"])
    assert ended.answered["data"]["canceled"] == {"cancellation_reason": "TRAFFIC", "who_canceled": "EMSP"}
    assert status(revived) == ("CANCELED", ["ACCEPTED", "ACCEPTED", "DECLINED"])
    assert status(another) == ("RESERVED", ["ACCEPTED"])


async def test_booking_of_a_plate_and_a_code_admits_both(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking, tokens=[], plates=("B-AB 1234",), codes=("1224",)))

    kinds = {each.ref.kind.value for each in entries(booking)[0].reservation.holder.identifiers}
    assert kinds == {"plate", "pin"}


async def test_booking_without_a_token_is_recorded_and_admits_nobody_until_a_change_names_one(
    booking: OcpiWorld,
) -> None:
    made = await booking.partner.book(await wanted(booking, tokens=[]))
    (before,) = entries(booking)
    await booking.partner.book(await wanted(booking))
    (after,) = entries(booking)

    assert status(made) == ("RESERVED", ["ACCEPTED"])
    assert before.reservation.holder.admits_nobody
    assert not after.reservation.holder.admits_nobody


async def test_request_with_the_names_of_edition_1_0_is_understood_and_answered_with_those_of_1_1(
    booking: OcpiWorld,
) -> None:
    request = await wanted(booking, plates=("B-AB 1234",))
    made = await booking.partner.book(with_names_of_1_0(request, "bay-1"))

    assert status(made) == ("RESERVED", ["ACCEPTED"])
    sent = made.answered["data"]["booking_requests"][0]["booking_request"]
    assert sent["period"] == request["period"]
    assert sent["access_information"] == [{"method": "LICENSE_PLATE", "value": "B-AB 1234"}]
    assert sent["booking_option"] == {"evse_uid": "bay-1"}


async def test_bookings_are_listed_oldest_first_in_pages_and_by_their_last_update(booking: OcpiWorld) -> None:
    clock = booking.api.container.clock()
    first = await wanted(booking)
    await booking.partner.book(first)
    clock.forward(minutes=5)
    await booking.partner.book(await wanted(booking, FAST, "R2"))
    clock.forward(minutes=5)
    await booking.partner.book(cancelled(first))

    page = await booking.partner.bookings("/?limit=1")
    since = await booking.partner.bookings(
        f"?date_from={at(NOON + timedelta(minutes=5))}&date_to={at(NOON + timedelta(minutes=10))}"
    )

    assert [each["request_id"] for each in page.answered["data"]] == ["R1"]
    assert page.response_headers["x-total-count"] == "2"
    assert [each["request_id"] for each in since.answered["data"]] == ["R2"]


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_overlapping_slot_is_a_rejected_booking_that_names_no_other(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking))
    taken = await booking.partner.book(await wanted(booking, request_id="R2", start=EVENING + HOUR))

    assert code(taken) == (201, 1000)
    assert status(taken) == ("REJECTED", ["DECLINED"])
    assert taken.answered["status_message"] == "The slot is not free; read the calendar."
    assert len(entries(booking)) == 1


async def test_change_to_a_taken_slot_is_declined_and_the_booking_stays(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking))
    await booking.partner.book(await wanted(booking, request_id="R2", start=EVENING + 4 * HOUR))
    moved = await booking.partner.book(await wanted(booking, start=EVENING + 3 * HOUR))

    assert status(moved) == ("RESERVED", ["ACCEPTED", "DECLINED"])
    assert moved.answered["data"]["period"]["start_date_time"] == at(EVENING)


async def test_change_and_cancellation_after_their_deadlines_are_declined(booking: OcpiWorld) -> None:
    request = await wanted(booking)
    await booking.partner.book(request)
    booking.api.container.clock().set(EVENING - timedelta(minutes=59))
    changed = await booking.partner.book(await wanted(booking, start=EVENING + HOUR))
    booking.api.container.clock().set(EVENING - timedelta(minutes=29))
    ended = await booking.partner.book(cancelled(request))

    assert status(changed) == ("RESERVED", ["ACCEPTED", "DECLINED"])
    assert "60 minutes before" in changed.answered["status_message"]
    assert status(ended) == ("RESERVED", ["ACCEPTED", "DECLINED", "DECLINED"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"location_id": "south"}, 2003),
        ({"booking_location_id": "charger-00000000"}, 2003),
        ({"booking_location_id": None, "booking_option": None}, 2003),
        ({"party_id": "XYZ"}, 2001),
        ({"country_code": "NL"}, 2001),
        ({"period": {"start_date_time": at(EVENING), "end_date_time": at(EVENING)}}, 2001),
        ({"period": {"start_date_time": at(NOON - 2 * HOUR), "end_date_time": at(NOON - HOUR)}}, 2001),
        ({"period": {"start_date_time": "tomorrow", "end_date_time": at(EVENING)}}, 2001),
        ({"period": None}, 2001),
        ({"request_id": "x" * 37}, 2001),
        ({"request_id": ""}, 2001),
        ({"tokens": [{"uid": CARD}]}, 2001),
        ({"tokens": [booking_token(f"04{number:012X}") for number in range(21)]}, 2001),
        ({"authorization_reference": None}, 2001),
        ({"canceled": {"cancellation_reason": "BORED", "who_canceled": "EMSP"}}, 2001),
        ({"access_information": [{"method": "LICENSE_PLATE", "value": "?"}]}, 2001),
    ],
)
async def test_request_that_makes_no_sense_is_refused_and_nothing_is_recorded(
    booking: OcpiWorld, changes: dict[str, Any], expected: int
) -> None:
    request = {**await wanted(booking), **changes}
    refused = await booking.partner.book({name: value for name, value in request.items() if value is not None})

    assert code(refused) == (200, expected), refused.text()
    assert "data" not in refused.answered
    assert entries(booking) == []
    assert (await booking.partner.bookings()).answered["data"] == []


@pytest.mark.parametrize("content", [b"{", b"[]", b'"x"', b"null", b"[" * 10_000])
async def test_malformed_request_is_refused(booking: OcpiWorld, content: bytes) -> None:
    refused = await booking.partner.book(None, content=content)

    assert code(refused) in ((400, 2001), (200, 2001))


async def test_oversized_request_is_413(booking: OcpiWorld) -> None:
    request = {**await wanted(booking), "note": "x" * 2**20}

    assert code(await booking.partner.book(request)) == (413, 2001)


async def test_replayed_message_changes_nothing_and_answers_with_the_booking(booking: OcpiWorld) -> None:
    ids = {"X-Request-ID": "message-1"}
    request = await wanted(booking)
    first = await booking.partner.book(request, headers=ids)
    await booking.partner.book(await wanted(booking, start=EVENING + HOUR))
    version = book_of(booking).version
    replayed = await booking.partner.book(request, headers=ids)
    same = await booking.partner.book(await wanted(booking, start=EVENING + HOUR))

    assert status(first) == ("RESERVED", ["ACCEPTED"])
    for again in (replayed, same):
        assert code(again) == (200, 1000)
        assert status(again) == ("RESERVED", ["ACCEPTED", "ACCEPTED"])
    assert book_of(booking).version == version


async def test_cancellation_that_arrives_before_its_booking_keeps_it_from_being_made(booking: OcpiWorld) -> None:
    request = await wanted(booking)
    ended = await booking.partner.book(cancelled(request))
    late = await booking.partner.book(request)

    assert status(ended) == ("CANCELED", ["ACCEPTED"])
    assert status(late) == ("CANCELED", ["ACCEPTED", "DECLINED"])
    assert entries(booking) == []


async def test_two_requests_at_the_same_moment_give_one_slot_to_one_of_them(booking: OcpiWorld) -> None:
    both = [await wanted(booking, request_id=name) for name in ("R1", "R2")]
    answers = await asyncio.gather(*(booking.partner.book(each) for each in both))

    assert sorted(status(each)[0] for each in answers) == ["REJECTED", "RESERVED"]


async def test_ids_are_compared_without_regard_to_case(booking: OcpiWorld) -> None:
    request = await wanted(booking)
    await booking.partner.book(request)
    spelled = {**request, "request_id": "r1", "location_id": "NORTH", "country_code": "de", "party_id": "hub"}

    ended = await booking.partner.book(cancelled(spelled))

    assert status(ended) == ("CANCELED", ["ACCEPTED", "ACCEPTED"])


async def test_partner_of_another_tenant_books_and_sees_nothing_here(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking))
    request = await wanted(booking, request_id="R2")
    depot = {"name": "North", "time_zone": "Europe/Berlin"}
    assert (await booking.api.send("PUT", "/v1/depots/north", depot, tenant="rival")).is_success
    made = (await booking.api.send("PUT", PARTNER, BODY, tenant="rival")).json()
    other = SimulatedPartner(booking.partner.url, booking.client)
    other.tokens_for_them = booking.partner.tokens_for_them
    await other.register(booking.versions_url, made["token"])

    refused = await other.book(request)

    assert code(refused) == (200, 2003)
    assert (await other.bookings()).answered["data"] == []
    assert (await other.locations()).answered["data"] == []
    assert len(entries(booking)) == 1


async def test_places_taken_from_the_partner_end_new_bookings_and_leave_old_ones(booking: OcpiWorld) -> None:
    request = await wanted(booking)
    await booking.partner.book(request)
    await booking.api.done("PUT", PARTNER, {**BODY, "bookable": [], "terms": TERMS})

    refused = await booking.partner.book({**request, "request_id": "R2"})

    assert code(refused) == (200, 2003)
    assert [each["request_id"] for each in (await booking.partner.bookings()).answered["data"]] == ["R1"]


async def test_cancellation_that_overtakes_its_booking_in_another_process_wins(booking: OcpiWorld) -> None:
    asked, container = await wanted(booking), booking.api.container
    handler = container.ocpi.booking_handler()

    async def receive(*arguments: Any) -> Any:
        """While this process makes the reservation, another one handles the cancellation."""
        another = replace(handler, _locks=WeakValueDictionary())
        await another.handle(context, partner, requested_booking(BookingRequest.model_validate(cancelled(asked)), "m2"))
        return await handler.receive(*arguments)

    partner = (await container.records.ocpi_partners().all())[0]
    context = Context(tenant_id=TenantId("acme"), actor=ActorId("ocpi:DE-HUB"), correlation_id="race")
    with pytest.raises(TooBusy):
        await replace(handler, receive=receive).handle(
            context, partner, requested_booking(BookingRequest.model_validate(asked), "m1")
        )
    await booking.api.settled()
    again = await booking.partner.book(asked)

    assert [each.outcome for each in entries(booking)] == [Outcome.CANCELLED]
    assert status(again)[0] == "CANCELED"


# --- tokens ---------------------------------------------------------------------------------------------------------


async def test_token_pushed_is_read_back_changed_and_kept_from_opening_once_invalid(booking: OcpiWorld) -> None:
    pushed = token(CARD, NOON)
    made = await booking.partner.push_token(pushed)
    url = made.url
    shown = await booking.partner.call("GET", url)
    patched = await booking.partner.call("PATCH", url, {"valid": False, "last_updated": at(NOON + HOUR)})
    stale = await booking.partner.push_token(pushed)
    after = await booking.partner.call("GET", url)
    reserved = await booking.partner.book(await wanted(booking))

    assert [code(each) for each in (made, shown, patched, stale)] == [
        (201, 1000),
        (200, 1000),
        (200, 1000),
        (200, 1000),
    ]
    assert shown.answered["data"] == pushed
    assert after.answered["data"]["valid"] is False, "an older state changes nothing"
    assert status(reserved) == ("RESERVED", ["ACCEPTED"])
    assert entries(booking)[0].reservation.holder.admits_nobody


async def reason_of(world: OcpiWorld, identifier: dict[str, str]) -> str:
    found = await world.api.done("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": identifier})
    return found["reason"]


async def test_token_pushed_invalid_no_longer_opens_bookings_that_name_it_until_pushed_valid_again(
    booking: OcpiWorld,
) -> None:
    plate = [{"method": "LICENSE_PLATE", "value": "B-AB 1234"}]
    await booking.partner.push_token(token(CARD, NOON))
    made = await booking.partner.book(await wanted(booking, start=NOON + HOUR, access_information=plate))
    moment = booking.api.container.clock()
    url, card, car = "/v1/reservations/" + made.answered["data"]["id"], {"kind": "rfid", "value": CARD}, plate[0]

    await booking.partner.push_token(token(CARD, NOON + HOUR / 4, valid=False))
    while_invalid = (await booking.api.get(url)).json()
    moment.set(NOON + HOUR)
    refused = await reason_of(booking, card)
    by_plate = await reason_of(booking, {"kind": "plate", "value": car["value"]})
    await booking.partner.push_token(token(CARD, NOON + HOUR, valid=True))
    admitted = await reason_of(booking, card)
    again = (await booking.api.get(url)).json()

    assert (while_invalid["status"], [each["code"] for each in while_invalid["reasons"]]) == (
        "at_risk",
        ["token_not_valid", "charger_unreachable"],
    )
    assert [each["kind"] for each in while_invalid["holder"]["withheld"]] == ["rfid"]
    assert refused == "unknown_identifier"
    assert by_plate == "reservation", "the booking's other identifiers admit"
    assert admitted == "reservation"
    assert again["holder"]["withheld"] == []
    assert again["version"] > while_invalid["version"], "the change was recorded"


async def test_booking_with_an_invalid_token_admits_once_the_token_is_pushed_valid(booking: OcpiWorld) -> None:
    await booking.partner.push_token(token(CARD, NOON, valid=False))
    await booking.partner.book(await wanted(booking, start=NOON + HOUR))
    before = entries(booking)[0].reservation.holder
    await booking.partner.push_token(token(CARD, NOON + HOUR / 4))
    booking.api.container.clock().set(NOON + HOUR)

    assert before.admits_nobody
    assert await reason_of(booking, {"kind": "rfid", "value": CARD}) == "reservation"


async def test_regular_review_follows_a_token_whose_push_was_cut_off(booking: OcpiWorld) -> None:
    await booking.partner.book(await wanted(booking))
    ocpi = booking.api.container.ocpi
    partner = (await booking.api.container.records.ocpi_partners().all())[0]
    await ocpi.driver_tokens().put(
        partner, identifier(IdentifierKind.RFID, CARD), "{}", is_valid=False, updated_at=NOON
    )  # and the process ended

    behind = await ocpi.token_reviews().all()
    await booking.api.settled()

    assert behind == 1
    assert entries(booking)[0].reservation.holder.admits_nobody
    assert await ocpi.token_reviews().all() == 0


async def test_token_of_another_party_or_another_url_is_refused(booking: OcpiWorld) -> None:
    url = booking.partner.endpoints["tokens"]
    foreign = await booking.partner.call("PUT", f"{url}/NL/XYZ/{CARD}", token(CARD, NOON, party="NL-XYZ"))
    lying = await booking.partner.call("PUT", f"{url}/DE/HUB/{CARD}", token(CARD, NOON, party="NL-XYZ"))
    mixed = await booking.partner.call("PUT", f"{url}/DE/HUB/{OTHER_CARD}", token(CARD, NOON))
    timeless = await booking.partner.call("PUT", f"{url}/DE/HUB/{CARD}", booking_token(CARD))
    unknown = await booking.partner.call("GET", f"{url}/DE/HUB/{CARD}")

    assert [code(each) for each in (foreign, lying, mixed, timeless)] == [(200, 2001)] * 4
    assert code(unknown) == (404, 2004)
