"""The command line and a DynamoDB table: it is made by `migrate`, and missing until then."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from access_policy.adapters.aws.address import AwsAddress
from access_policy.settings import Settings
from tests.support import command_line
from tests.support.dynamodb import delete_table, new_name, table_at, table_url


def access_policy(url: str, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ACCESS_POLICY_STORE_URL": url}
    return command_line.access_policy(*arguments, "--data", str(data), environment=environment)


def test_a_table_that_is_missing_is_told_and_migrate_makes_it_once(dynamodb_endpoint: str, tmp_path: Path) -> None:
    name = new_name()
    url = table_url(name, dynamodb_endpoint)
    refused = access_policy(url, tmp_path, "serve")
    assert refused.returncode == 1
    assert f"There is no DynamoDB table {name}. Run `access-policy migrate`" in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr

    told = [access_policy(url, tmp_path, "migrate") for _ in range(2)]

    assert [done.returncode for done in told] == [0, 0]
    assert [done.stdout.splitlines()[0] for done in told] == [
        f"events: the DynamoDB table {name} was created",
        f"events: the DynamoDB table {name} exists",
    ]
    rebuilt = access_policy(url, tmp_path, "rebuild-read-models")
    assert (rebuilt.returncode, rebuilt.stdout.splitlines()[-1].endswith("0 events applied")) == (0, True)
    asyncio.run(delete_table(table_at(name, dynamodb_endpoint)))


def test_an_endpoint_where_nobody_answers_is_one_line(aws_credentials: None, tmp_path: Path) -> None:
    for command in ("serve", "migrate"):
        done = access_policy(table_url("events", "http://127.0.0.1:1"), tmp_path, command)
        assert done.returncode == 1
        assert "DynamoDB table events cannot be" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def test_settings_name_a_table_its_region_and_its_endpoint() -> None:
    settings = Settings(store_url="dynamodb://events?region=eu-central-1&endpoint_url=http%3A%2F%2Flocalhost%3A8000")

    assert settings.store_location == AwsAddress(
        "events", {"region": "eu-central-1", "endpoint_url": "http://localhost:8000"}
    )


@pytest.mark.parametrize(
    "given",
    [{"store_url": "dynamodb://"}, {"store_url": "dynamodb://t?reg=x"}, {"read_models_url": "dynamodb://t?region=x"}],
)
def test_a_table_that_cannot_be_read_or_is_for_read_models_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given)
