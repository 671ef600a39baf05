"""Calls to DynamoDB: tried again with growing, random pauses while what went wrong may pass; the caller has the deadline."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as SdkConnectionError
from eventsourcing.persistence import PersistenceError, ProgrammingError

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AWS_TROUBLE, AwsClient, code_of
from access_policy.adapters.event_stores.dynamodb.items import Item

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 1.0
READ_TIMEOUT_S: Final = 2.0  # of one try: a connection that died in silence leaves time for another
BATCH_KEYS: Final = 100  # of one BatchGetItem

THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
    }
)
LOST_RACES: Final = frozenset({"TransactionConflict", "TransactionConflictException"})
OUTCOME_UNKNOWN: Final = frozenset(
    {"InternalServerError", "InternalServerErrorException", "ServiceUnavailable", "TransactionInProgressException"}
)
CONNECTION_TROUBLE: Final = (HTTPClientError, SdkConnectionError, OSError, TimeoutError)
MISSING: Final = "ResourceNotFoundException"
CANCELLED: Final = "TransactionCanceledException"
CONDITION_FAILED: Final = "ConditionalCheckFailed"


class TableMissing(ProgrammingError):
    """There is no such table, or not one that this program can use; the message says what to do."""

    @classmethod
    def named(cls, name: str) -> TableMissing:
        return cls(f"There is no DynamoDB table {name}. Run `access-policy migrate` with the same settings.")


class OutcomeUnknown(Exception):
    """Nobody heard whether the transaction was done."""


class Cancelled(Exception):
    """Nothing of the transaction was done; `reasons` has one for each action, `None` where it was not at fault."""

    def __init__(self, reasons: tuple[str | None, ...]) -> None:
        super().__init__(", ".join(sorted({reason for reason in reasons if reason})))
        self.reasons = reasons


class Pauses:
    """Each twice as long as the one before, and any length up to that."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    async def pause(self) -> None:
        longest_s, self._next_s = self._next_s, min(LONGEST_PAUSE_S, 2 * self._next_s)
        await asyncio.sleep(random.uniform(0, longest_s))  # noqa: S311  spreads load; guards nothing


class Calls:
    """One table's. All reads are consistent. Raises `TableMissing`, or `PersistenceError` for what will not pass."""

    def __init__(self, address: AwsAddress) -> None:
        self.table = address.name
        self._client = AwsClient("dynamodb", address, read_timeout_s=READ_TIMEOUT_S)

    async def client(self) -> Any:
        return await self._client.get()

    async def close(self) -> None:
        await self._client.close()

    async def get(self, item_key: Item) -> Item | None:
        answer = await self._patiently("get_item", Key=item_key, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    async def query(
        self, partition: str, *, lowest: str, highest: str, backwards: bool = False, limit: int | None = None
    ) -> AsyncGenerator[list[Item], None]:
        """Pages of at most 1 MB, and of at most `limit` items, of the partition's sort keys from `lowest` to `highest`,
        both included."""
        asked: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :lowest AND :highest",
            "ExpressionAttributeValues": {
                ":pk": {"S": partition},
                ":lowest": {"S": lowest},
                ":highest": {"S": highest},
            },
            "ConsistentRead": True,
            "ScanIndexForward": not backwards,
        }
        if limit is not None:
            asked["Limit"] = limit
        while True:
            answer = await self._patiently("query", **asked)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def first(self, partition: str, *, lowest: str, highest: str, backwards: bool = False) -> Item | None:
        """The first item that `query` has."""
        async with aclosing(
            self.query(partition, lowest=lowest, highest=highest, backwards=backwards, limit=1)
        ) as pages:
            async for page in pages:
                if page:
                    return page[0]
        return None

    async def get_many(self, keys: Sequence[Item]) -> list[Item]:
        """Those that are there, in any order."""
        found: list[Item] = []
        for at in range(0, len(keys), BATCH_KEYS):
            wanted: dict[str, Any] = {self.table: {"Keys": keys[at : at + BATCH_KEYS], "ConsistentRead": True}}
            pauses = Pauses()
            while wanted:
                answer = await self._patiently("batch_get_item", of_table=False, RequestItems=wanted)
                found += answer["Responses"].get(self.table, ())
                if wanted := answer.get("UnprocessedKeys", {}):  # too much for one answer, or throttled
                    await pauses.pause()
        return found

    async def put(self, put: Item) -> None:
        """An item and its condition. Raises `ClientError` with `ConditionalCheckFailedException`."""
        await self._patiently("put_item", **put)

    async def transact(self, actions: Sequence[Item], token: str) -> None:
        """All or nothing, once. Raises `Cancelled` or `OutcomeUnknown`. Waits where the transaction was not begun."""
        pauses = Pauses()
        client = await self._client.get()
        while True:
            try:
                await client.transact_write_items(TransactItems=actions, ClientRequestToken=token)
            except AWS_TROUBLE as error:
                code = code_of(error)
                if code == CANCELLED:
                    raise Cancelled(_reasons(error)) from error
                if code not in THROTTLED:
                    raise (OutcomeUnknown() if _may_pass(error) else self._final(error)) from error
                log.warning("DynamoDB table %s: writing waits: %s", self.table, error)
            else:
                return
            await pauses.pause()

    async def _patiently(self, operation: str, *, of_table: bool = True, **asked: Any) -> Any:
        pauses = Pauses()
        client = await self._client.get()
        if of_table:
            asked["TableName"] = self.table
        while True:
            try:
                return await getattr(client, operation)(**asked)
            except AWS_TROUBLE as error:
                if not _may_pass(error):
                    raise self._final(error) from error
                log.warning("DynamoDB table %s: %s is tried again: %s", self.table, operation, error)
            await pauses.pause()

    def _final(self, error: Exception) -> Exception:
        if code_of(error) == MISSING:
            return TableMissing.named(self.table)
        if code_of(error) == "ConditionalCheckFailedException":
            return error
        return PersistenceError(f"DynamoDB table {self.table}: {error}")


def _may_pass(error: Exception) -> bool:
    """Throttling, lost races, and what happens to connections and servers; not what is wrong with the request."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in THROTTLED | LOST_RACES | OUTCOME_UNKNOWN or status >= 500
    return isinstance(error, CONNECTION_TROUBLE)


def _reasons(error: Exception) -> tuple[str | None, ...]:
    assert isinstance(error, ClientError)
    reasons = (reason.get("Code") for reason in error.response.get("CancellationReasons", ()))
    return tuple(None if code == "None" else code for code in reasons)
