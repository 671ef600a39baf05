"""The queue and the log of webhook deliveries: one row for each event and webhook.

Of the undelivered rows of an aggregate, one is `queued` and the others are `waiting` behind it. `due` therefore reads only an
index, however many rows wait for a receiver that is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Update, and_, delete, exists, false, func, or_, select, update

from access_policy.adapters.records.tables import RecordTables, as_text, only_one, storable
from access_policy.adapters.records.webhooks import DELIVERIES, METADATA, WEBHOOKS
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.ports.webhooks import (
    RETRIED_FOR,
    Attempt,
    Backlog,
    Delivery,
    DeliveryState,
    Message,
    WebhookKey,
)
from access_policy.domain.ids import TenantId

ATTEMPTS_KEPT: Final = 5
DETAIL_LENGTH_MAX: Final = 500
DELIVERED_KEPT: Final = timedelta(days=7)
DEAD_LETTERS_KEPT: Final = timedelta(days=30)
TOGETHER_MAX: Final = 200  # messages per transaction

_UNFINISHED: Final = (DeliveryState.QUEUED.value, DeliveryState.WAITING.value)
_Waiting = tuple[Message, datetime, "asyncio.Future[None]"]


class SqlWebhookQueue:
    """Implements `WebhookQueue`. Messages enqueued during a commit share the next one."""

    def __init__(self, where: Path | str) -> None:
        self._tables = RecordTables(where, METADATA)
        self._attempts = msgspec.json.Decoder(tuple[Attempt, ...])
        self._to_enqueue: list[_Waiting] = []
        self._enqueuing: asyncio.Task[None] | None = None

    async def enqueue(self, message: Message, *, now: datetime) -> None:
        done = asyncio.get_running_loop().create_future()
        self._to_enqueue.append((message, now, done))
        if self._enqueuing is None or self._enqueuing.done():
            self._enqueuing = asyncio.create_task(self._enqueue_all(), name="enqueue webhook deliveries")
        await done

    async def due(self, key: WebhookKey, *, now: datetime, limit: int, but_not: Collection[int] = ()) -> list[Delivery]:
        asked = (
            select(DELIVERIES)
            .where(*_of(key), DELIVERIES.c.state == DeliveryState.QUEUED.value, DELIVERIES.c.try_at <= as_text(now))
            .where(DELIVERIES.c.number.not_in(list(but_not)))
            .order_by(DELIVERIES.c.try_at, DELIVERIES.c.number)
            .limit(limit)
        )
        return await self._read(asked)

    async def finish(self, delivery: Delivery) -> None:
        key, aggregate = delivery.message.key, delivery.message.aggregate
        latest = delivery.attempts[-ATTEMPTS_KEPT:]
        kept = [replace(each, detail=storable(each.detail, DETAIL_LENGTH_MAX)) for each in latest]
        row = {
            "state": delivery.state.value,
            "tries": delivery.tries,
            "queued_at": as_text(delivery.queued_at),
            "try_at": as_text(delivery.try_at),
            "finished_at": None if delivery.finished_at is None else as_text(delivery.finished_at),
            "attempts": msgspec.json.encode(kept),
        }

        def write(connection: Connection) -> None:
            only_one(connection, "webhook queue", *key)
            connection.execute(update(DELIVERIES).where(DELIVERIES.c.number == delivery.number).values(row))
            if delivery.finished_at is not None:
                _promote(connection, key, aggregate, delivery.finished_at)

        await self._tables.write(write)

    async def page(
        self, key: WebhookKey, *, state: DeliveryState | None, before: int | None, limit: int
    ) -> list[Delivery]:
        asked = select(DELIVERIES).where(*_of(key)).order_by(DELIVERIES.c.number.desc()).limit(limit)
        if state is not None:
            asked = asked.where(DELIVERIES.c.state == state.value)
        if before is not None:
            asked = asked.where(DELIVERIES.c.number < before)
        return await self._read(asked)

    async def find(self, key: WebhookKey, event_id: str) -> Delivery | None:
        found = await self._read(select(DELIVERIES).where(*_of(key), DELIVERIES.c.event_id == event_id))
        return found[0] if found else None

    async def backlog(self, keys: Collection[WebhookKey] | None = None) -> Backlog:
        """Count the deliveries by state. Reads each webhook's index, but no delivered rows."""
        states = (*_UNFINISHED, DeliveryState.DEAD_LETTER.value)
        asked = select(DELIVERIES.c.state, func.count(), func.min(DELIVERIES.c.queued_at))
        if keys is None:
            of_webhook = (DELIVERIES.c.tenant_id == WEBHOOKS.c.tenant_id) & (
                DELIVERIES.c.webhook_id == WEBHOOKS.c.webhook_id
            )
            asked = asked.select_from(WEBHOOKS.join(DELIVERIES, of_webhook))
        else:
            asked = asked.where(or_(false(), *(and_(*_of(key)) for key in keys)))
        asked = asked.where(DELIVERIES.c.state.in_(states)).group_by(DELIVERIES.c.state)
        rows = await self._tables.read(lambda connection: connection.execute(asked).all())
        found = {state: (number, oldest) for state, number, oldest in rows}
        unfinished = [found[state][1] for state in _UNFINISHED if state in found]
        return Backlog(
            waiting=found.get(DeliveryState.WAITING.value, (0,))[0],
            queued=found.get(DeliveryState.QUEUED.value, (0,))[0],
            dead_letters=found.get(DeliveryState.DEAD_LETTER.value, (0,))[0],
            oldest_queued_at=_instant(min(unfinished)) if unfinished else None,
        )

    async def queue_again(self, key: WebhookKey, event_id: str | None, *, now: datetime) -> int:
        these = (
            DELIVERIES.c.state == DeliveryState.DEAD_LETTER.value
            if event_id is None
            else and_(DELIVERIES.c.event_id == event_id, DELIVERIES.c.state != DeliveryState.WAITING.value)
        )
        again = {"state": DeliveryState.QUEUED.value, "tries": 0, "finished_at": None}
        times = {"queued_at": as_text(now), "try_at": as_text(now)}

        def write(connection: Connection) -> int:
            only_one(connection, "webhook queue", *key)
            return connection.execute(update(DELIVERIES).where(*_of(key), these).values(**again, **times)).rowcount

        return await self._tables.write(write)

    async def forget_old(self, *, now: datetime) -> int:
        state, finished_at = DELIVERIES.c.state, DELIVERIES.c.finished_at
        old = or_(
            and_(state == DeliveryState.DELIVERED.value, finished_at <= as_text(now - DELIVERED_KEPT)),
            and_(state == DeliveryState.DEAD_LETTER.value, finished_at <= as_text(now - DEAD_LETTERS_KEPT)),
        )
        # Wait twice the day of retries, because a delivery in progress ends before that.
        untried = and_(state.in_(_UNFINISHED), DELIVERIES.c.queued_at <= as_text(now - 2 * RETRIED_FOR))
        dead = {"state": DeliveryState.DEAD_LETTER.value, "finished_at": as_text(now)}

        def write(connection: Connection) -> int:
            if connection.execute(update(DELIVERIES).where(untried).values(dead)).rowcount:
                connection.execute(_first_of_each_aggregate().values(**_queued_at(now)))
            return connection.execute(delete(DELIVERIES).where(old)).rowcount

        return await self._tables.write(write)

    async def close(self) -> None:
        if self._enqueuing is not None:
            await self._enqueuing
        await self._tables.close()

    async def _read(self, asked: Any) -> list[Delivery]:
        found = await self._tables.read(lambda connection: connection.execute(asked).all())
        return [self._delivery(row) for row in found]

    async def _enqueue_all(self) -> None:
        while self._to_enqueue:
            these, self._to_enqueue = self._to_enqueue[:TOGETHER_MAX], self._to_enqueue[TOGETHER_MAX:]

            def write(connection: Connection, these: Sequence[_Waiting] = these) -> None:
                for key in sorted({message.key for message, _, _ in these}):
                    only_one(connection, "webhook queue", *key)
                for message, now, _ in these:
                    _insert(connection, message, now)

            try:
                await self._tables.write(write)
            except Exception as error:  # noqa: BLE001  each caller receives it
                for _, _, done in these:
                    if not done.done():
                        done.set_exception(error)
            else:
                for _, _, done in these:
                    if not done.done():
                        done.set_result(None)

    def _delivery(self, row: Row[Any]) -> Delivery:
        message = Message(
            key=(TenantId(row.tenant_id), row.webhook_id),
            event_id=row.event_id,
            event_type=row.event_type,
            aggregate=row.aggregate,
            body=row.body,
        )
        return Delivery(
            number=row.number,
            message=message,
            state=DeliveryState(row.state),
            tries=row.tries,
            queued_at=_instant(row.queued_at),
            try_at=_instant(row.try_at),
            finished_at=None if row.finished_at is None else _instant(row.finished_at),
            attempts=self._attempts.decode(row.attempts),
        )


