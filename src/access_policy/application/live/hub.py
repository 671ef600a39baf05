"""Follows the log once for all clients of the live stream of this process (ADR 0037)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from access_policy.application.backoff import Backoff
from access_policy.application.event_loop import cooperatively
from access_policy.application.live.messages import (
    Audience,
    EndReason,
    Message,
    Rendering,
    ResetReason,
    heartbeat,
    on_the_wire,
    ready,
    reset,
)
from access_policy.application.live.pieces import Piece
from access_policy.application.live.recent_messages import RecentMessages
from access_policy.application.live.subjects import TYPES, Subject, subjects_of
from access_policy.application.live.subscription import Subscription
from access_policy.application.ports.event_store import EventStore, Recorded, Unreadable
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.site_energy.events import DemandMeasured

log = logging.getLogger(__name__)

BATCH: Final = 500  # events per read
# the hub rests this many times as long as the last messages took to write, but within the bounds below
REST_FACTOR: Final = 3.0
REST_MIN_S: Final = 0.05  # so that several changes of one subject become one message
REST_MAX_S: Final = 0.25
REPLAYED_MAX: Final = 10_000  # positions of the log that are read again for a client
# measurements alone cause at most one message about a depot's energy in this span
MEASURED_APART: Final = timedelta(seconds=5)
HEARTBEAT_S: Final = 15.0
CLIENTS_AT_A_TIME: Final = 50  # in one iteration of the event loop
RETRY_FIRST_S: Final = 0.2
RETRY_LONGEST_S: Final = 5.0

DepotKey = tuple[TenantId, DepotId]


def rest_after(took_s: float) -> float:
    """Return the seconds until the next read of the log, after messages that took `took_s` to write."""
    return min(REST_MAX_S, max(REST_MIN_S, REST_FACTOR * took_s))


class Progress(Protocol):
    """How far this process can read the state that messages show."""

    async def reached(self) -> int:
        """Return the position. Raises `StoreUnavailable`."""
        ...

    async def beyond(self, position: int) -> int:
        """Wait until more than `position` can be read; return how far. Raises `StoreUnavailable`."""
        ...


class LiveHub:
    """Runs while it has subscriptions. A message shows the state of a subject at its event or later, and is rendered
    once for all clients of the tenant."""

    def __init__(self, store: EventStore, progress: Progress, rendering: Rendering) -> None:
        self._store = store
        self._progress = progress
        self._rendering = rendering
        self._position = 0
        self._subscriptions: defaultdict[TenantId, set[Subscription]] = defaultdict(set)
        self._recent: dict[TenantId, RecentMessages] = {}
        self._measured: dict[DepotKey, datetime] = {}  # the last measurements that caused a message
        self._filling = asyncio.Lock()
        self._turn = asyncio.Lock()  # a client that subscribes gets either all of a batch or nothing of it
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    @property
    def position(self) -> int:
        """The position up to which everything has been passed to all subscriptions."""
        return self._position

    @property
    def clients(self) -> int:
        return sum(map(len, self._subscriptions.values()))

    async def subscribe(self, audience: Audience, after: int | None = None) -> Subscription:
        """Subscribe a client; `after` is its last position. The caller calls `replay`, sends its result first, and
        calls `leave` at the end. Raises `StoreUnavailable`."""
        async with self._turn:
            if not self._tasks and not self._is_closed:
                self._position = await self._progress.reached()
                self._tasks.append(asyncio.create_task(self._run(), name="live stream"))
                self._tasks.append(asyncio.create_task(self._beat(), name="heartbeats of the live stream"))
            floor = self._position
            if after is not None and after > floor and after <= await self._store.last_position():
                floor = after
            subscription = Subscription(audience, self._position, floor)
            if self._is_closed:
                subscription.end(EndReason.SHUTTING_DOWN)
                return subscription
            self._subscriptions[audience.tenant_id].add(subscription)
            self._recent.setdefault(audience.tenant_id, RecentMessages(self._position))
            return subscription

    def leave(self, subscription: Subscription) -> None:
        tenant_id = subscription.audience.tenant_id
        self._subscriptions[tenant_id].discard(subscription)
        if not self._subscriptions[tenant_id]:
            del self._subscriptions[tenant_id]
            self._recent.pop(tenant_id, None)
        if not self._subscriptions:
            self._rest()

    async def close(self) -> None:
        """End all streams permanently."""
        self._is_closed = True
        for subscription in self._all():
            subscription.end(EndReason.SHUTTING_DOWN)
        if tasks := self._rest():
            await asyncio.wait(tasks)

    def _rest(self) -> list[asyncio.Task[None]]:
        """Stop running; return the tasks that are ending."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        return tasks

    def _all(self) -> list[Subscription]:
        return [each for group in self._subscriptions.values() for each in group]

    # --- the past ----------------------------------------------------------------------------------------------------

    async def replay(self, subscription: Subscription, after: int | None) -> bytes:
        """Return the beginning of the client's stream: the messages after its last position, or a reset if that is too
        long ago or unknown. `after` None: the client has no position. Raises `StoreUnavailable`."""
        since = subscription.since
        if after is None:
            return ready(since)
        if after > subscription.floor:
            return reset(since, ResetReason.UNKNOWN_POSITION) + ready(since)
        if after > since:
            return ready(after)
        recent = self._recent.get(subscription.audience.tenant_id)
        if recent is None or since - after > REPLAYED_MAX or not await self._reach_back(recent, subscription, after):
            return reset(since, ResetReason.TOO_OLD) + ready(since)
        return on_the_wire(recent.between(after, since, subscription.audience)) + ready(since)

    async def _reach_back(self, recent: RecentMessages, subscription: Subscription, after: int) -> bool:
        """Extend `recent` back to `after`: the first of many clients that reconnect reads the log for all of them."""
        async with self._filling:
            if (up_to := recent.floor) > after:
                tenant_id = subscription.audience.tenant_id
                latest = await self._latest(tenant_id, after, up_to)
                missing = {each: at for each, at in latest.items() if not recent.holds(each)}
                recent.extend_back(after, await self._rendered(tenant_id, missing))
            return recent.floor <= after

    async def _latest(self, tenant_id: TenantId, after: int, up_to: int) -> dict[Subject, int]:
        latest: dict[Subject, int] = {}
        while after < up_to:
            batch = await self._read(after, up_to)
            latest |= _latest_by_tenant(batch, {tenant_id}).get(tenant_id, {})
            after = batch[-1].position if len(batch) == BATCH else up_to
        return latest

    # --- the present -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_LONGEST_S)
        while True:
            try:
                reached = await self._progress.beyond(self._position)
                began = time.monotonic()
                await self._follow(reached)
                backoff.reset()
                await asyncio.sleep(rest_after(time.monotonic() - began))
            except Exception:
                if backoff.failures == 0:
                    log.exception("the live stream is stalled and retries")
                await asyncio.sleep(backoff.next_s())

    async def _follow(self, up_to: int) -> None:
        while self._position < up_to:
            async with self._turn:
                batch = await self._read(self._position, up_to)
                thinned, measured = _thinned(batch, self._measured)
                latest = _latest_by_tenant(thinned, self._subscriptions.keys())
                rendered = {tenant_id: await self._rendered(tenant_id, each) for tenant_id, each in latest.items()}
                for tenant_id, messages in rendered.items():
                    self._hand_out(tenant_id, messages)
                self._measured |= measured
                self._position = batch[-1].position if len(batch) == BATCH else up_to

    def _hand_out(self, tenant_id: TenantId, messages: Sequence[Message]) -> None:
        """Queue one piece for all clients with the same audience that have none of the messages yet."""
        if (recent := self._recent.get(tenant_id)) is not None:
            recent.add(messages)
        pieces: dict[tuple[Audience, int], Piece] = {}
        for subscription in list(self._subscriptions.get(tenant_id, ())):
            audience, floor = subscription.audience, max(subscription.floor, self._position)
            if (audience, floor) not in pieces:
                pieces[audience, floor] = Piece(
                    on_the_wire([each for each in messages if each.position > floor and audience.admits(each)])
                )
            if pieces[audience, floor]:
                subscription.put(pieces[audience, floor])

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            beats: dict[int, Piece] = {}
            async for subscription in cooperatively(self._all(), at_a_time=CLIENTS_AT_A_TIME):
                position = max(subscription.floor, self._position)
                subscription.put(beats.setdefault(position, Piece(heartbeat(position))))

    async def _read(self, after: int, up_to: int) -> list[Recorded]:
        return await self._store.read_log(after=after, limit=BATCH, types=TYPES, up_to=up_to, with_unreadable=True)

    async def _rendered(self, tenant_id: TenantId, latest: dict[Subject, int]) -> list[Message]:
        rendered = await self._rendering.render(tenant_id, list(latest)) if latest else {}
        messages = [Message(latest[subject], subject, each) for subject, each in rendered.items()]
        return sorted(messages, key=lambda each: each.position)


