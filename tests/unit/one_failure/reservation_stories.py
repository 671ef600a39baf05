"""Every command on a depot's reservations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from access_policy.application.commands.cancel_reservation import CancelReservation, CancelReservationHandler
from access_policy.application.commands.change_reservation import ChangeReservation, ChangeReservationHandler
from access_policy.application.commands.end_bookings_of_party import EndBookingsOfParty, EndBookingsOfPartyHandler
from access_policy.application.commands.make_reservation import MakeReservation, MakeReservationHandler
from access_policy.application.commands.put_reservation_group import PutReservationGroup, PutReservationGroupHandler
from access_policy.application.commands.put_reservation_settings import (
    PutReservationSettings,
    PutReservationSettingsHandler,
)
from access_policy.application.commands.receive_booking import (
    CancelBooking,
    CancelBookingHandler,
    ReceiveBooking,
    ReceiveBookingHandler,
)
from access_policy.application.commands.replace_reservation import ReplaceReservation, ReplaceReservationHandler
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.commands.review_token import ReviewToken, ReviewTokenHandler
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.reservations.reservation import PartnerRequest, Place, ReservationSource
from access_policy.domain.reservations.settings import ReservationSettings
from tests.support.builders import HOUR, NORTH
from tests.support.depot_in_memory import TENANT
from tests.support.nth_call import Story
from tests.support.reservations import AT_BAY, EVENING, R1, R2, group
from tests.support.stores import pseudonyms
from tests.unit.one_failure.command_stories import DEPOT, OTHER_BAY, asks, other_bay, story

CARDS = [(IdentifierKind.RFID, f"04A1B2C3D4E5F{number}") for number in (1, 2)]
TWO_BAYS = (*DEPOT, other_bay())
CARD_REF = pseudonyms().ref(TENANT, identifier(*CARDS[0]))
REQUEST = PartnerRequest(party="DE-HUB", request_id="q1", version=1)


def evening(**changes: Any) -> ReservationDraft:
    values: dict[str, Any] = {
        "place": AT_BAY,
        "start": EVENING,
        "end": EVENING + 2 * HOUR,
        "source": ReservationSource.MANUAL,
        "identifiers": CARDS,
    }
    return ReservationDraft(**(values | changes))


MADE = MakeReservation(depot_id=NORTH, draft=evening(), reservation_id=R1)
BOOKED = ReceiveBooking(depot_id=NORTH, draft=evening(source=ReservationSource.OCPI, request=REQUEST))
MOVED = evening(place=Place(charger_id=OTHER_BAY), identifiers=[*CARDS, (IdentifierKind.PLATE, "B-AB 1234")])

RESERVATIONS: tuple[Story, ...] = (
    story("make a reservation", MakeReservationHandler, DEPOT, asks(replace(MADE, reservation_id=None))),
    story(
        "move a reservation",
        ChangeReservationHandler,
        (*TWO_BAYS, MADE),
        asks(ChangeReservation(reservation_id=R1, draft=MOVED)),
    ),
    story(
        "replace a reservation",
        ReplaceReservationHandler,
        (*DEPOT, MADE),
        asks(ReplaceReservation(reservation_id=R1, reason="it broke down", identifiers=CARDS[:1], successor_id=R2)),
    ),
    story(
        "cancel a reservation",
        CancelReservationHandler,
        (*DEPOT, MADE),
        asks(CancelReservation(reservation_id=R1, reason="it broke down")),
    ),
    story("receive a booking", ReceiveBookingHandler, DEPOT, asks(BOOKED)),
    story(
        "receive a changed booking",
        ReceiveBookingHandler,
        (*DEPOT, BOOKED),
        asks(
            replace(
                BOOKED,
                draft=replace(BOOKED.draft, start=EVENING + HOUR, request=replace(REQUEST, version=2)),
            )
        ),
    ),
    story(
        "receive a cancelled booking",
        CancelBookingHandler,
        (*DEPOT, BOOKED),
        asks(CancelBooking(depot_id=NORTH, request=replace(REQUEST, version=2), reason="the driver is late")),
    ),
    story(
        "review a token of a booking",
        ReviewTokenHandler,
        (*DEPOT, BOOKED),
        asks(ReviewToken(depot_id=NORTH, party="DE-HUB", token=CARD_REF, is_valid=False)),
    ),
    story(
        "end the bookings of a party",
        EndBookingsOfPartyHandler,
        (*DEPOT, BOOKED),
        asks(EndBookingsOfParty(depot_id=NORTH, party="DE-HUB", reason="The partner was removed.")),
    ),
    story(
        "put a reservation group",
        PutReservationGroupHandler,
        TWO_BAYS,
        asks(PutReservationGroup(depot_id=NORTH, group=group(AT_BAY.charger_id, OTHER_BAY))),  # type: ignore[arg-type]
    ),
    story(
        "put the settings of reservations",
        PutReservationSettingsHandler,
        DEPOT,
        asks(PutReservationSettings(depot_id=NORTH, settings=ReservationSettings(horizon_days=14))),
    ),
)
