"""ReservationBook: what can be promised, changed and cancelled, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.domain.errors import Refused
from access_policy.domain.ids import AttemptId, ChargerId, ReservationGroupId, ReservationId
from access_policy.domain.reservations import errors
from access_policy.domain.reservations.book import GROUPS_MAX, ReservationBook
from access_policy.domain.reservations.entries import KEPT_FOR
from access_policy.domain.reservations.entry import Outcome
from access_policy.domain.reservations.events import ConflictKind, RequestedBy
from access_policy.domain.reservations.reservation import (
    CHARGERS_MAX,
    IDENTIFIERS_MAX,
    Holder,
    Place,
    Reservation,
    ReservationSource,
)
from access_policy.domain.reservations.terms import MINUTES_MAX
from tests.support.builders import ANNA, BAY, HOUR, MINUTE, NOON, VAN, berlin, ref
from tests.support.reservations import (
    AT_FAST,
    BAY_2,
    BAY_3,
    BAY_4,
    EVENING,
    FAST,
    NOBODY,
    R1,
    R2,
    R3,
    R4,
    booking,
    cancelled,
    card,
    changed,
    conflict,
    ended,
    fulfilled,
    group,
    group_put,
    made,
    missed,
    moved,
    reservation,
    terms,
)
from tests.support.spec import given_book

Make = Callable[[ReservationBook], tuple[Any, ...]]


def making(wanted: Reservation, now: datetime = NOON) -> Make:
    return lambda book: book.make(wanted, made_by=ANNA, now=now)


def changing(wanted: Reservation, now: datetime = NOON, requested_by: RequestedBy = RequestedBy.OPERATOR) -> Make:
    return lambda book: book.change(wanted, requested_by=requested_by, changed_by=ANNA, now=now)


def cancelling(
    now: datetime = NOON, reason: str = "the bus broke down", requested_by: RequestedBy = RequestedBy.OPERATOR
) -> Make:
    return lambda book: book.cancel(R1, reason, requested_by=requested_by, cancelled_by=ANNA, now=now)


def receiving(wanted: Reservation, now: datetime = NOON) -> Make:
    return lambda book: book.receive(wanted, received_from=ANNA, now=now)


def reviewing(*, is_valid: bool, party: str = "DE-HUB", now: datetime = NOON) -> Make:
    return lambda book: book.review_token(party, ref("p1"), is_valid=is_valid, reviewed_by=ANNA, now=now)


def withheld(*pseudonyms: str) -> Holder:
    """Of a booking of the cards p1 and p2."""
    return Holder(identifiers=(card("p1"), card("p2"))).withholding({ref(each) for each in pseudonyms})


# --- tokens of partners -------------------------------------------------------------------------------------------------

OF_TWO_CARDS = booking(holder=Holder(identifiers=(card("p1"), card("p2"))))


def test_token_declared_invalid_is_withheld_from_its_partys_bookings_and_valid_again_admits():
    invalid = changed(booking(holder=withheld("p1")))

    given_book(made(OF_TWO_CARDS)).when(reviewing(is_valid=False)).then(invalid)
    given_book(made(OF_TWO_CARDS), invalid).when(reviewing(is_valid=False)).then_nothing()
    valid = given_book(made(OF_TWO_CARDS), invalid).when(reviewing(is_valid=True)).events
    assert [set(each.reservation.holder.identifiers) for each in valid] == [{card("p1"), card("p2")}]


def test_token_withheld_is_found_by_nobody_who_presents_it():
    book = given_book(made(OF_TWO_CARDS), changed(booking(holder=withheld("p1")))).state

    assert book.entries.held_by(ref("p1"), None) == []
    assert not book.entries.is_held_by(ref("p1"))
    assert len(book.entries.held_by(ref("p2"), None)) == 1


def test_token_of_another_party_or_of_a_finished_booking_is_left_alone():
    own = reservation(R2, place=AT_FAST, holder=Holder(identifiers=(card("p1"),)))
    given_book(made(OF_TWO_CARDS)).when(reviewing(is_valid=False, party="NL-XYZ")).then_nothing()
    given_book(group_put(), made(own)).when(reviewing(is_valid=False)).then_nothing()
    given_book(made(OF_TWO_CARDS)).when(reviewing(is_valid=False, now=EVENING + 2 * HOUR)).then_nothing()


def test_token_is_withheld_after_the_deadline_of_changes():
    late = booking(holder=Holder(identifiers=(card("p1"),)), terms=terms(change_until_min=600))
    found = given_book(made(late)).when(reviewing(is_valid=False)).events
    assert [each.reservation.holder.admits_nobody for each in found] == [True]


# --- making -----------------------------------------------------------------------------------------------------------


def test_make_a_free_charger_records_the_reservation_and_the_same_again_changes_nothing() -> None:
    book = given_book().when(making(reservation())).then(made())

    assert book.entry(R1).reservation == reservation()
    assert book.version == book.entry(R1).changed_at == 1
    given_book(made()).when(making(reservation())).then_nothing()


def test_make_with_a_used_id_and_other_content_is_refused() -> None:
    given_book(made()).when(making(reservation(place=Place(charger_id=BAY_2)))).then_refused(
        errors.ReservationIdTaken, pointer="/reservation_id"
    )


@pytest.mark.parametrize(
    ("start", "allowed"),
    [
        (EVENING - 2 * HOUR, True),
        (EVENING - 2 * HOUR + MINUTE, False),
        (EVENING + 2 * HOUR - MINUTE, False),
        (EVENING + 2 * HOUR, True),
    ],
)
def test_make_a_charger_that_is_promised_is_refused_from_its_first_minute_to_its_last(
    start: datetime, allowed: bool
) -> None:
    outcome = given_book(made()).when(making(reservation(R2, start)))

    if allowed:
        outcome.then(made(reservation(R2, start)))
    else:
        outcome.then_refused(errors.ChargerReserved, pointer="/charger_id", says="r1")
        assert isinstance(outcome.refusal, errors.ChargerReserved)
        assert outcome.refusal.conflicting == (R1,)


def test_early_start_and_late_stop_are_promised_too() -> None:
    early = reservation(R2, EVENING + 2 * HOUR + 29 * MINUTE, terms=terms(early_start_min=30))
    late = reservation(terms=terms(late_stop_min=30))

    given_book(made()).when(making(early)).then_refused(errors.ChargerReserved)
    given_book(made(late)).when(making(reservation(R2, EVENING + 2 * HOUR + 29 * MINUTE))).then_refused(
        errors.ChargerReserved
    )
    in_half_an_hour = reservation(R2, EVENING + 2 * HOUR + 30 * MINUTE)
    given_book(made(late)).when(making(in_half_an_hour)).then(made(in_half_an_hour))


def test_two_connectors_of_a_charger_are_promised_to_two_holders_and_the_whole_charger_to_neither() -> None:
    left, right = (Place(charger_id=BAY, connector_id=number) for number in (1, 2))
    history = made(reservation(place=left))

    given_book(history).when(making(reservation(R2, place=right))).then(made(reservation(R2, place=right)))
    given_book(history).when(making(reservation(R2, place=left))).then_refused(errors.ChargerReserved)
    given_book(history).when(making(reservation(R2))).then_refused(errors.ChargerReserved)
    given_book(made()).when(making(reservation(R2, place=right))).then_refused(errors.ChargerReserved)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"end": EVENING}, "/end"),
        ({"end": EVENING - MINUTE}, "/end"),
        ({"start": NOON - 3 * HOUR, "end": NOON}, "/end"),
        ({"end": EVENING + 29 * MINUTE, "terms": terms(shortest_min=30)}, "/end"),
        ({"end": EVENING + 31 * MINUTE, "terms": terms(longest_min=30)}, "/end"),
        ({"terms": terms(shortest_min=31, longest_min=30)}, "/terms/shortest_min"),
        ({"terms": terms(early_start_min=-1)}, "/terms/early_start_min"),
        ({"terms": terms(late_stop_min=MINUTES_MAX + 1)}, "/terms/late_stop_min"),
        ({"holder": NOBODY}, "/holder"),
        ({"holder": Holder(identifiers=(card(),) * (IDENTIFIERS_MAX + 1))}, "/holder/identifiers"),
        ({"place": Place()}, "/charger_id"),
        ({"place": Place(charger_id=BAY, group_id=FAST)}, "/charger_id"),
        ({"place": Place(group_id=FAST, connector_id=1)}, "/connector_id"),
        ({"place": Place(charger_id=BAY, connector_id=0)}, "/connector_id"),
    ],
)
def test_make_a_meaningless_reservation_is_refused_and_points_to_the_field(
    changes: dict[str, Any], pointer: str
) -> None:
    given_book(group_put()).when(making(reservation(**changes))).then_refused(
        errors.ReservationInvalid, pointer=pointer
    )


def test_make_in_a_group_that_does_not_exist_is_refused() -> None:
    given_book().when(making(reservation(place=AT_FAST))).then_refused(errors.GroupUnknown, pointer="/group_id")


def test_window_across_a_clock_change_lasts_as_long_as_really_passes() -> None:
    start, end = berlin("2027-03-28 01:00"), berlin("2027-03-28 04:00")  # three hours on the clock, two in fact

    exact = reservation(start=start, end=end, terms=terms(shortest_min=120, longest_min=120))

    given_book().when(making(exact)).then(made(exact))


def test_reservation_that_has_begun_can_still_be_made() -> None:
    now = EVENING + HOUR
    given_book().when(making(reservation(), now)).then(made(at=now))


# --- groups -----------------------------------------------------------------------------------------------------------


def test_group_promises_as_many_chargers_as_it_has_and_not_one_more() -> None:
    promised = [made(reservation(each, place=AT_FAST)) for each in (R1, R2, R3)]
    outcome = given_book(group_put(), *promised).when(making(reservation(R4, place=AT_FAST)))

    outcome.then_refused(errors.GroupFull, pointer="/group_id", says="2026-11-18T18:00Z")
    assert isinstance(outcome.refusal, errors.GroupFull)
    assert outcome.refusal.conflicting == (R1, R2, R3)
    later = reservation(R4, EVENING + 2 * HOUR, place=AT_FAST)
    given_book(group_put(), *promised).when(making(later)).then(made(later))


def test_charger_promised_by_name_is_not_one_of_the_groups() -> None:
    two = [made(reservation(each, place=AT_FAST)) for each in (R1, R2)]
    named = reservation(R3)

    given_book(group_put(), *two).when(making(named)).then(made(named))
    given_book(group_put(), *two, made(named)).when(making(reservation(R4, place=AT_FAST))).then_refused(
        errors.GroupFull
    )
    full = [*two, made(reservation(R3, place=AT_FAST))]
    given_book(group_put(), *full).when(making(reservation(R4))).then_refused(errors.GroupFull, pointer="/charger_id")
    elsewhere = reservation(R4, place=Place(charger_id=BAY_4))
    given_book(group_put(), *full).when(making(elsewhere)).then(made(elsewhere))


def test_groups_that_share_a_charger_promise_it_once() -> None:
    slow = ReservationGroupId("slow")
    groups = (group_put(BAY, BAY_2), group_put(BAY_2, BAY_3, group_id=slow, name="Slow"))
    three = [
        made(reservation(R1, place=AT_FAST)),
        made(reservation(R2, place=AT_FAST)),
        made(reservation(R3, place=Place(group_id=slow))),
    ]

    given_book(*groups, *three).when(making(reservation(R4, place=Place(group_id=slow)))).then_refused(errors.GroupFull)
    given_book(*groups, *three[1:]).when(making(reservation(R4, place=Place(group_id=slow)))).then(
        made(reservation(R4, place=Place(group_id=slow)))
    )


def test_shortage_in_the_middle_of_the_window_is_found() -> None:
    history = [group_put(BAY), made(reservation(R1, EVENING + HOUR, place=AT_FAST, end=EVENING + 90 * MINUTE))]

    given_book(*history).when(making(reservation(R2, place=AT_FAST))).then_refused(
        errors.GroupFull, says="2026-11-18T19:00Z"
    )


def test_group_is_put_and_the_same_again_changes_nothing() -> None:
    book = given_book().when(lambda b: b.put_group(group(), now=NOON)).then(group_put())

    assert (book.group(FAST).name, book.group_changed_at[FAST]) == ("Fast", 1)
    given_book(group_put()).when(lambda b: b.put_group(group(), now=NOON)).then_nothing()


def test_group_that_shrinks_below_its_promises_is_refused_and_names_them() -> None:
    history = [group_put(), *(made(reservation(each, place=AT_FAST)) for each in (R1, R2))]
    outcome = given_book(*history).when(lambda b: b.put_group(group(BAY), now=NOON))

    outcome.then_refused(errors.GroupFull, pointer="/charger_ids", says="r1, r2")
    given_book(*history).when(lambda b: b.put_group(group(BAY, BAY_4), now=NOON)).then(group_put(BAY, BAY_4))
    given_book(*history).when(lambda b: b.put_group(group(BAY), now=EVENING + 2 * HOUR)).then(group_put(BAY))


def test_group_without_chargers_or_with_too_many_and_one_group_too_many_are_refused() -> None:
    many = [ChargerId(f"c{number}") for number in range(CHARGERS_MAX + 1)]
    empty = group()
    object.__setattr__(empty, "charger_ids", frozenset())
    all_groups = [group_put(group_id=ReservationGroupId(f"g{number}")) for number in range(GROUPS_MAX)]

    given_book().when(lambda b: b.put_group(empty, now=NOON)).then_refused(errors.GroupInvalid, pointer="/charger_ids")
    given_book().when(lambda b: b.put_group(group(*many), now=NOON)).then_refused(errors.GroupInvalid)
    given_book(*all_groups).when(lambda b: b.put_group(group(), now=NOON)).then_refused(errors.TooManyGroups)


# --- partners' bookings -----------------------------------------------------------------------------------------------


def test_receive_a_booking_makes_it_and_a_repeated_or_older_request_changes_nothing() -> None:
    given_book().when(receiving(booking())).then(made(booking()))
    later = booking(3, start=EVENING + HOUR)
    history = (made(booking()), changed(later))

    for again in (booking(), booking(2), booking(3), booking(3, start=EVENING)):
        given_book(*history).when(receiving(again)).then_nothing()


def test_receive_a_newer_version_changes_the_booking_under_its_first_id() -> None:
    newer = booking(2, reservation_id=R2, start=EVENING + HOUR)

    given_book(made(booking())).when(receiving(newer)).then(changed(moved(newer, reservation_id=R1)))


def test_receive_a_version_older_than_the_cancellation_changes_nothing_and_a_newer_one_is_refused() -> None:
    history = (made(booking()), cancelled(request_version=3))

    given_book(*history).when(receiving(booking(2))).then_nothing()
    given_book(*history).when(receiving(booking(4))).then_refused(errors.ReservationOver)


def test_booking_may_name_nobody_and_a_change_may_name_a_token() -> None:
    unnamed = booking(holder=NOBODY)

    book = given_book().when(receiving(unnamed)).then(made(unnamed))
    assert book.entries.held_by(ref(), VAN) == []
    given_book(made(unnamed)).when(receiving(booking(2))).then(changed(booking(2)))


# --- changing and cancelling --------------------------------------------------------------------------------------------


def test_change_frees_the_old_window_and_promises_the_new_one_in_one_event() -> None:
    later = reservation(start=EVENING + HOUR)

    book = given_book(made()).when(changing(later)).then(changed(later))

    assert [each.reservation for each in book.entries.at_places([("charger", BAY)], EVENING, EVENING + HOUR)] == []
    first_hour = reservation(R2, EVENING, end=EVENING + HOUR)
    given_book(made(), changed(later)).when(making(first_hour)).then(made(first_hour))


def test_change_to_a_promised_window_is_refused_and_one_to_the_same_content_changes_nothing() -> None:
    history = (made(), made(reservation(R2, EVENING + 2 * HOUR)))

    given_book(*history).when(changing(reservation(end=EVENING + 3 * HOUR))).then_refused(errors.ChargerReserved)
    given_book(*history).when(changing(reservation())).then_nothing()


def test_change_of_the_holder_leaves_the_old_one_with_nothing() -> None:
    book = (
        given_book(made())
        .when(changing(reservation(holder=Holder(identifiers=(card("p2"),)))))
        .then(changed(reservation(holder=Holder(identifiers=(card("p2"),)))))
    )

    assert book.entries.held_by(None, VAN) == []
    assert [each.reservation.reservation_id for each in book.entries.held_by(ref("p2"), None)] == [R1]


@pytest.mark.parametrize(
    ("requested_by", "minutes_before", "refused"),
    [
        (RequestedBy.PARTNER, 61, False),
        (RequestedBy.PARTNER, 60, False),
        (RequestedBy.PARTNER, 59, True),
        (RequestedBy.OPERATOR, 59, False),
    ],
)
def test_partner_changes_and_cancels_up_to_the_deadline_and_the_operator_after_it(
    requested_by: RequestedBy, minutes_before: int, refused: bool
) -> None:
    until = terms(change_until_min=60, cancel_until_min=60)
    now = EVENING - minutes_before * MINUTE
    history = made(reservation(terms=until))
    changed_end = given_book(history).when(
        changing(reservation(terms=until, end=EVENING + HOUR), now, requested_by=requested_by)
    )
    cancelled_one = given_book(history).when(cancelling(now, requested_by=requested_by))

    if refused:
        changed_end.then_refused(errors.TooLateToChange, says="17:00Z")
        cancelled_one.then_refused(errors.TooLateToChange)
    else:
        changed_end.then(changed(reservation(terms=until, end=EVENING + HOUR), now))
        cancelled_one.then(cancelled(now, requested_by=requested_by))


def test_cancel_frees_the_charger_and_a_cancelled_reservation_is_never_revived() -> None:
    book = given_book(made()).when(cancelling()).then(cancelled())

    assert (book.entry(R1).outcome, book.entry(R1).reason) == (Outcome.CANCELLED, "the bus broke down")
    given_book(made(), cancelled()).when(making(reservation(R2))).then(made(reservation(R2)))
    given_book(made(), cancelled()).when(changing(reservation(start=EVENING + HOUR))).then_refused(
        errors.ReservationOver
    )
    given_book(made(), cancelled()).when(cancelling()).then_nothing()


def test_cancel_needs_a_reason_and_a_reservation_that_is_not_over() -> None:
    given_book(made()).when(cancelling(reason=" ")).then_refused(_error_named("invalid-name"), pointer="/reason")
    given_book(made()).when(cancelling(EVENING + 2 * HOUR)).then_refused(errors.ReservationOver)
    given_book().when(cancelling()).then_refused(errors.ReservationUnknown)


def _error_named(code: str) -> type[Refused]:
    def kinds(of: type[Refused]) -> list[type[Refused]]:
        return [each for kind in of.__subclasses__() for each in (kind, *kinds(kind))]

    return next(each for each in kinds(Refused) if each.code == code)


# --- what becomes of it -----------------------------------------------------------------------------------------------


def fulfilling(at: datetime) -> Make:
    return lambda book: book.fulfil(R1, BAY, AttemptId("a1"), at=at)


def ending(now: datetime, *, session_active: bool = False) -> Make:
    return lambda book: book.end(R1, session_active=session_active, now=now)


def test_first_charge_fulfils_once_and_not_after_the_end() -> None:
    book = given_book(made()).when(fulfilling(EVENING)).then(fulfilled())

    assert (book.entry(R1).fulfilled_at, book.entry(R1).charger_id) == (EVENING, BAY)
    given_book(made(), fulfilled()).when(fulfilling(EVENING + HOUR)).then_nothing()
    given_book(made()).when(fulfilling(EVENING + 2 * HOUR)).then_nothing()
    given_book(made(), cancelled()).when(fulfilling(EVENING)).then_nothing()


def test_no_show_is_recorded_from_its_instant_on_and_frees_the_charger_before_it_is_recorded() -> None:
    history = made(reservation(terms=terms(no_show_after_min=15)))
    lost_at = EVENING + 15 * MINUTE
    other = reservation(R2, lost_at)

    given_book(history).when(lambda b: b.miss(R1, now=lost_at - MINUTE)).then_nothing()
    book = given_book(history).when(lambda b: b.miss(R1, now=lost_at + HOUR)).then(missed(lost_at))
    assert book.entry(R1).outcome is Outcome.NO_SHOW
    given_book(history, missed(lost_at)).when(lambda b: b.miss(R1, now=lost_at)).then_nothing()
    given_book(history).when(making(other, lost_at - MINUTE)).then_refused(errors.ChargerReserved)
    given_book(history).when(making(other, lost_at)).then(made(other, lost_at))


def test_no_show_never_follows_a_charge_or_terms_without_it() -> None:
    missing: Make = lambda book: book.miss(R1, now=EVENING + HOUR)  # noqa: E731
    promised = made(reservation(terms=terms(no_show_after_min=15)))

    given_book(promised, fulfilled()).when(missing).then_nothing()
    given_book(made()).when(missing).then_nothing()


def test_window_ends_at_its_end_and_says_whether_the_charge_runs_on() -> None:
    given_book(made()).when(ending(EVENING + 2 * HOUR - MINUTE)).then_nothing()
    given_book(made(), fulfilled()).when(ending(EVENING + 3 * HOUR, session_active=True)).then(
        ended(EVENING + 2 * HOUR, session_active=True)
    )
    given_book(made(), ended(EVENING + 2 * HOUR)).when(ending(EVENING + 3 * HOUR)).then_nothing()


def test_charge_that_ends_releases_the_reservation_unless_the_terms_keep_it() -> None:
    now, other = EVENING + HOUR, reservation(R2, EVENING + HOUR)
    kept = made(reservation(terms=terms(release_on_stop=False)))

    given_book(made(), fulfilled()).when(ending(now)).then(ended(now))
    given_book(made(), fulfilled(), ended(now)).when(making(other, now)).then(made(other, now))
    given_book(made(), fulfilled()).when(ending(now, session_active=True)).then_nothing()
    given_book(kept, fulfilled()).when(ending(now)).then_nothing()


def test_charge_that_runs_on_has_the_place_until_the_late_stop() -> None:
    end = EVENING + 2 * HOUR
    history = (made(reservation(terms=terms(late_stop_min=30))), fulfilled(), ended(end, session_active=True))

    given_book(*history).when(making(reservation(R2, end), end)).then_refused(errors.ChargerReserved)
    after = reservation(R2, end + 30 * MINUTE)
    given_book(*history).when(making(after, end)).then(made(after, end))


def test_conflict_is_detected_once_for_each_cause_and_not_after_the_end() -> None:
    def detecting(cause: str, now: datetime = NOON) -> Make:
        return lambda book: book.detect_conflict(R1, ConflictKind.OVERRIDE, cause, now=now)

    given_book(made()).when(detecting("o1")).then(conflict("o1"))
    given_book(made(), conflict("o1")).when(detecting("o1")).then_nothing()
    given_book(made(), conflict("o1")).when(detecting("o2")).then(conflict("o2"))
    given_book(made()).when(detecting("o1", EVENING + 2 * HOUR)).then_nothing()


def test_finished_reservation_is_forgotten_a_week_after_its_end_and_a_live_one_is_not() -> None:
    end = EVENING + 2 * HOUR
    finished = (made(), made(reservation(R2, EVENING + 2 * HOUR)), ended(end))

    before = given_book(*finished, made(reservation(R3, end + KEPT_FOR), end + KEPT_FOR - MINUTE)).state
    after = given_book(*finished, made(reservation(R3, end + KEPT_FOR), end + KEPT_FOR)).state

    assert set(before.entries.by_id) == {R1, R2, R3}
    assert set(after.entries.by_id) == {R2, R3}
    assert [each.reservation.reservation_id for each in after.entries.held_by(None, VAN)] == [R2, R3]


def test_cancelled_booking_far_ahead_is_kept_until_a_week_after_its_window() -> None:
    ahead = EVENING + timedelta(days=20)
    history = (made(booking(start=ahead)), cancelled(request_version=2))

    given_book(*history, made(reservation(R2), NOON + KEPT_FOR + HOUR)).when(
        receiving(booking(start=ahead), NOON + KEPT_FOR + HOUR)
    ).then_nothing()


def test_copy_does_not_share_what_changes() -> None:
    book = given_book(group_put(), made()).state
    copy = book.copy()

    copy.apply(made(reservation(R2, EVENING + 3 * HOUR)))
    copy.apply(cancelled())

    assert book == given_book(group_put(), made()).state
    assert book.version == 2
    assert {
        each.reservation.reservation_id for each in book.entries.at_places([("charger", BAY)], NOON, NOON + 24 * HOUR)
    } == {R1}


def test_source_tells_a_partners_reservation_from_an_entry_of_ones_own() -> None:
    assert [each for each in ReservationSource if each.is_a_partners] == [
        ReservationSource.OCPI,
        ReservationSource.EVENT,
    ]


def test_unknown_reservation_is_named_in_the_refusal() -> None:
    unknown = ReservationId("elsewhere")

    given_book(made()).when(lambda b: b.miss(unknown, now=NOON)).then_refused(
        errors.ReservationUnknown, says="elsewhere"
    )
