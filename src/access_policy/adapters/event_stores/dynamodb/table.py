"""The table: made by `access-policy migrate`, and looked at before it is used."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from eventsourcing.persistence import PersistenceError

from access_policy.adapters.aws import AWS_TROUBLE, AwsClient, code_of
from access_policy.adapters.aws_address import AwsAddress
from access_policy.adapters.event_stores.dynamodb.calls import MISSING, TableMissing

KEYS: Final = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
ATTRIBUTES: Final = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}]
WAIT_S: Final = 120.0  # for a new table
LOOK_EVERY_S: Final = 0.5


async def make_table(address: AwsAddress) -> bool:
    """Makes the table if there is none, and waits until it can be used; whether one was made. Raises `TableMissing` for a
    table with other keys, `PersistenceError`."""
    client = AwsClient("dynamodb", address)
    try:
        opened = await client.get()
        made = await _make(opened, address.name)
        async with asyncio.timeout(WAIT_S):
            while (await _described(opened, address.name))["TableStatus"] != "ACTIVE":
                await asyncio.sleep(LOOK_EVERY_S)
        return made
    except AWS_TROUBLE as error:
        raise PersistenceError(f"DynamoDB table {address.name} cannot be made: {error}") from error
    finally:
        await client.close()


async def require_table(address: AwsAddress) -> None:
    """Raises `TableMissing`, or `PersistenceError` where it cannot be known."""
    client = AwsClient("dynamodb", address)
    try:
        status = (await _described(await client.get(), address.name))["TableStatus"]
    except AWS_TROUBLE as error:
        if code_of(error) == MISSING:
            raise TableMissing.named(address.name) from error
        raise PersistenceError(f"DynamoDB table {address.name} cannot be used: {error}") from error
    finally:
        await client.close()
    if status not in ("ACTIVE", "UPDATING"):
        raise TableMissing(f"DynamoDB table {address.name} is {status}; wait until it is ACTIVE.")


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
        if code_of(error) != "ResourceInUseException":  # there is one
            raise
        return False
    return True


async def _described(client: Any, name: str) -> dict[str, Any]:
    table: dict[str, Any] = (await client.describe_table(TableName=name))["Table"]
    if table["KeySchema"] != KEYS:
        raise TableMissing(f"DynamoDB table {name} has other keys than pk and sk: it is not an event store's.")
    return table
