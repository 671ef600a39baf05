"""The beginning of an id in options and arguments that the command sends in a query or a body."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cli_in_memory import Cli, ToTheApp

AGREEMENT = ("--name", "Acme", "--fleet", "Vans", "--valid-from", "2026-06-01T00:00:00Z")
RULE = ("--mode", "managed", "--recurrence", "daily", "--start", "22:00", "--end", "06:00")


@pytest.fixture
def depot(cli: Cli) -> Cli:
    """Also a second charger of the depot, an agreement and a vehicle."""
    cli("agreements", "put", "acme-vans", *AGREEMENT)
    cli("vehicles", "put", "bus-70", "--name", "Bus", "--rfid", "04A1B2C3D4E5F6")
    put = ("--charge-point-id", "CP-2", "--profile", "ocpp16-central", "--baseline-mode", "managed")
    cli("chargers", "put", "gate-10", "--depot", "nor", *put)
    return cli


def body(asked: ToTheApp) -> Any:
    return json.loads(asked.asked[-1].content)


def test_registered_charger_is_in_the_depot_whose_beginning_was_typed(depot: Cli) -> None:
    assert depot.json("chargers", "show", "gate-10")["depot_id"] == "north"


def test_agreement_gets_whole_ids_and_the_chargers_of_a_pattern(depot: Cli, asked: ToTheApp) -> None:
    said = depot(
        "agreements", "put", "acme", *AGREEMENT, "--depot", "no", "--charger", "gate", "--charger", "b*"
    ).stderr

    assert body(asked)["depot_ids"] == ["north"]
    assert body(asked)["charger_ids"] == ["gate-10", "bay-1"]
    assert {"no is north", "gate is gate-10"} <= set(said.splitlines())


def test_vehicle_gets_the_whole_id_of_its_agreement(depot: Cli) -> None:
    depot("vehicles", "put", "van-1", "--name", "Van", "--agreement", "acme")

    assert depot.json("vehicles", "show", "van-1")["agreement_id"] == "acme-vans"
    assert [each["vehicle_id"] for each in depot.json("vehicles", "list", "--agreement", "ac")["items"]] == ["van-1"]


def test_decision_is_about_the_charger_whose_beginning_was_typed(depot: Cli) -> None:
    assert depot.json("decide", "gate", "rfid", "04A1B2C3D4E5F6")["decision"] == "allowed"


def test_schedule_is_created_at_the_depot_for_the_chargers_whose_beginnings_were_typed(
    depot: Cli, asked: ToTheApp
) -> None:
    depot("schedules", "create", "nor", "Nights", "--rule", "Nights", *RULE, "--charger", "gate")

    assert (body(asked)["depot_id"], body(asked)["charger_ids"]) == ("north", ["gate-10"])


@pytest.mark.parametrize(
    "command",
    [
        ("depots", "override", "north", "freevend", "--reason", "visit", "--for", "2h", "--charger", "gat"),
        ("rules", "add-many", "north", "--name", "Nights", *RULE, "--charger", "gat"),
        ("chargers", "copy-policy", "bay-1", "gat"),
    ],
)
def test_command_for_many_chargers_gets_whole_ids(depot: Cli, asked: ToTheApp, command: tuple[str, ...]) -> None:
    depot(*command)

    assert body(asked)["charger_ids"] == ["gate-10"]


def test_proposed_changes_name_whole_ids(depot: Cli, asked: ToTheApp) -> None:
    depot("what-if", "--suspend", "bus", "--end-agreement", "ac", "--charger", "gate", "--from", "1h")

    assert body(asked)["charger_ids"] == ["gate-10"]
    assert body(asked)["changes"]["vehicles"] == [{"vehicle_id": "bus-70", "suspended": True}]
    assert body(asked)["changes"]["agreements"] == [{"agreement_id": "acme-vans", "end": True}]


def test_api_key_opens_the_depot_whose_beginning_was_typed(depot: Cli) -> None:
    depot("api-keys", "create", "display", "--with-role", "viewer", "--depot", "n")

    assert depot.json("api-keys", "list")["items"][0]["depot_ids"] == ["north"]


def test_report_is_about_the_vehicle_whose_beginning_was_typed(depot: Cli, asked: ToTheApp) -> None:
    depot("report", "--vehicle", "bus")

    (request,) = (each for each in asked.asked if each.url.path == "/v1/reports/access")
    assert request.url.params["vehicle_id"] == "bus-70"


def test_several_ids_with_the_beginning_are_refused(depot: Cli) -> None:
    depot("depots", "put", "northwest", "--name", "NW", "--time-zone", "Europe/Berlin")

    refused = depot("agreements", "put", "b", *AGREEMENT, "--depot", "nor", status=1)

    assert "'nor' is unknown; these begin with it: north, northwest" in refused.stderr


def test_unknown_id_is_sent_as_it_was_typed(depot: Cli, asked: ToTheApp) -> None:
    refused = depot("agreements", "put", "b", *AGREEMENT, "--depot", "south", status=1)

    assert "There is no depot south" in refused.stderr
    assert body(asked)["depot_ids"] == ["south"]
