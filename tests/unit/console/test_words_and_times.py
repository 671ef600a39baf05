"""Codes and instants as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.console import times, words
from access_policy.entrypoints.http.console.navigation import ENTRIES
from access_policy.entrypoints.http.console.templating import environment

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BERLIN, DUBAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Dubai")


def test_every_code_has_words() -> None:
    assert set(words.REASONS) == set(Reason)
    assert set(words.SYNCS) == set(Sync)
    assert set(words.MODES) == set(AccessMode)


def test_reason_of_a_newer_process_is_shown_as_its_code() -> None:
    assert words.reason_in_words("moon_restricted") == "moon restricted"


@pytest.mark.parametrize(
    ("at", "zone", "text"),
    [
        (NOW + timedelta(hours=1), BERLIN, "14:00 CET"),
        (NOW + timedelta(hours=12), BERLIN, "tomorrow 01:00 CET"),
        (NOW - timedelta(hours=14), BERLIN, "yesterday 23:00 CET"),
        (NOW - timedelta(days=150), BERLIN, "Mon 29 Jun 14:00 CEST"),
        (NOW + timedelta(days=60), BERLIN, "Mon 25 Jan 2027 13:00 CET"),
        (NOW, DUBAI, "16:00 UTC+04"),
    ],
)
def test_instant_is_shown_on_the_clock_with_its_zone(at: datetime, zone: ZoneInfo, text: str) -> None:
    assert times.day_and_clock(at, zone, NOW) == text


def test_instant_has_utc_for_the_pointer() -> None:
    assert times.as_element(NOW, "13:00 <CET>") == (
        '<time datetime="2026-11-26T12:00:00Z" title="2026-11-26 12:00:00 UTC">13:00 &lt;CET&gt;</time>'
    )


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=12, seconds=50), "12 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(days=30, hours=4), "30 d"),
    ],
)
def test_length_has_its_two_largest_units(span: timedelta, text: str) -> None:
    assert times.length(span) == text


def test_counted_numbers_have_the_noun_in_singular_or_plural() -> None:
    assert [counted(number, "charger") for number in (0, 1, 1200)] == ["0 chargers", "1 charger", "1,200 chargers"]
    assert counted(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("PowerSwitchFailure", "Power switch failure"),
        ("EVDisconnected", "EV disconnected"),
        ("Local", "Local"),
        ("ReachedSOC", "Reached SOC"),
        ("Contactor is stuck", "Contactor is stuck"),
        ("CX0001", "CX0001"),
    ],
)
def test_code_of_ocpp_is_shown_in_words(code: str, text: str) -> None:
    assert words.ocpp_code_in_words(code) == text


@pytest.mark.parametrize(("protocol", "text"), [("ocpp2.0.1", "OCPP 2.0.1"), ("http", "the API"), (None, "")])
def test_protocol_is_shown_in_words(protocol: str | None, text: str) -> None:
    assert words.protocol_in_words(protocol) == text


def test_day_is_shown_without_a_leading_zero() -> None:
    assert times.day(date(2027, 1, 1)) == "Fri 1 Jan 2027"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/console/chargers/bay-1/log", "Chargers"),
        ("/console/charger-imports/p-1", "Chargers"),
        ("/console/register-charger", "Chargers"),
        ("/console/denied-identifiers/d-1/enrol", "Vehicles"),
        ("/console/new-agreement", "Agreements"),
        ("/console/faults", "Attempts"),
        ("/console/search", None),
    ],
)
def test_page_is_below_one_entry_of_the_navigation(path: str, title: str | None) -> None:
    assert [entry.title for entry in ENTRIES if entry.leads_to(path)] == ([] if title is None else [title])


def test_stored_day_is_shown_as_every_other_day_and_a_name_with_a_day_is_kept() -> None:
    here = SimpleNamespace(zone=BERLIN, now=NOW)
    shown = environment().from_string("{{ '2027-01-01' | stored }}; {{ 'Closed 2027-01-01' | stored }}")

    assert shown.render(here=here) == "Fri 1 Jan 2027; Closed 2027-01-01"
