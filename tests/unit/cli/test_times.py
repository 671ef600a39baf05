"""Times are read and shown on the clock of the depot they are about; no zone is guessed."""

from __future__ import annotations

import httpx
import pytest

from tests.support.cli_in_memory import Cli

LISBON = ("depots", "put", "south", "--name", "South", "--time-zone", "Europe/Lisbon")


def attempt(cli: Cli) -> None:
    cli("decide", "bay-1", "rfid", "04FFFFFFFFFFFF", "--record")  # at noon UTC


def test_attempts_are_shown_in_the_time_zone_of_their_depot(cli: Cli) -> None:
    attempt(cli)

    assert "2026-11-18 13:00:00 CET" in cli("attempts", "list").stdout
    cli(*LISBON)
    assert "2026-11-18 13:00:00 CET" in cli("attempts", "list").stdout
    assert "2026-11-18 13:00:00 CET" in cli("denied", "list").stdout
    assert "2026-11-18 07:00:00 EST" in cli("--time-zone", "America/New_York", "attempts", "list").stdout


@pytest.mark.parametrize("about", [(), ("--charger", "bay-1"), ("--depot", "north")])
def test_time_without_an_offset_is_in_the_depots_zone(cli: Cli, about: tuple[str, ...]) -> None:
    attempt(cli)

    assert len(cli.json("attempts", "list", "--from", "2026-11-18 13:00", *about)["items"]) == 1
    assert cli.json("attempts", "list", "--from", "2026-11-18 13:01", *about)["items"] == []
    assert len(cli.json("attempts", "list", "--from", "2026-11-18T12:00:00Z", *about)["items"]) == 1


def test_time_without_an_offset_and_several_zones_is_refused(cli: Cli) -> None:
    cli(*LISBON)
    agreement = ("agreements", "put", "couriers", "--name", "C", "--fleet", "City", "--valid-from", "2026-06-01")

    assert "--time-zone" in cli("attempts", "list", "--from", "2026-11-18 13:00", status=1).stderr
    assert "--time-zone" in cli(*agreement, status=1).stderr
    cli("--time-zone", "Europe/Lisbon", *agreement)
    assert cli.json("agreements", "show", "couriers")["valid_from"] == "2026-05-31T23:00:00Z"


def test_charger_is_shown_in_its_own_time_zone(cli: Cli) -> None:
    cli(*LISBON)
    cli("override", "bay-1", "freevend", "--reason", "visit", "--from", "2026-11-19 08:00", "--for", "2h")

    assert "from 2026-11-19 08:00:00 CET, until 2026-11-19 10:00:00 CET" in cli("chargers", "show", "bay-1").stdout


def test_unknown_time_zone_is_refused_by_every_command(cli: Cli) -> None:
    assert "unknown time zone 'Mars/Olympus'" in cli("--time-zone", "Mars/Olympus", "depots", "list", status=1).stderr


def refusing(pointer: str) -> Cli:
    """A service that refuses every override, for this field."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(404, json={"detail": "Unknown."})
        return httpx.Response(422, json={"detail": "Bad.", "errors": [{"pointer": pointer, "message": "bad"}]})

    cli = Cli(httpx.MockTransport(answer))
    cli.environment["ACCESS_POLICY_TIME_ZONE"] = "UTC"
    return cli


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("00:00", "00:00 has passed today; did you mean 'tomorrow 00:00'?"),
        ("Today 0:00", "Today 0:00 has passed today; did you mean 'tomorrow 0:00'?"),
        ("2020-01-01 06:00", None),
        ("yesterday 06:00", None),
        ("2h", None),
    ],
)
def test_refused_time_of_today_that_has_passed_gets_a_hint_at_tomorrow(typed: str, meant: str | None) -> None:
    override = ("override", "bay-1", "freevend", "--reason", "visit", "--until", typed)

    refused = refusing("/until")(*override, status=1).stderr

    assert ("did you mean" in refused) == (meant is not None)
    assert (meant or "") in refused
    assert "did you mean" not in refusing("/reason")(*override, status=1).stderr
