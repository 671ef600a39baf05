"""What an agreement covers: chargers, depots, hours."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, InvalidId, InvalidName
from access_policy.domain.instants import NaiveInstant
from access_policy.domain.vehicle_registry.agreements import HOURS_MAX, PLACES_MAX, AgreementHours
from access_policy.domain.vehicle_registry.errors import AgreementInvalid
from tests.support.builders import BAY, BERLIN, NOON, NORTH, agreement, berlin

OTHER_BAY, SOUTH = ChargerId("bay-2"), DepotId("south")


def hours(start: str = "08:00", end: str = "18:00", days: tuple[str, ...] = ("WE",)) -> AgreementHours:
    return AgreementHours(days=days, start=time.fromisoformat(start), end=time.fromisoformat(end))


@pytest.mark.parametrize(
    ("places", "covered"),
    [
        ({}, True),
        ({"charger_ids": frozenset({BAY})}, True),
        ({"charger_ids": frozenset({OTHER_BAY})}, False),
        ({"depot_ids": frozenset({NORTH})}, True),
        ({"depot_ids": frozenset({SOUTH})}, False),
        ({"charger_ids": frozenset({BAY}), "depot_ids": frozenset({SOUTH})}, True),
        ({"charger_ids": frozenset({OTHER_BAY}), "depot_ids": frozenset({NORTH})}, True),
        ({"charger_ids": frozenset({OTHER_BAY}), "depot_ids": frozenset({SOUTH})}, False),
    ],
)
def test_an_agreement_covers_the_chargers_and_the_depots_it_names_or_all(places: dict[str, Any], covered: bool) -> None:
    assert agreement(**places).covers_charger(BAY, NORTH) is covered


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        ("2026-11-18 07:59", False),
        ("2026-11-18 08:00", True),
        ("2026-11-18 17:59", True),
        ("2026-11-18 18:00", False),
        ("2026-11-19 12:00", False),  # a Thursday
    ],
)
def test_hours_hold_their_start_and_not_their_end(at: str, covered: bool) -> None:
    assert agreement(hours=(hours(),)).covers_hour(berlin(at), BERLIN) is covered


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        ("2026-11-18 05:59", False),  # of Tuesday's night
        ("2026-11-18 22:00", True),
        ("2026-11-19 05:59", True),
        ("2026-11-19 06:00", False),
        ("2026-11-19 22:00", False),
    ],
)
def test_hours_that_end_before_they_start_end_on_the_next_day(at: str, covered: bool) -> None:
    assert agreement(hours=(hours("22:00", "06:00"),)).covers_hour(berlin(at), BERLIN) is covered


def test_equal_ends_mean_a_whole_day() -> None:
    whole = agreement(hours=(hours("00:00", "00:00"),))

    assert whole.covers_hour(berlin("2026-11-18 00:00"), BERLIN)
    assert whole.covers_hour(berlin("2026-11-18 23:59"), BERLIN)
    assert not whole.covers_hour(berlin("2026-11-19 00:00"), BERLIN)


def test_without_hours_every_hour_is_covered_and_with_several_each_of_them() -> None:
    both = agreement(hours=(hours("08:00", "09:00"), hours("10:00", "11:00")))

    assert agreement().covers_hour(NOON, BERLIN)
    assert both.covers_hour(berlin("2026-11-18 10:30"), BERLIN)
    assert not both.covers_hour(berlin("2026-11-18 09:30"), BERLIN)


def test_hours_in_the_gap_of_a_clock_change_follow_the_offset_before_it() -> None:
    early = agreement(hours=(hours("02:30", "04:00", ("SU",)),))

    assert not early.covers_hour(berlin("2026-03-29 03:29"), BERLIN)
    assert early.covers_hour(berlin("2026-03-29 03:30"), BERLIN)


def test_hours_end_at_the_first_of_two_equal_local_times() -> None:
    night = agreement(hours=(hours("01:00", "02:30", ("SU",)),))
    second_half_past_two = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN).astimezone(UTC)

    assert night.covers_hour(berlin("2026-10-25 02:29"), BERLIN)
    assert not night.covers_hour(berlin("2026-10-25 02:30"), BERLIN)
    assert not night.covers_hour(second_half_past_two, BERLIN)


def test_a_night_before_a_skipped_day_and_a_midnight_shown_twice_are_covered() -> None:
    apia, st_johns = ZoneInfo("Pacific/Apia"), ZoneInfo("America/St_Johns")
    across_the_skipped_day = agreement(hours=(hours("22:00", "06:00", ("TH",)),))  # 29 December 2011
    from_the_first_midnight = agreement(hours=(hours("00:00", "12:00", ("SU",)),))  # 7 November 2010

    assert across_the_skipped_day.covers_hour(datetime(2011, 12, 31, 3, tzinfo=apia).astimezone(UTC), apia)
    second_evening = datetime(2010, 11, 6, 23, 30, fold=1, tzinfo=st_johns).astimezone(UTC)
    assert from_the_first_midnight.covers_hour(second_evening, st_johns)


def test_the_edges_are_all_instants_at_which_the_hours_begin_or_end() -> None:
    day = agreement(hours=(hours(),))

    edges = set(day.hour_edges(berlin("2026-11-18 00:00"), berlin("2026-11-19 00:00"), BERLIN))

    assert {berlin("2026-11-18 08:00"), berlin("2026-11-18 18:00")} <= edges


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"name": ""}, InvalidName, "/name"),
        ({"fleet": ""}, InvalidName, "/fleet"),
        ({"charger_ids": frozenset({ChargerId("a/b")})}, InvalidId, "/charger_ids"),
        ({"depot_ids": frozenset({DepotId("x" * 65)})}, InvalidId, "/depot_ids"),
        ({"depot_ids": frozenset(DepotId(str(i)) for i in range(PLACES_MAX + 1))}, AgreementInvalid, None),
        ({"valid_from": NOON, "valid_until": NOON}, AgreementInvalid, "/valid_until"),
        ({"valid_from": NOON.replace(tzinfo=None)}, NaiveInstant, "/valid_from"),
        ({"valid_until": NOON.replace(tzinfo=None)}, NaiveInstant, "/valid_until"),
        ({"hours": (hours(),) * (HOURS_MAX + 1)}, AgreementInvalid, "/hours"),
        ({"hours": (hours(), hours(days=()))}, AgreementInvalid, "/hours/1/days"),
        ({"hours": (hours(days=("Monday",)),)}, AgreementInvalid, "/hours/0/days"),
        ({"hours": (hours(days=("MO", "TU", "MO")),)}, AgreementInvalid, "/hours/0/days"),
    ],
)
def test_an_agreement_that_cannot_be_is_refused(
    changes: dict[str, Any], error: type[Refused], pointer: str | None
) -> None:
    with pytest.raises(error) as refusal:
        agreement(**changes).check()

    assert type(refusal.value) is error
    assert refusal.value.pointer == pointer
