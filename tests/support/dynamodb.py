"""DynamoDB tables for tests: on moto's server, or on an existing endpoint.

`ACCESS_POLICY_TEST_DYNAMODB_URL` names an existing endpoint; credentials then come from the environment. Moto answers each
request on a thread of its own and rolls a failed one back by restoring a copy of the whole table, which also undoes concurrent
writes. Requests are therefore serialised here, and copies share their items, which are never changed in place.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import quote

import pytest
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.dynamodb.table import make_table
from tests.support.aws import REGION, client
from tests.support.aws_fixtures import set_credentials

GIVEN: Final = "ACCESS_POLICY_TEST_DYNAMODB_URL"

_numbers = count(1)


def table_url(name: str, endpoint: str) -> str:
    """The table's URL for settings."""
    return f"dynamodb://{name}?region={REGION}&endpoint_url={quote(endpoint, safe='')}"


def table_at(name: str, endpoint: str) -> AwsAddress:
    return AwsAddress.of(table_url(name, endpoint), "dynamodb")


def new_name() -> str:
    return f"access-policy-{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="session")
def atomic_moto(moto: str) -> Iterator[str]:
    one_at_a_time = Lock()
    call_action = DynamoHandler.call_action

    def alone(handler: DynamoHandler) -> Any:
        with one_at_a_time:
            return call_action(handler)

    def shallow(table: Table, _: object) -> Table:
        made = copy.copy(table)
        made.items = defaultdict(dict, {key: dict(items) for key, items in table.items.items()})
        return made

    with patch.object(DynamoHandler, "call_action", alone), patch.object(Table, "__deepcopy__", shallow, create=True):
        yield moto


@pytest.fixture
def dynamodb_endpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    return endpoint_for(request, monkeypatch)


def endpoint_for(request: pytest.FixtureRequest, patch: pytest.MonkeyPatch) -> str:
    """The endpoint's address; `patch` gives this process the credentials of moto's."""
    if given := os.environ.get(GIVEN):
        return given
    set_credentials(patch)
    return str(request.getfixturevalue("atomic_moto"))


@pytest.fixture
def dynamodb_table(dynamodb_endpoint: str) -> Iterator[AwsAddress]:
    with new_table(dynamodb_endpoint) as address:
        yield address


@contextmanager
def new_table(endpoint: str) -> Iterator[AwsAddress]:
    """A table without items; it is deleted afterwards."""
    address = table_at(new_name(), endpoint)
    asyncio.run(make_table(address))
    yield address
    asyncio.run(delete_table(address))


@pytest.fixture
def dynamodb_url(dynamodb_table: AwsAddress) -> str:
    """As it stands in settings."""
    return table_url(dynamodb_table.name, dynamodb_table.options["endpoint_url"])


async def delete_table(address: AwsAddress) -> None:
    async with client("dynamodb", address.options["endpoint_url"]) as opened:
        await opened.update_table(TableName=address.name, DeletionProtectionEnabled=False)
        await opened.delete_table(TableName=address.name)