def _thinned(
    batch: Iterable[Recorded], before: Mapping[DepotKey, datetime]
) -> tuple[list[Recorded], dict[DepotKey, datetime]]:
    """Drop measurements of a depot that follow soon after others. Returns the remaining events, and the time of each
    depot's last remaining measurements."""
    left: list[Recorded] = []
    measured: dict[DepotKey, datetime] = {}
    for recorded in batch:
        event, at = recorded.event, recorded.envelope.recorded_at
        if isinstance(event, DemandMeasured):
            depot = recorded.envelope.tenant_id, event.depot_id
            last = measured.get(depot) or before.get(depot)
            if last is not None and last <= at < last + MEASURED_APART:
                continue
            measured[depot] = at
        left.append(recorded)
    return left, measured


def _latest_by_tenant(batch: Iterable[Recorded], tenants: Iterable[TenantId]) -> dict[TenantId, dict[Subject, int]]:
    """Return the position of the latest event of each subject that changed."""
    wanted, latest = set(tenants), defaultdict[TenantId, dict[Subject, int]](dict)
    for recorded in batch:
        tenant_id = recorded.envelope.tenant_id
        if tenant_id in wanted and not isinstance(recorded.event, Unreadable):
            latest[tenant_id] |= dict.fromkeys(subjects_of(recorded), recorded.position)
    return latest
