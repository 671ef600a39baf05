"""The table: created by `access-policy migrate`, and checked before use."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from eventsourcing.persistence import PersistenceError

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AWS_TROUBLE, AwsClient, code_of
from access_policy.adapters.event_stores.dynamodb.calls import MISSING, TableMissing

KEYS: Final = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
ATTRIBUTES: Final = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}]
USABLE: Final = ("ACTIVE", "UPDATING")
WAIT_S: Final = 120.0  # for a new table
LOOK_EVERY_S: Final = 0.5


async def make_table(address: AwsAddress) -> bool:
    """Create the table if it does not exist, wait until it is usable, and return whether it was created.

    Raises `TableMissing` if the table has other keys, or `PersistenceError`.
    """
    client = AwsClient("dynamodb", address)
    try:
        opened = await client.get()
        made = await _make(opened, address.name)
        async with asyncio.timeout(WAIT_S):
            while (await _described(opened, address.name))["TableStatus"] not in USABLE:  # noqa: ASYNC110  DynamoDB has no notification
                await asyncio.sleep(LOOK_EVERY_S)
        return made
    except AWS_TROUBLE as error:
        raise PersistenceError(f"DynamoDB table {address.name} cannot be created: {error}") from error
    finally:
        await client.close()


async def require_table(client: Any, name: str) -> None:
    """Raise `TableMissing`, or `PersistenceError` if the table cannot be described."""
    try:
        status = (await _described(client, name))["TableStatus"]
    except AWS_TROUBLE as error:
        if code_of(error) == MISSING:
            raise TableMissing.named(name) from error
        raise PersistenceError(f"DynamoDB table {name} cannot be used: {error}") from error
    if status not in USABLE:
        raise TableMissing(f"DynamoDB table {name} is {status}; wait until it is ACTIVE.")


async def _make(client: Any, name: str) -> bool:
    try:
        await client.create_table(
            TableName=name,
            KeySchema=KEYS,
            AttributeDefinitions=ATTRIBUTES,
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
        )
    except AWS_TROUBLE as error:
        if code_of(error) != "ResourceInUseException":  # it exists
            raise
        return False
    return True


async def _described(client: Any, name: str) -> dict[str, Any]:
    table: dict[str, Any] = (await client.describe_table(TableName=name))["Table"]
    if table["KeySchema"] != KEYS:
        raise TableMissing(
            f"DynamoDB table {name} has other keys than pk and sk, so it is not an event store. Choose another name."
        )
    return table
