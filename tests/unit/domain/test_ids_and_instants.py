"""Identities, names, instants and zones are checked where they enter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from access_policy.domain.errors import Refused
from access_policy.domain.ids import (
    InvalidId,
    InvalidName,
    checked_id,
    checked_name,
    is_charge_point_id,
)
from access_policy.domain.instants import InstantOutOfRange, NaiveInstant, UnknownTimeZone, utc, zone


@pytest.mark.parametrize("good", ["a", "x" * 64, "bay-1", "Straße_7.b:2", "0"])
def test_an_id_has_one_to_sixty_four_printable_characters(good: str) -> None:
    assert checked_id(good, "charger_id") == good


@pytest.mark.parametrize("bad", ["", "x" * 65, "x" * 300, " a", "a ", "a/b", "a?b", "a#b", "a\nb", "a\x00", "\ud800"])
def test_what_cannot_be_an_id_is_refused_with_its_field(bad: str) -> None:
    with pytest.raises(InvalidId) as refusal:
        checked_id(bad, "charger_id")

    assert refusal.value.pointer == "/charger_id"


@pytest.mark.parametrize(
    ("value", "can_be"),
    [
        ("DE*ABC/1?x=2#3", True),
        ("x" * 64, True),
        ("", False),
        ("x" * 65, False),
        ("a\x00", False),
        (" a", False),
        ("a\n", False),
    ],
)
def test_charge_point_id_has_printable_characters_and_also_some_that_an_id_has_not(value: str, can_be: bool) -> None:
    assert is_charge_point_id(value) is can_be


@pytest.mark.parametrize("good", ["Nachtladen", "x" * 200, "日本 1"])
def test_a_name_has_up_to_two_hundred_characters(good: str) -> None:
    assert checked_name(good) == good


@pytest.mark.parametrize("bad", ["", "   ", "x" * 201, "a\x07"])
def test_what_cannot_be_shown_is_no_name(bad: str) -> None:
    with pytest.raises(InvalidName) as refusal:
        checked_name(bad, "reason")

    assert refusal.value.pointer == "/reason"


def test_an_instant_is_turned_into_utc() -> None:
    local = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    assert utc(local) == local
    assert utc(local).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("instant", "error"),
    [
        (datetime(2026, 7, 1, 12), NaiveInstant),  # noqa: DTZ001 (that is the point)
        (datetime(1999, 12, 31, 23, 59, tzinfo=UTC), InstantOutOfRange),
        (datetime(2201, 1, 1, tzinfo=UTC), InstantOutOfRange),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), InstantOutOfRange),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), InstantOutOfRange),
    ],
)
def test_an_instant_without_offset_or_sense_is_refused(instant: datetime, error: type[Refused]) -> None:
    with pytest.raises(error) as refusal:
        utc(instant, "from")

    assert refusal.value.pointer == "/from"


@pytest.mark.parametrize("year", [2000, 2200])
def test_the_first_and_the_last_year_are_allowed(year: int) -> None:
    assert utc(datetime(year, 6, 1, tzinfo=UTC)).year == year


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "Berlin",
        "Europe",
        "Europe/Atlantis",
        "../etc/passwd",
        "/etc/localtime",
        "UTC\x00",
        "\ud800",
        "x" * 5_000,
        "zone.tab",
        "tzdata.zi",
        "__init__.py",
        "Europe/__init__.py",
        "europe\\berlin",
        ".",
        "+01:00",
    ],
)
def test_what_is_no_zone_of_the_database_is_refused(bad: str) -> None:
    with pytest.raises(UnknownTimeZone) as refusal:
        zone(bad)

    assert refusal.value.pointer == "/time_zone"
    assert len(refusal.value.detail) < 300


@pytest.mark.parametrize("key", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kathmandu"])
def test_a_zone_of_the_database_is_found(key: str) -> None:
    assert zone(key).key == key


@pytest.mark.parametrize("check", [checked_name, lambda value: checked_id(value, "id")])
def test_the_refused_text_itself_is_not_repeated(check: Callable[[str], str]) -> None:
    with pytest.raises(Refused) as refusal:
        check("y" * 10_000)

    assert len(refusal.value.detail) < 200
