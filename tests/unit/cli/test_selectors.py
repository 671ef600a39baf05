"""Beginnings of ids in options, and patterns of vehicles and of chargers."""

from __future__ import annotations

import pytest

from tests.support.cli_in_memory import Cli, ToTheApp


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("attempts", "list", "--depot"), "depot_id"),
        (("report", "--depot"), "depot_id"),
        (("mode-changes", "--depot"), "depot_id"),
        (("chargers", "list", "--depot"), "depot_id"),
        (("schedules", "list", "--depot"), "depot_id"),
        (("timeline", "--depot"), "depot_id"),
    ],
)
def test_option_takes_the_beginning_of_a_depot(cli: Cli, asked: ToTheApp, words: tuple[str, ...], name: str) -> None:
    said = cli(*words, "nor").stderr

    assert "nor is north\n" in said
    assert [each.url.params[name] for each in asked.asked if name in each.url.params][-1] == "north"


@pytest.mark.parametrize("command", ["faults", "lockouts", "mode-compliance", "unenrolled"])
def test_option_takes_the_beginning_of_a_charger(cli: Cli, asked: ToTheApp, command: str) -> None:
    cli(command, "--charger", "bay")

    assert [each.url.params["charger_id"] for each in asked.asked if "charger_id" in each.url.params][-1] == "bay-1"


def test_option_with_a_charger_that_is_no_longer_listed_is_sent_as_it_is(cli: Cli, asked: ToTheApp) -> None:
    cli("chargers", "retire", "bay-1")
    cli("attempts", "list", "--charger", "bay-1")

    assert asked.asked[-1].url.params["charger_id"] == "bay-1"


def test_vehicles_are_suspended_reinstated_and_removed_by_a_pattern(cli: Cli) -> None:
    for vehicle_id in ("bus-1", "bus-2", "van-1"):
        cli("vehicles", "put", vehicle_id, "--name", vehicle_id)

    suspended = cli("vehicles", "suspend", "bus-*", "--reason", "strike").stdout
    reinstated = cli("vehicles", "reinstate", "bus-2", "bus-1", "--reason", "strike is over").stdout
    cli("vehicles", "remove", "bus-*")

    assert suspended == "vehicle bus-1 is suspended\nvehicle bus-2 is suspended\n"
    assert reinstated == "vehicle bus-2 may charge again\nvehicle bus-1 may charge again\n"
    assert [each["vehicle_id"] for each in cli.json("vehicles", "list")["items"]] == ["van-1"]


def test_pattern_that_fits_no_vehicle_is_refused(cli: Cli) -> None:
    assert "no vehicle matches 'bus-*'" in cli("vehicles", "suspend", "bus-*", "--reason", "strike", status=1).stderr


def test_exception_is_added_to_each_charger_of_a_pattern(cli: Cli) -> None:
    more = ("--depot", "north", "--profile", "ocpp16-central", "--baseline-mode", "managed")
    cli("chargers", "put", "bay-2", "--charge-point-id", "CP-2", *more)

    cli("exceptions", "add", "bay-*", "freevend", "--reason", "open day", "--date", "2026-12-05")

    for charger_id in ("bay-1", "bay-2"):
        assert [each["date"] for each in cli.json("exceptions", "list", charger_id)["items"]] == ["2026-12-05"]
