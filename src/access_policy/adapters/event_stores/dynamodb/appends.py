"""Appends: one transaction stores slices after the ends of their streams, and their commit after the end of the log (ADR
0020).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from eventsourcing.persistence import IntegrityError, PersistenceError, StoredEvent

from access_policy.adapters.event_stores.dynamodb.calls import (
    CONDITION_FAILED,
    LOST_RACES,
    THROTTLED,
    Calls,
    Cancelled,
    OutcomeUnknown,
    new_backoff,
)
from access_policy.adapters.event_stores.dynamodb.items import (
    BUCKET,
    ITEM_BYTES,
    TRANSACTION_BYTES,
    Commit,
    Item,
    PackedSlice,
    Slice,
    commit_item,
    key_of,
    packed,
    size_of,
)
from access_policy.adapters.event_stores.dynamodb.log import Log
from access_policy.adapters.event_stores.dynamodb.streams import Streams
from access_policy.application.ports.event_store import AppendTooLarge

log = logging.getLogger(__name__)

ACTIONS: Final = 100  # per transaction
TRANSIENT: Final = LOST_RACES | THROTTLED
IF_NEW: Final = {"ConditionExpression": "attribute_not_exists(pk)"}


class Appends:
    def __init__(self, calls: Calls, log: Log, streams: Streams) -> None:
        self._calls = calls
        self._log = log
        self._streams = streams

    async def append(self, events: Sequence[StoredEvent]) -> list[int]:
        """Append the events and return their positions.

        Raises `IntegrityError`, and writes nothing, if a stream does not end where its events begin. Raises `AppendTooLarge`
        before the first call.
        """
        slices = packed(events)
        transaction = _Transaction.of(slices, self._calls.table)
        await self._streams.require_ends(each.slice for each in slices)
        commit = await self._put(transaction)
        self._log.ended_at(commit.last)
        self._streams.appended([each.slice for each in slices])
        return list(range(commit.first, commit.last + 1))

    async def _put(self, transaction: _Transaction) -> Commit:
        """Store the commit after the last known end of the log, or after the new end if the log has grown since."""
        backoff = new_backoff()
        if self._log.end == 0:
            await self._log.look_for_end()
        while True:
            commit = transaction.commit_at(self._log.end + 1)
            refusal = await self._tried(transaction, commit)
            if refusal is None:
                return commit
            if others := refusal - TRANSIENT - {CONDITION_FAILED}:
                raise PersistenceError(f"DynamoDB table {self._calls.table}: {', '.join(sorted(others))}")
            if refusal & ({CONDITION_FAILED} | LOST_RACES):
                await self._log.look_for_end()
            await asyncio.sleep(backoff.next_s())

    async def _tried(self, transaction: _Transaction, commit: Commit) -> frozenset[str] | None:
        """Return None if the transaction was committed, otherwise the reasons why it was cancelled.

        Raises `IntegrityError` unless only the end of the log was taken. If an answer is lost, the same transaction is sent
        again. It is committed at most once, because its position is taken afterwards.
        """
        backoff = new_backoff()
        token = uuid4().hex
        outcome_known = True
        while True:
            try:
                await self._calls.transact(transaction.actions(commit), token)
            except OutcomeUnknown as unknown:
                log.warning("DynamoDB table %s: an append is sent again: %s", self._calls.table, unknown.__cause__)
                outcome_known = False
            except Cancelled as cancelled:
                reasons = frozenset(reason for reason in cancelled.reasons if reason)
                if outcome_known or not reasons & TRANSIENT:  # otherwise an earlier attempt may still be in progress
                    if not outcome_known and await self._is_committed(commit):
                        return None
                    transaction.require_only_log_taken(cancelled)
                    return reasons
            else:
                return None
            await asyncio.sleep(backoff.next_s())

    async def _is_committed(self, commit: Commit) -> bool:
        found = await self._log.commit_at(commit.first)
        return found is not None and found.id == commit.id


@dataclass(frozen=True, slots=True)
class _Transaction:
    """A transaction's actions: the `puts` of the slices, then the put of the commit."""

    id: str
    table: str
    slices: tuple[Slice, ...]
    puts: Sequence[Item]

    @classmethod
    def of(cls, slices: Sequence[PackedSlice], table: str) -> _Transaction:
        """Build the transaction. Raises `AppendTooLarge`."""
        puts = [{"Item": item, **IF_NEW} for each in slices for item in each.items()]
        made = cls(uuid4().hex, table, tuple(each.slice for each in slices), puts)
        made._require_fit()
        return made

    def commit_at(self, position: int) -> Commit:
        return Commit(position, sum(each.count for each in self.slices), self.id, self.slices)

    def actions(self, commit: Commit) -> list[Item]:
        puts = [*self.puts, {"Item": commit_item(commit), **IF_NEW}]
        return [{"Put": put | {"TableName": self.table}} for put in puts]

    def require_only_log_taken(self, cancelled: Cancelled) -> None:
        """Raise `IntegrityError` if the condition of a slice failed."""
        of_slices = cancelled.reasons[: len(self.puts)]
        if CONDITION_FAILED in of_slices:
            put = self.puts[of_slices.index(CONDITION_FAILED)]
            raise IntegrityError(f"an item already exists at {' '.join(key_of(put['Item']))}")

    def _require_fit(self) -> None:
        commit = self.commit_at(1)
        actions = self.actions(commit)
        sizes = [size_of(action["Put"]["Item"]) for action in actions]
        for unit, actual, most in (
            ("items", len(actions), ACTIONS),
            ("events", commit.count, BUCKET),
            ("bytes", sum(sizes), TRANSACTION_BYTES),
            ("bytes in one item", max(sizes), ITEM_BYTES),
        ):
            if actual > most:
                raise AppendTooLarge(
                    f"{commit.count} events of {len(self.slices)} streams are more than one DynamoDB transaction accepts: "
                    f"{actual} {unit}, and the limit is {most}. Append them in parts."
                )
