"""Wake-ups between processes on one PostgreSQL database: LISTEN and NOTIFY over one connection on a separate thread.

A notification is sent after the append's commit, in a separate transaction, so the append does not wait for it or for the lock
that NOTIFY takes. While the connection is down, followers poll; a new connection wakes all of them once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable, Collection
from typing import Any, Final

import psycopg

from access_policy.adapters.sql.postgres_connections import PunctualConnection, connection_settings, deadline
from access_policy.adapters.wake_ups.coalescing import CoalescedWakeUps
from access_policy.application.backoff import Backoff
from access_policy.application.context import new_id

log = logging.getLogger(__name__)

CHANNEL: Final = "access_policy_appended"
PAYLOAD_MAX: Final = 7_500  # bytes; the server takes less than 8,000
TIMEOUT_S: Final = 5.0
RECONNECT_FIRST_S: Final = 0.2
RECONNECT_LONGEST_S: Final = 10.0

ANY: Final[frozenset[str]] = frozenset()


class PostgresWakeUps:
    """Implements `WakeUps`. `url` is `postgresql://…`."""

    def __init__(self, url: str, *, urgent: Collection[str]) -> None:
        self._url = url
        self._sender = new_id()
        self._coalesced = CoalescedWakeUps(self._queue, urgent)
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signal = -1  # write end of the pipe on which the thread waits

    def appended(self, types: frozenset[str]) -> None:
        if self._loop is not None:
            self._coalesced.add(types)

    def listen(self, woken: Callable[[frozenset[str]], None]) -> None:
        self._listeners.append(woken)

    async def run(self) -> None:
        self._loop = asyncio.get_running_loop()
        signalled, self._signal = os.pipe()
        os.set_blocking(signalled, False)
        os.set_blocking(self._signal, False)
        thread = threading.Thread(target=self._work, args=(signalled,), name="wake-ups", daemon=True)
        thread.start()
        try:
            await self._loop.create_future()
        finally:
            self._loop = None
            self._coalesced.close()
            self._stopped.set()
            self._wake_thread()
            await asyncio.to_thread(thread.join)
            os.close(signalled)
            os.close(self._signal)

    def _queue(self, types: frozenset[str]) -> None:
        with self._lock:
            self._pending |= types
        self._wake_thread()

    def _wake_thread(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the pipe is already full of signals
            os.write(self._signal, b"!")

    # --- on the thread -----------------------------------------------------------------------------------------------

    def _work(self, signalled: int) -> None:
        backoff = Backoff(RECONNECT_FIRST_S, RECONNECT_LONGEST_S)
        settings = connection_settings(self._url, TIMEOUT_S, "wake-ups", autocommit=True)
        while not self._stopped.is_set():
            try:
                with PunctualConnection.connect(self._url, **settings) as connection:
                    connection.add_notify_handler(lambda notify: self._received(notify.payload))
                    connection.execute(f"LISTEN {CHANNEL}")
                    backoff.reset()
                    self._woken(ANY)
                    self._serve(connection, signalled)
            except (psycopg.Error, OSError) as trouble:
                if backoff.failures == 0:
                    log.warning("other processes are not woken, and poll instead: %s", trouble)
                self._stopped.wait(backoff.next_s())

    def _serve(self, connection: psycopg.Connection[Any], signalled: int) -> None:
        while not self._stopped.is_set():
            readable, _, _ = select.select([connection.fileno(), signalled], [], [])
            if connection.fileno() in readable:
                connection.pgconn.consume_input()
                while (notify := connection.pgconn.notifies()) is not None:
                    self._received(notify.extra.decode(errors="replace"))
            if signalled in readable:
                os.read(signalled, 4096)
                self._notify(connection)

    def _notify(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            types, self._pending = self._pending, set()
        if not types:
            return
        payload = "\n".join((self._sender, *types))
        if len(payload) > PAYLOAD_MAX:
            payload = self._sender
        with deadline(TIMEOUT_S):
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))

    def _received(self, payload: str) -> None:
        sender, *types = payload.split("\n")
        if sender != self._sender:
            self._woken(frozenset(types))

    def _woken(self, types: frozenset[str]) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(self._call_listeners, types)

    def _call_listeners(self, types: frozenset[str]) -> None:
        for listener in self._listeners:
            listener(types)
