"""`put` commands amend: what is not named stays as it is, so that a correction widens nothing; changes are printed."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from access_policy.entrypoints.cli.agreements import AGREEMENT_FIELDS
from access_policy.entrypoints.cli.depots import DEPOT_FIELDS
from access_policy.entrypoints.cli.vehicles import VEHICLE_FIELDS
from access_policy.entrypoints.http.fields import RequestModel
from access_policy.entrypoints.http.v1.agreements import AgreementBody
from access_policy.entrypoints.http.v1.depots import DepotBody
from access_policy.entrypoints.http.v1.vehicle_models import VehicleBody
from tests.support.cli_in_memory import Cli

MADE = ("--name", "Couriers", "--fleet", "City", "--valid-from", "2026-06-01")
NARROW = (
    *("--valid-until", "2027-06-01", "--charger", "bay-1", "--depot", "north", "--hours", "MO 22:00-06:00"),
    *("--identifier-kind", "mac"),
)
PUT = ("agreements", "put", "couriers")


@pytest.fixture
def narrow(cli: Cli) -> Cli:
    cli(*PUT, *MADE, *NARROW)
    return cli


def test_agreements_put_with_one_field_keeps_all_others_and_prints_the_change(narrow: Cli) -> None:
    before = narrow.json("agreements", "show", "couriers")

    printed = narrow(*PUT, "--name", "City couriers").stdout

    after = narrow.json("agreements", "show", "couriers")
    assert after == {**before, "name": "City couriers", "version": after["version"]}
    assert printed.splitlines() == ["agreement couriers saved", "  name: Couriers -> City couriers"]


@pytest.mark.parametrize(
    ("option", "emptied", "said"),
    [
        ("--everywhere", {"charger_ids": [], "depot_ids": []}, "charger_ids: bay-1 -> nothing"),
        ("--always", {"hours": []}, "hours: days MO, start 22:00:00, end 06:00:00 -> nothing"),
        ("--any-kind", {"identifier_kinds": []}, "identifier_kinds: mac -> nothing"),
        ("--no-end", {"valid_until": None}, "valid_until: 2027-06-01 00:00:00 CEST -> nothing"),
    ],
)
def test_agreements_put_widens_only_by_an_explicit_option(
    narrow: Cli, option: str, emptied: dict[str, object], said: str
) -> None:
    before = narrow.json("agreements", "show", "couriers")

    printed = narrow(*PUT, option).stdout

    after = narrow.json("agreements", "show", "couriers")
    assert after == {**before, **emptied, "version": after["version"]}
    assert said in printed


def test_a_new_agreement_needs_its_name_its_fleet_and_its_beginning(cli: Cli) -> None:
    refused = cli(*PUT, "--name", "Couriers", status=1)

    assert "couriers is new; give --fleet, --valid-from" in refused.output


def test_agreements_put_refuses_options_that_contradict_each_other(narrow: Cli) -> None:
    assert "--everywhere contradicts" in narrow(*PUT, "--everywhere", "--charger", "bay-1", status=1).output


def test_vehicles_put_with_one_field_keeps_class_agreement_period_and_identifiers_also_pins(narrow: Cli) -> None:
    van = ("vehicles", "put", "van-1")
    identifiers = ("--mac", "1A2B3C4D5E6F", "--pin", "4829")
    narrow(*van, "--name", "Van", "--agreement", "couriers", "--valid-until", "2027-01-01", *identifiers)
    before = narrow.json("vehicles", "show", "van-1")

    printed = narrow(*van, "--name", "Van 1").stdout

    after = narrow.json("vehicles", "show", "van-1")
    assert after == {**before, "name": "Van 1", "version": after["version"]}
    assert len(after["identifiers"]) == 2
    assert "name: Van -> Van 1" in printed


def test_vehicles_put_prints_identifiers_that_it_replaces(cli: Cli) -> None:
    cli("vehicles", "put", "bus-1", "--name", "Bus", "--mac", "1A2B3C4D5E6F")

    printed = cli("vehicles", "put", "bus-1", "--rfid", "04A1B2C3").stdout

    assert "identifiers: mac …5E6F -> rfid …B2C3" in printed


def test_depots_put_with_one_field_keeps_its_identifier_kinds(cli: Cli) -> None:
    cli("depots", "put", "north", "--identifier-kind", "mac", "--longest-override-days", "3")
    before = cli.json("depots", "show", "north")

    cli("depots", "put", "north", "--name", "North depot")

    after = cli.json("depots", "show", "north")
    assert after == {**before, "name": "North depot", "version": after["version"]}
    assert after["identifier_kinds"] == ["mac"]


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (AGREEMENT_FIELDS, AgreementBody),
        ({*VEHICLE_FIELDS, "identifiers", "plate"}, VehicleBody),  # a plate is one of the identifiers
        (DEPOT_FIELDS, DepotBody),
    ],
)
def test_every_field_of_a_body_is_kept_by_its_put_command(fields: Collection[str], body: type[RequestModel]) -> None:
    assert set(fields) == set(body.model_fields)


def test_rules_amend_keeps_the_dates_that_are_not_named(cli: Cli) -> None:
    recurs = ("--recurrence", "daily", "--start", "22:00", "--end", "06:00", "--except-date", "2026-12-24")
    rule = cli.json("rules", "add", "bay-1", "--name", "Nights", "--mode", "managed", *recurs)["rule_id"]

    cli("rules", "amend", "bay-1", rule, "--start", "21:00")

    (kept,) = cli.json("rules", "list", "bay-1")["items"]
    assert (kept["start"], kept["except_dates"]) == ("21:00", ["2026-12-24"])
