"""The tenants on the command line: their records, and the refusal of those that the installation does not know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access_policy.application.ports.identity import Role
from tests.support.cli_in_memory import Cli, ToTheApp, cli_in_memory
from tests.unit.cli.conftest import CHARGER, DEPOT


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Cli]:
    with cli_in_memory(tmp_path, Role.INSTALLATION, given=(DEPOT, CHARGER)) as (cli, _):
        yield cli


@pytest.fixture
def keyholder(tmp_path: Path, wired: tuple[Cli, ToTheApp]) -> Cli:
    return with_the_keys(*wired)


def with_the_keys(cli: Cli, transport: ToTheApp) -> Cli:
    """Signs tokens for the tenant that it names, by the real clock, instead of having one."""
    container = transport.api.container
    container.clock().set(datetime.now(UTC))
    del cli.environment["ACCESS_POLICY_TOKEN"]
    cli.environment["ACCESS_POLICY_DATA"] = str(container.settings().data)
    return cli


def test_tenant_created_is_shown_listed_and_not_created_again(installation: Cli) -> None:
    installation("tenants", "create", "rival", "--name", "Rival Depots", "--data-region", "eu-west-1")
    shown = installation.json("tenants", "show", "rival")
    listed = installation.json("tenants", "list")["items"]
    again = installation("tenants", "create", "rival", status=1)

    assert (shown["name"], shown["data_region"]) == ("Rival Depots", "eu-west-1")
    assert [each["tenant_id"] for each in listed] == ["acme", "rival"]
    assert "tenant rival already exists" in again.stderr


def test_tenant_without_a_record_is_created_and_amended_by_name(installation: Cli) -> None:
    installation("tenants", "create", "acme", "--name", "Acme Depots")
    amended = installation("tenants", "amend", "acme", "--data-region", "eu-central-1")

    assert "data_region: nothing -> eu-central-1" in amended.stdout
    assert installation.json("tenants", "show", "acme")["name"] == "Acme Depots"


def test_command_for_an_unknown_tenant_names_the_one_that_is_meant(keyholder: Cli) -> None:
    refused = keyholder("--as-tenant", "acmee", "chargers", "list", status=1)

    assert refused.stderr == "access-policy: there is no tenant acmee; did you mean acme?\n"
    assert refused.stdout == ""


def test_command_for_a_tenant_unlike_any_says_how_to_create_it(keyholder: Cli) -> None:
    refused = keyholder("--as-tenant", "zzz", "depots", "put", "x", "--name", "X", "--time-zone", "UTC", status=1)

    assert "there is no tenant zzz" in refused.stderr
    assert "tenants create" in refused.stderr


def test_command_for_a_known_tenant_runs(keyholder: Cli) -> None:
    assert "bay-1" in keyholder("--as-tenant", "acme", "chargers", "list").stdout


def test_first_command_of_an_installation_needs_no_record_of_its_tenant(tmp_path: Path) -> None:
    with cli_in_memory(tmp_path) as (cli, transport):
        with_the_keys(cli, transport)
        cli("--as-tenant", "new", "--role", "admin", "depots", "put", "x", "--name", "X", "--time-zone", "UTC")

        assert "X" in cli("--as-tenant", "new", "depots", "list").stdout
