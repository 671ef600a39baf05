"""pyeventsourcing's recorder over a DynamoDB table (ADR 0020).

Methods are synchronous and run their calls on an event loop in the recorder's own thread. Each method has one deadline for
all its calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Final, NoReturn, TypeVar
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, Notification, OperationalError, StoredEvent

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.dynamodb.appends import Appends
from access_policy.adapters.event_stores.dynamodb.calls import Calls
from access_policy.adapters.event_stores.dynamodb.log import Log
from access_policy.adapters.event_stores.dynamodb.streams import NO_LATER, Streams
from access_policy.adapters.event_stores.dynamodb.table import require_table
from access_policy.adapters.event_stores.log_rows import LogRow

OPENING_S: Final = 30.0  # includes loading the SDK and finding its credentials

_Answer = TypeVar("_Answer")


class DynamoDbRecorder(ApplicationRecorder):
    """A thread-safe recorder. Raises `IntegrityError` even for events that would leave a gap in their stream.

    `subscribe` is not implemented: the service's followers poll `select_notifications`.
    """

    def __init__(self, address: AwsAddress, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._calls = Calls(address)
        self._streams = Streams(self._calls)
        self._log = Log(self._calls)
        self._appends = Appends(self._calls, self._log, self._streams)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dynamodb", daemon=True)
        self._thread.start()

    def require_table(self) -> None:
        """Raise `TableMissing`, or `PersistenceError` if the table cannot be described."""

        async def require() -> None:
            await require_table(await self._calls.client(), self._calls.table)

        self._run(require(), timeout_s=OPENING_S)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        return self._run(self._appends.append(stored_events)) if stored_events else ()

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        up_to = NO_LATER if lte is None else lte
        return self._run(
            self._streams.select(str(originator_id), after=max(gt or 0, 0), up_to=up_to, backwards=desc, limit=limit)
        )

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        up_to = NO_LATER if stop is None else stop
        return self._run(self._log.select(after=max(after, 0), up_to=up_to, limit=limit, names=topics))

    @property
    def waits_for_rows(self) -> bool:
        return True

    def rows_as_stored(self, after: int, limit: int, up_to: int) -> list[LogRow]:
        found = self._run(self._log.select_as_stored(after=after, up_to=up_to, limit=limit))
        return [(each.id, str(each.originator_id), each.originator_version, each.topic, each.state) for each in found]

    def max_notification_id(self) -> int | None:
        return self._run(self._log.look_for_end()) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> NoReturn:
        raise NotImplementedError("poll select_notifications instead: DynamoDB sends no notifications")

    def close(self) -> None:
        """Close the connections. Later calls raise `OperationalError`."""
        if self._loop.is_closed():
            return
        self._run(self._calls.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, call: Coroutine[Any, Any, _Answer], *, timeout_s: float | None = None) -> _Answer:
        timeout_s = self._timeout_s if timeout_s is None else timeout_s

        async def in_time() -> _Answer:
            async with asyncio.timeout(timeout_s):
                return await call

        if self._loop.is_closed():
            call.close()
            raise OperationalError(f"DynamoDB table {self._calls.table}: the connection is closed")
        try:
            return asyncio.run_coroutine_threadsafe(in_time(), self._loop).result()
        except TimeoutError as late:
            raise OperationalError(
                f"DynamoDB table {self._calls.table} did not answer within {timeout_s:g} s"
            ) from late
