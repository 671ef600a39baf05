"""What somebody with all rights on the database can do to the stored log, and to nothing that is protected by keys."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
from eventsourcing.persistence import StoredEvent

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.dynamodb.items import (
    Commit,
    Item,
    commit_item,
    commit_of,
    log_key,
    packed,
    unpacked,
)
from tests.support.aws import client


class Tampering(Protocol):
    """Positions are those of the log; each event is a commit of its own."""

    def edit(self, position: int, old: bytes, new: bytes) -> None: ...

    def delete(self, position: int) -> None: ...

    def insert(self, position: int, like: int, stream: str) -> None:
        """A copy of the event at `like`, in another stream, at a position that is free."""
        ...


class TamperedSqlite:
    def __init__(self, file: Path) -> None:
        self._file = file

    def edit(self, position: int, old: bytes, new: bytes) -> None:
        ((state,),) = self._do("SELECT state FROM stored_events WHERE rowid = ?", position)
        assert old in state
        self._do("UPDATE stored_events SET state = ? WHERE rowid = ?", state.replace(old, new), position)

    def delete(self, position: int) -> None:
        self._do("DELETE FROM stored_events WHERE rowid = ?", position)

    def insert(self, position: int, like: int, stream: str) -> None:
        columns = "originator_version, topic, state FROM stored_events WHERE rowid = ?"
        into = "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state)"
        self._do(f"{into} SELECT ?, ?, {columns}", position, stream, like)

    def _do(self, statement: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            return connection.execute(statement, values).fetchall()


class TamperedPostgres:
    def __init__(self, url: str) -> None:
        self._url = url

    def edit(self, position: int, old: bytes, new: bytes) -> None:
        ((state,),) = self._do("SELECT state FROM stored_events WHERE notification_id = %s", position)
        assert old in state
        self._do("UPDATE stored_events SET state = %s WHERE notification_id = %s", state.replace(old, new), position)

    def delete(self, position: int) -> None:
        self._do("DELETE FROM stored_events WHERE notification_id = %s", position)

    def insert(self, position: int, like: int, stream: str) -> None:
        self._do(
            "INSERT INTO stored_events (notification_id, originator_id, originator_version, topic, state)"
            " SELECT %s, %s, originator_version, topic, state FROM stored_events WHERE notification_id = %s",
            position,
            stream,
            like,
        )

    def _do(self, statement: Any, *values: object) -> list[Any]:
        with psycopg.connect(self._url) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


class TamperedDynamoDb:
    def __init__(self, table: AwsAddress) -> None:
        self._table = table

    def edit(self, position: int, old: bytes, new: bytes) -> None:
        async def change(db: Any) -> None:
            (event,) = await self._events(db, position)
            assert old in event.state
            edited = StoredEvent(
                event.originator_id, event.originator_version, event.topic, event.state.replace(old, new)
            )
            (packed_slice,) = packed([edited])
            for item in packed_slice.items():
                await db.put_item(TableName=self._table.name, Item=item)

        self._with_client(change)

    def delete(self, position: int) -> None:
        async def remove(db: Any) -> None:
            (placed,) = (await self._commit(db, position)).slices
            for key in [*placed.keys, log_key(position)]:
                await db.delete_item(TableName=self._table.name, Key=key)

        self._with_client(remove)

    def insert(self, position: int, like: int, stream: str) -> None:
        async def put(db: Any) -> None:
            (event,) = await self._events(db, like)
            (packed_slice,) = packed([StoredEvent(stream, event.originator_version, event.topic, event.state)])
            commit = Commit(position, 1, "inserted", (packed_slice.slice,))
            for item in [*packed_slice.items(), commit_item(commit)]:
                await db.put_item(TableName=self._table.name, Item=item)

        self._with_client(put)

    async def _commit(self, db: Any, position: int) -> Commit:
        answer = await db.get_item(TableName=self._table.name, Key=log_key(position))
        return commit_of(answer["Item"])

    async def _events(self, db: Any, position: int) -> list[StoredEvent]:
        (placed,) = (await self._commit(db, position)).slices
        items: list[Item] = [(await db.get_item(TableName=self._table.name, Key=key))["Item"] for key in placed.keys]
        return unpacked(placed.stream, placed.first, items)

    def _with_client(self, work: Callable[[Any], Awaitable[None]]) -> None:
        async def opened() -> None:
            async with client("dynamodb", self._table.options["endpoint_url"]) as db:
                await work(db)

        asyncio.run(opened())
