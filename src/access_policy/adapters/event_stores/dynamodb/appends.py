"""Appends: one transaction puts slices behind their streams' ends and their commit behind the log's (ADR 0020)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from botocore.exceptions import ClientError
from eventsourcing.persistence import IntegrityError, PersistenceError, StoredEvent, Tracking

from access_policy.adapters.event_stores.dynamodb.calls import (
    CONDITION_FAILED,
    LOST_RACES,
    THROTTLED,
    Calls,
    Cancelled,
    OutcomeUnknown,
    Pauses,
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
    tracking_key,
)
from access_policy.adapters.event_stores.dynamodb.log import Log
from access_policy.adapters.event_stores.dynamodb.streams import Streams
from access_policy.application.ports.event_store import AppendTooLarge

log = logging.getLogger(__name__)

ACTIONS: Final = 100  # of one transaction
PASSING: Final = LOST_RACES | THROTTLED
IF_NEW: Final = {"ConditionExpression": "attribute_not_exists(pk)"}


class Appends:
    def __init__(self, calls: Calls, log: Log, streams: Streams) -> None:
        self._calls = calls
        self._log = log
        self._streams = streams

    async def append(self, events: Sequence[StoredEvent], tracking: Tracking | None = None) -> list[int]:
        """Their positions. Raises `IntegrityError`, with nothing written, where a stream does not end where its events
        begin, or where `tracking` is not ahead of what is recorded; `AppendTooLarge` before anything is asked."""
        slices = packed(events)
        transaction = _Transaction.of(slices, tracking, self._calls.table)
        await self._streams.require_ends(each.place for each in slices)
        commit = await self._put(transaction)
        self._log.ended_at(commit.last)
        self._streams.appended([each.place for each in slices])
        return list(range(commit.first, commit.last + 1))

    async def track(self, tracking: Tracking) -> None:
        """Raises `IntegrityError` where it is not ahead of what is recorded."""
        put = _tracking_put(tracking, uuid4().hex)
        try:
            await self._calls.put(put)
        except ClientError as error:  # perhaps our own: its answer was lost, and it was put again
            found = await self._calls.get(tracking_key(tracking.application_name))
            if found is None or found["id"] != put["Item"]["id"]:
                raise _not_ahead(tracking) from error

    async def position_of(self, application_name: str) -> int | None:
        found = await self._calls.get(tracking_key(application_name))
        return int(found["n"]["N"]) if found is not None else None

    async def _put(self, transaction: _Transaction) -> Commit:
        """Behind the log's end as it was last seen; where it has grown since, behind its new end."""
        pauses = Pauses()
        if self._log.end == 0:
            await self._log.look_for_end()
        while True:
            commit = transaction.commit_at(self._log.end + 1)
            refusal = await self._tried(transaction, commit)
            if refusal is None:
                return commit
            if others := refusal - PASSING - {CONDITION_FAILED}:
                raise PersistenceError(f"DynamoDB table {self._calls.table}: {', '.join(sorted(others))}")
            if refusal & ({CONDITION_FAILED} | LOST_RACES):
                await self._log.look_for_end()
            await pauses.pause()

    async def _tried(self, transaction: _Transaction, commit: Commit) -> frozenset[str] | None:
        """None if it was done, else why not. Raises `IntegrityError` where that is not for the log's end.

        While the answers are lost it is sent again as it was: it is done at most once, since its place is then taken.
        """
        pauses = Pauses()
        token = uuid4().hex
        heard_all = True
        while True:
            try:
                await self._calls.transact(transaction.actions(commit), token)
            except OutcomeUnknown as unknown:
                log.warning("DynamoDB table %s: an append is sent again: %s", self._calls.table, unknown.__cause__)
                heard_all = False
            except Cancelled as cancelled:
                reasons = frozenset(reason for reason in cancelled.reasons if reason)
                if heard_all or not reasons & PASSING:  # else one that we did not hear of may still be under way
                    if not heard_all and await self._is_there(commit):
                        return None
                    transaction.require_only_log_taken(cancelled)
                    return reasons
            else:
                return None
            await pauses.pause()

    async def _is_there(self, commit: Commit) -> bool:
        found = await self._log.commit_at(commit.first)
        return found is not None and found.id == commit.id


@dataclass(frozen=True, slots=True)
class _Transaction:
    """Its actions are the `puts` of slices, then the commit, then that of the position of `tracking`."""

    id: str
    table: str
    places: tuple[Slice, ...]
    puts: Sequence[Item]
    tracking: Tracking | None

    @classmethod
    def of(cls, slices: Sequence[PackedSlice], tracking: Tracking | None, table: str) -> _Transaction:
        """Raises `AppendTooLarge`."""
        puts = [{"Item": item, **IF_NEW} for each in slices for item in each.items()]
        made = cls(uuid4().hex, table, tuple(each.place for each in slices), puts, tracking)
        made._require_fit()
        return made

    def commit_at(self, position: int) -> Commit:
        return Commit(position, sum(each.count for each in self.places), self.id, self.places)

    def actions(self, commit: Commit) -> list[Item]:
        puts = [*self.puts, {"Item": commit_item(commit), **IF_NEW}]
        if self.tracking is not None:
            puts.append(_tracking_put(self.tracking, self.id))
        return [{"Put": put | {"TableName": self.table}} for put in puts]

    def require_only_log_taken(self, cancelled: Cancelled) -> None:
        """Raises `IntegrityError` where a slice's or the position's condition failed."""
        of_slices, of_tracking = cancelled.reasons[: len(self.puts)], cancelled.reasons[len(self.puts) + 1 :]
        if CONDITION_FAILED in of_slices:
            put = self.puts[of_slices.index(CONDITION_FAILED)]
            raise IntegrityError(f"something lies at {' '.join(key_of(put['Item']))} already")
        if self.tracking is not None and CONDITION_FAILED in of_tracking:
            raise _not_ahead(self.tracking)

    def _require_fit(self) -> None:
        commit = self.commit_at(1)
        actions = self.actions(commit)
        sizes = [size_of(action["Put"]["Item"]) for action in actions]
        for what, asked, most in (
            ("items", len(actions), ACTIONS),
            ("events", commit.count, BUCKET),
            ("bytes", sum(sizes), TRANSACTION_BYTES),
            ("bytes in one item", max(sizes), ITEM_BYTES),
        ):
            if asked > most:
                raise AppendTooLarge(
                    f"{commit.count} events of {len(self.places)} streams are more than DynamoDB takes at once: "
                    f"{asked} {what}, and it takes {most}. Append them in parts."
                )


def _tracking_put(tracking: Tracking, put_id: str) -> Item:
    position = {"N": str(tracking.notification_id)}
    return {
        "Item": tracking_key(tracking.application_name) | {"n": position, "id": {"S": put_id}},
        "ConditionExpression": "attribute_not_exists(pk) OR #n < :n",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": position},
    }


def _not_ahead(tracking: Tracking) -> IntegrityError:
    return IntegrityError(f"{tracking.application_name} has come to {tracking.notification_id} already, or further")