def _of(key: WebhookKey) -> tuple[Any, Any]:
    return DELIVERIES.c.tenant_id == key[0], DELIVERIES.c.webhook_id == key[1]


def _of_aggregate(key: WebhookKey, aggregate: str) -> tuple[Any, ...]:
    return *_of(key), DELIVERIES.c.aggregate == aggregate


def _insert(connection: Connection, message: Message, now: datetime) -> None:
    ahead = select(DELIVERIES.c.number).where(
        *_of_aggregate(message.key, message.aggregate), DELIVERIES.c.state.in_(_UNFINISHED)
    )
    state = DeliveryState.QUEUED if connection.execute(ahead.limit(1)).first() is None else DeliveryState.WAITING
    row = {
        "tenant_id": message.key[0],
        "webhook_id": message.key[1],
        "event_id": message.event_id,
        "event_type": message.event_type,
        "aggregate": message.aggregate,
        "body": message.body,
        "state": state.value,
        "tries": 0,
        "queued_at": as_text(now),
        "try_at": as_text(now),
        "attempts": b"[]",
    }
    put = upsert_into(DELIVERIES, connection.dialect).values(row)
    connection.execute(put.on_conflict_do_nothing(index_elements=["tenant_id", "webhook_id", "event_id"]))


def _promote(connection: Connection, key: WebhookKey, aggregate: str, now: datetime) -> None:
    """Queue the first waiting row, unless a row of the aggregate is queued already. Its day of retries begins now; otherwise a
    row that waited for a day behind a dead letter would be tried only once.
    """
    these = _of_aggregate(key, aggregate)
    queued = select(DELIVERIES.c.number).where(*these, DELIVERIES.c.state == DeliveryState.QUEUED.value)
    if connection.execute(queued.limit(1)).first() is None:
        first = select(func.min(DELIVERIES.c.number)).where(*these, DELIVERIES.c.state == DeliveryState.WAITING.value)
        if (number := connection.execute(first).scalar()) is not None:
            next_one = update(DELIVERIES).where(DELIVERIES.c.number == number)
            connection.execute(next_one.values(**_queued_at(now)))


def _first_of_each_aggregate() -> Update:
    """Select the first waiting row of each aggregate without a queued row."""
    ahead = DELIVERIES.alias()
    same = (getattr(ahead.c, name) == getattr(DELIVERIES.c, name) for name in ("tenant_id", "webhook_id", "aggregate"))
    queued = exists().where(*same, ahead.c.state == DeliveryState.QUEUED.value)
    first = (
        select(func.min(DELIVERIES.c.number))
        .where(DELIVERIES.c.state == DeliveryState.WAITING.value, ~queued)
        .group_by(DELIVERIES.c.tenant_id, DELIVERIES.c.webhook_id, DELIVERIES.c.aggregate)
    )
    return update(DELIVERIES).where(DELIVERIES.c.number.in_(first))


def _queued_at(now: datetime) -> dict[str, str]:
    return {"state": DeliveryState.QUEUED.value, "queued_at": as_text(now), "try_at": as_text(now)}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
