"""Calls to DynamoDB, with retries of transient failures. The caller sets the deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as SdkConnectionError
from eventsourcing.persistence import PersistenceError, ProgrammingError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AWS_TROUBLE, AwsClient, code_of
from access_policy.adapters.event_stores.dynamodb.items import Item
from access_policy.application.backoff import Backoff

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 1.0
READ_TIMEOUT_S: Final = 2.0  # per attempt, so that a connection that died silently leaves time for another attempt
BATCH_KEYS: Final = 100  # per BatchGetItem

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
    """The table does not exist, or this program cannot use it; the message says what to do."""

    @classmethod
    def named(cls, name: str) -> TableMissing:
        return cls(f"There is no DynamoDB table {name}. Run `access-policy migrate` with the same settings.")


class OutcomeUnknown(Exception):
    """The answer was lost: the transaction may have been committed."""


class Cancelled(Exception):
    """DynamoDB committed nothing. `reasons` has one entry per action, which is None for an action that was not the cause."""

    def __init__(self, reasons: tuple[str | None, ...]) -> None:
        super().__init__(", ".join(sorted({reason for reason in reasons if reason})))
        self.reasons = reasons


def new_backoff() -> Backoff:
    """Return the pauses between the attempts of one operation."""
    return Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)


class Calls:
    """Calls on one table. All reads are consistent. Raises `TableMissing`, or `PersistenceError` for lasting failures."""

    def __init__(self, address: AwsAddress) -> None:
        self.table = address.name
        self._client = AwsClient("dynamodb", address, read_timeout_s=READ_TIMEOUT_S)

    async def client(self) -> Any:
        return await self._client.get()

    async def close(self) -> None:
        await self._client.close()

    async def get(self, item_key: Item) -> Item | None:
        answer = await self._retried("get_item", Key=item_key, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    async def query(
        self, partition: str, *, lowest: str, highest: str, backwards: bool = False, limit: int | None = None
    ) -> AsyncGenerator[list[Item], None]:
        """Yield the items whose sort keys are from `lowest` to `highest`, both included, in pages of at most 1 MB and `limit`
        items.
        """
        request: dict[str, Any] = {
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
            request["Limit"] = limit
        while True:
            answer = await self._retried("query", **request)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def first(self, partition: str, *, lowest: str, highest: str, backwards: bool = False) -> Item | None:
        """Return the first item of `query`."""
        async with aclosing(
            self.query(partition, lowest=lowest, highest=highest, backwards=backwards, limit=1)
        ) as pages:
            async for page in pages:
                if page:
                    return page[0]
        return None

    async def get_many(self, keys: Sequence[Item]) -> list[Item]:
        """Return the items that exist, in any order."""
        found: list[Item] = []
        for at in range(0, len(keys), BATCH_KEYS):
            wanted: dict[str, Any] = {self.table: {"Keys": keys[at : at + BATCH_KEYS], "ConsistentRead": True}}
            backoff = new_backoff()
            while wanted:
                answer = await self._retried("batch_get_item", of_table=False, RequestItems=wanted)
                found += answer["Responses"].get(self.table, ())
                if wanted := answer.get("UnprocessedKeys", {}):  # too much for one answer, or throttled
                    await asyncio.sleep(backoff.next_s())
        return found

    async def transact(self, actions: Sequence[Item], token: str) -> None:
        """Commit all actions once, or none. Retries while throttled. Raises `Cancelled` or `OutcomeUnknown`."""
        backoff = new_backoff()
        client = await self._client.get()
        while True:
            try:
                await client.transact_write_items(TransactItems=actions, ClientRequestToken=token)
            except AWS_TROUBLE as error:
                code = code_of(error)
                if code == CANCELLED:
                    raise Cancelled(_reasons(error)) from error
                if code not in THROTTLED:
                    raise (OutcomeUnknown() if _is_transient(error) else self._final(error)) from error
                log.warning("DynamoDB table %s: a throttled write is retried: %s", self.table, error)
            else:
                return
            await asyncio.sleep(backoff.next_s())

    async def _retried(self, operation: str, *, of_table: bool = True, **request: Any) -> Any:
        """Call until the answer is not a transient failure."""
        client = await self._client.get()
        if of_table:
            request["TableName"] = self.table

        def log_retry(state: RetryCallState) -> None:
            error = None if state.outcome is None else state.outcome.exception()
            log.warning("DynamoDB table %s: %s is retried: %s", self.table, operation, error)

        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_transient),
            wait=wait_random_exponential(FIRST_PAUSE_S, LONGEST_PAUSE_S),
            before_sleep=log_retry,
            reraise=True,
        )

        async def call() -> Any:  # the client's methods return coroutines, but are not coroutine functions
            return await getattr(client, operation)(**request)

        try:
            return await retrying(call)
        except AWS_TROUBLE as error:
            raise self._final(error) from error

    def _final(self, error: Exception) -> Exception:
        if code_of(error) == MISSING:
            return TableMissing.named(self.table)
        return PersistenceError(f"DynamoDB table {self.table}: {error}")


def _is_transient(error: BaseException) -> bool:
    """True for throttling, lost races and failures of connections and servers; False for faults of the request."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in THROTTLED | LOST_RACES | OUTCOME_UNKNOWN or status >= 500
    return isinstance(error, CONNECTION_TROUBLE)


def _reasons(error: Exception) -> tuple[str | None, ...]:
    assert isinstance(error, ClientError)
    reasons = (reason.get("Code") for reason in error.response.get("CancellationReasons", ()))
    return tuple(None if code == "None" else code for code in reasons)
