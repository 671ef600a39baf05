"""Keeps chargers' local lists as they should be: level-triggered, by what the charger says it has.

A list is sent in full when the charger has another version than the one that was sent last, and when identifiers are to
be added. Identifiers that lost their permission are removed at once, by a difference.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from functools import partial

from access_policy.application.decisions.view import DecisionView
from access_policy.application.local_lists.desired import Entry, desired_entries
from access_policy.application.mode_control.backoff import Backoff
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ChargerKey
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListNotKept, ListState, LocalLists
from access_policy.application.ports.secrets import VehicleVault
from access_policy.application.ports.views import Views
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import TenantId

log = logging.getLogger(__name__)

TICK_S = 1.0
LOOK_AGAIN_S = 300.0  # validity and hours change with time
AT_ONCE = 20
CAPACITY_MAX = 5_000  # more is not sent to any charger


@dataclass(slots=True)
class _Kept:
    """What a charger was sent (`asked`) and took (`entries`). `without`: it keeps no list in this connection."""

    epoch: int
    asked: list[Entry] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    version: int = 0
    capacity: int = CAPACITY_MAX
    without: bool = False


@dataclass(slots=True)
class LocalListKeeper:
    view: DecisionView
    lists: LocalLists
    views: Views
    vault: VehicleVault
    clock: Clock
    _kept: dict[ChargerKey, _Kept] = field(default_factory=dict)
    _seen: dict[ChargerKey, tuple[int, int, int, float]] = field(default_factory=dict)
    _in_work: dict[ChargerKey, asyncio.Task[None]] = field(default_factory=dict)
    _later: dict[ChargerKey, tuple[float, Backoff]] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled; what is in work is then cancelled and awaited."""
        try:
            while True:
                self.look()
                await asyncio.sleep(TICK_S)
        finally:
            tasks = list(self._in_work.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def look(self) -> None:
        """Start to bring up to date every charger for which something changed."""
        for key in self.lists.connected_chargers():
            if len(self._in_work) >= AT_ONCE:
                return
            if key in self._in_work or self._is_seen(key):
                continue
            task = asyncio.create_task(self._look_at(key), name=f"local list {key[1]}")
            self._in_work[key] = task
            task.add_done_callback(partial(self._done, key))

    async def sync(self, key: ChargerKey) -> None:
        """Bring one charger's list up to date. Raises `ListNotKept`, `ChargerDidNotAnswer`, `StoreUnavailable`."""
        epoch = self.lists.serving_epoch(key)
        charger = self.view.charger(*key)
        if epoch is None or charger.policy.retired_at is not None:
            return
        kept = self._kept.get(key)
        if kept is None or kept.epoch != epoch:
            kept = self._kept[key] = _Kept(epoch, *(() if kept is None else (kept.asked, kept.entries, kept.version)))
            kept.capacity = -1  # not asked yet in this connection
        if kept.without:
            return
        if kept.capacity < 0:
            state = await self.lists.list_state(key)
            kept.capacity = min(state.capacity, CAPACITY_MAX)
            if state.version != kept.version:
                kept.asked, kept.entries, kept.version = [], [], 0  # it has another list than ours
        else:
            state = None
        wanted = await self._wanted(key, kept.capacity)
        if kept.version and wanted == kept.asked:
            return
        await self._bring(key, kept, wanted, state or await self.lists.list_state(key))

    async def _wanted(self, key: ChargerKey, capacity: int) -> list[Entry]:
        charger = self.view.charger(*key)
        if charger.policy.settings.offline_starts is OfflineStarts.CLOSED:
            return []
        registry = self.view.registry(key[0])
        depot = self.view.depot(key[0], charger.policy.settings.depot_id)
        return await desired_entries(charger, depot, registry, capacity=capacity, now=self.clock.now())

    async def _bring(self, key: ChargerKey, kept: _Kept, wanted: list[Entry], state: ListState) -> None:
        version = max(state.version + 1, int(self.clock.now().timestamp()))
        stays = set(wanted)
        gone = [entry for entry in kept.entries if entry not in stays]
        only_removals = bool(kept.version) and stays <= set(kept.asked)
        leaving = list((await self._values(key[0], gone)).values()) if only_removals else []
        if gone and len(leaving) == len(gone):
            kept.version = await self.lists.remove_from_list(key, state, version, leaving)
            kept.entries = [entry for entry in kept.entries if entry in stays]
        else:  # also where a value that is to leave was forgotten, and so cannot be named any more
            values = await self._values(key[0], wanted)
            sent = await self.lists.send_list(key, state, version, list(values.values()))
            taken = set(sent.taken)
            kept.version, kept.entries = sent.version, [entry for entry, value in values.items() if value in taken]
            if len(taken) < len(values):
                kept.capacity = len(taken)
        kept.asked = wanted[: kept.capacity]
        log.info("local list of %s: %d entries, version %d", key[1], len(kept.entries), kept.version)

    async def _values(self, tenant_id: TenantId, entries: list[Entry]) -> dict[Entry, Identifier]:
        """Of those whose values can still be read."""
        rows = await self.views.sealed_identifiers(tenant_id, [ref.pseudonym for _, ref in entries])
        sealed = {row["pseudonym"]: row["sealed"] for row in rows}
        readable = [entry for entry in entries if sealed.get(entry[1].pseudonym)]
        of = [(vehicle_id, sealed[ref.pseudonym]) for vehicle_id, ref in readable]
        values = await self.vault.unseal_many(tenant_id, of)
        return {
            entry: Identifier(entry[1].kind, value)
            for entry, value in zip(readable, values, strict=True)
            if value is not None
        }

    # --- when ----------------------------------------------------------------------------------------------------------

    def _is_seen(self, key: ChargerKey) -> bool:
        """Nothing has changed since the last look that could change the list, and the charger is not due again."""
        later = self._later.get(key)
        if later is not None and later[0] > time.monotonic():
            return True
        epoch = self.lists.serving_epoch(key)
        if epoch is None or self.view.known_policy(*key) is None:
            return True
        seen = self._seen.get(key)
        now = self._moment(key, epoch)
        return seen is not None and seen[:3] == now[:3] and now[3] - seen[3] < LOOK_AGAIN_S

    def _moment(self, key: ChargerKey, epoch: int) -> tuple[int, int, int, float]:
        policy = self.view.charger(*key).policy
        return epoch, policy.changed_at, self.view.registry(key[0]).version, time.monotonic()

    async def _look_at(self, key: ChargerKey) -> None:
        epoch = self.lists.serving_epoch(key)
        if epoch is None:
            return
        moment = self._moment(key, epoch)
        try:
            await self.sync(key)
        except ListNotKept as reason:
            log.info("charger %s keeps no local list: %s", key[1], reason)
            self._kept[key] = _Kept(epoch, without=True)
        except (ChargerDidNotAnswer, StoreUnavailable) as trouble:
            log.info("the local list of %s is tried again: %s", key[1], trouble)
            _, backoff = self._later.get(key, (0.0, Backoff(first_s=2.0, longest_s=300.0)))
            self._later[key] = (time.monotonic() + backoff.next_s(), backoff)
            self._kept.pop(key, None)
            return
        except Exception:  # the edge of the loop: one charger's trouble must not end it
            log.exception("the local list of charger %s failed", key[1])
        self._later.pop(key, None)
        self._seen[key] = moment

    def _done(self, key: ChargerKey, _: asyncio.Task[None]) -> None:
        self._in_work.pop(key, None)
