"""Keeps chargers' local lists up to date: level-triggered, by the list version that the charger reports.

A list is sent in full when the charger reports another version than the one sent last, and when identifiers are
added. Identifiers that lost their permission are removed at once, by a differential update. The version and a digest
of the list sent last survive a restart, so that an unchanged list is not sent again. The keeper reads the charger's
version at each connection and boot, and every `LOOK_AGAIN_S`, so that it notices a lost list.

After each change of the registry it checks all connected chargers, `BATCH` of them every `TICK_S`, so that decisions
get their turn; an unresponsive charger delays no other. Chargers with equal inputs share the computation of their
entries.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial

from access_policy.application.backoff import Backoff
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.local_lists.desired import Entry, agreements_here, desired_entries
from access_policy.application.local_lists.shared import Shared
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListNotKept, ListSent, ListsSent, ListState, LocalLists
from access_policy.application.ports.secrets import VehicleVault
from access_policy.application.ports.views import Views
from access_policy.application.turns import in_turns
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey, TenantId

log = logging.getLogger(__name__)

TICK_S = 0.05
BATCH = 25  # 500 chargers a second
SCAN_S = 0.5  # between two scans
SCANNED_AT_A_TIME = 500  # per turn of the event loop
TRY_AGAIN_S = 2.0  # doubled for each further failure, up to
LOOK_AGAIN_S = 300.0  # validity and hours change with time
CAPACITY_MAX = 5_000  # the longest list for any charger

Entries = tuple[Entry, ...]


class NotReadableYet(Exception):
    """Some entries of the list are registered, but their values cannot be read yet."""


@dataclass(slots=True)
class _Kept:
    """The list sent to a charger (`asked`) and accepted by it (`entries`), as `version`. `limits`: the capacity it
    reported in this connection; None: not read yet. `without`: it stores no list in this connection. `remembered`:
    the list recorded by an earlier process. `left_out`: the number of `asked` entries that the protocol cannot
    carry.
    """

    epoch: int
    asked: Entries = ()
    entries: Entries = ()
    version: int = 0
    limits: ListState | None = None
    capacity: int = CAPACITY_MAX
    without: bool = False
    remembered: ListSent | None = None
    version_seen_at: float = 0.0  # monotonic
    left_out: int = 0


@dataclass(slots=True)
class LocalListKeeper:
    view: DecisionView
    lists: LocalLists
    views: Views
    vault: VehicleVault
    sent_before: ListsSent
    clock: Clock
    _kept: dict[ChargerKey, _Kept] = field(default_factory=dict)
    _shared: Shared = field(default_factory=Shared)
    _due: deque[ChargerKey] = field(default_factory=deque)
    _seen: dict[ChargerKey, tuple[int, int, int, float]] = field(default_factory=dict)
    _in_work: dict[ChargerKey, asyncio.Task[None]] = field(default_factory=dict)
    _later: dict[ChargerKey, tuple[float, Backoff]] = field(default_factory=dict)

    async def run(self) -> None:
        """Run until cancelled; the tasks in progress are then cancelled and awaited."""
        try:
            while True:
                if not self._due:
                    await self._scan()
                self._begin_batch()
                await asyncio.sleep(TICK_S if self._due else SCAN_S)
        finally:
            tasks = list(self._in_work.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def sync(self, key: ChargerKey) -> None:
        """Bring one charger's list up to date.

        Raises `ListNotKept`, `ChargerDidNotAnswer`, `StoreUnavailable` or `NotReadableYet`.
        """
        epoch = self.lists.serving_epoch(key)
        charger = self.view.charger(*key)
        if epoch is None or charger.policy.retired_at is not None:
            return
        kept = self._kept.get(key)
        if kept is None or kept.epoch != epoch:
            kept = self._kept[key] = _Kept(epoch, *(() if kept is None else (kept.asked, kept.entries, kept.version)))
        if kept.without:
            return
        if kept.limits is None:
            kept.limits = await self.lists.commands(key).list_state()
            kept.capacity = min(kept.limits.capacity, CAPACITY_MAX)
            self._compare(kept, kept.limits.version)
            kept.remembered = None if kept.version else await self._remembered(key, kept.limits.version)
        alike = self._alike(key, kept.capacity)
        wanted = await self._shared.of(alike, lambda: self._wanted(key, kept.capacity))
        if kept.remembered is not None and kept.remembered.digest == await self._digest(alike, kept, wanted):
            kept.asked = kept.entries = wanted
            kept.version = kept.remembered.version
        kept.remembered = None
        unchanged = bool(kept.version) and wanted == kept.asked
        if unchanged and time.monotonic() - kept.version_seen_at < LOOK_AGAIN_S:
            return
        found = await self.lists.commands(key).list_version()
        self._compare(kept, found)
        if unchanged and kept.version:
            return
        await self._bring(key, kept, max(found + 1, int(self.clock.now().timestamp())), wanted, alike)

    async def _digest(self, alike: tuple[object, ...], kept: _Kept, entries: Entries) -> str:
        """The digest of `entries`, a prefix of the list shared by chargers with the key `alike`, so that their number
        identifies them.
        """
        assert kept.limits is not None
        form = kept.limits.form

        async def work_out() -> str:
            return _digest(form, entries)

        return await self._shared.of((alike, "digest", form, len(entries)), work_out)

    async def _remembered(self, key: ChargerKey, version: int) -> ListSent | None:
        """The list that this charger was sent before, if it still reports that version. Otherwise the list is sent
        again.
        """
        try:
            sent = await self.sent_before.latest(key)
        except StoreUnavailable as trouble:
            log.info("cannot tell whether the local list of %s is unchanged: %s", key[1], trouble)
            return None
        return sent if sent is not None and sent.version == version > 0 else None

    @staticmethod
    def _compare(kept: _Kept, version: int) -> None:
        kept.version_seen_at = time.monotonic()
        if version != kept.version:
            kept.asked, kept.entries, kept.version = (), (), 0  # it has another list

    def _alike(self, key: ChargerKey, capacity: int) -> tuple[object, ...]:
        """A key that is equal for chargers with equal lists."""
        tenant_id, charger_id = key
        charger, registry = self.view.charger(*key), self.view.registry(tenant_id)
        settings = charger.policy.settings
        depot = self.view.depot(tenant_id, settings.depot_id)
        return (
            tenant_id,
            registry.version,
            settings.depot_id,
            0 if depot is None else depot.version,
            charger.zone.key,
            settings.offline_starts,
            agreements_here(registry, charger_id, settings.depot_id),
            capacity,
        )

    async def _wanted(self, key: ChargerKey, capacity: int) -> Entries:
        charger = self.view.charger(*key)
        if charger.policy.settings.offline_starts is OfflineStarts.CLOSED:
            return ()
        registry = self.view.registry(key[0])
        depot = self.view.depot(key[0], charger.policy.settings.depot_id)
        return tuple(await desired_entries(charger, depot, registry, capacity=capacity, now=self.clock.now()))

    async def _bring(
        self, key: ChargerKey, kept: _Kept, version: int, wanted: Entries, alike: tuple[object, ...]
    ) -> None:
        assert kept.limits is not None
        stays = set(wanted)
        gone = tuple(entry for entry in kept.entries if entry not in stays)
        leaving: list[Identifier] = []
        if kept.version and gone and stays <= set(kept.asked):
            leaving = list((await self._shared.of((key[0], gone), lambda: self._values(key[0], gone))).values())
        if gone and len(leaving) == len(gone):
            kept.version = await self.lists.commands(key).remove_from_list(kept.limits, version, leaving)
            kept.entries = tuple(entry for entry in kept.entries if entry in stays)
        else:  # also if a value to be removed was erased, and so cannot be named any more
            values = await self._shared.of((alike, "values"), lambda: self._values(key[0], wanted))
            await self._replace(key, kept, version, values)
            if len(values) < len(wanted):
                kept.asked = kept.entries
                raise NotReadableYet(f"{len(wanted) - len(values)} of {len(wanted)} entries cannot be read yet")
        kept.asked = wanted[: kept.capacity]
        kept.entries = kept.asked if kept.entries == kept.asked else kept.entries  # one for all chargers alike
        if len(kept.entries) + kept.left_out >= len(kept.asked):  # a partly accepted list is sent again after a restart
            self.sent_before.remember(key, ListSent(kept.version, await self._digest(alike, kept, kept.asked)))
        log.info("local list of %s: %d entries, version %d", key[1], len(kept.entries), kept.version)

    async def _replace(self, key: ChargerKey, kept: _Kept, version: int, values: dict[Entry, Identifier]) -> None:
        if kept.version and kept.entries == tuple(values):
            return  # nothing has become readable since
        assert kept.limits is not None
        sent = await self.lists.commands(key).send_list(kept.limits, version, list(values.values()))
        taken = set(sent.taken)
        kept.version, kept.entries = sent.version, tuple(entry for entry, value in values.items() if value in taken)
        kept.left_out = sent.left_out
        if len(taken) + sent.left_out < len(values):
            kept.capacity = len(taken) + sent.left_out

    async def _values(self, tenant_id: TenantId, entries: Entries) -> dict[Entry, Identifier]:
        """The values of those entries whose values can be read."""
        rows = await self.views.sealed_identifiers(tenant_id, [ref.pseudonym for _, ref in entries])
        sealed = {row["pseudonym"]: row["sealed"] for row in rows}
        readable = [entry for entry in entries if sealed.get(entry[1].pseudonym)]
        of = [(vehicle_id, sealed[ref.pseudonym]) for vehicle_id, ref in readable]
        values = await self.vault.unseal_many(tenant_id, of)
        return {
            entry: Identifier(
                entry[1].kind, value
            )  # as it was sealed: the spelling that the charger is to compare with
            for entry, value in zip(readable, values, strict=True)
            if value is not None
        }

    # --- when ----------------------------------------------------------------------------------------------------------

    async def _scan(self) -> None:
        """Find the chargers whose list may have changed. Discards the shared results computed before."""
        self._shared.forget()
        async for key in in_turns(list(self.lists.connected_chargers()), at_a_time=SCANNED_AT_A_TIME):
            if key not in self._in_work and not self._is_seen(key):
                self._due.append(key)

    def _begin_batch(self) -> None:
        for _ in range(min(BATCH, len(self._due))):
            key = self._due.popleft()
            task = asyncio.create_task(self._look_at(key), name=f"local list {key[1]}")
            self._in_work[key] = task
            task.add_done_callback(partial(self._done, key))

    def _is_seen(self, key: ChargerKey) -> bool:
        """True if nothing relevant to the list has changed since the last check, and the charger is not due again."""
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
            log.info("charger %s stores no local list: %s", key[1], reason)
            self._kept[key] = _Kept(epoch, without=True)
        except NotReadableYet as trouble:
            self._try_later(key, trouble)
            return
        except (ChargerDidNotAnswer, StoreUnavailable) as trouble:
            self._try_later(key, trouble)
            self._kept.pop(key, None)
            return
        except Exception:  # the edge of the loop: one charger's failure must not end it
            log.exception("the local list of charger %s failed", key[1])
        self._later.pop(key, None)
        self._seen[key] = moment

    def _try_later(self, key: ChargerKey, trouble: Exception) -> None:
        log.info("the local list of %s will be retried: %s", key[1], trouble)
        _, backoff = self._later.get(key, (0.0, Backoff(TRY_AGAIN_S, LOOK_AGAIN_S, shortest_s=0.05)))
        self._later[key] = (time.monotonic() + backoff.next_s(), backoff)
        self._seen.pop(key, None)

    def _done(self, key: ChargerKey, _: asyncio.Task[None]) -> None:
        self._in_work.pop(key, None)


def _digest(form: str, entries: Entries) -> str:
    """The digest of a list's entries, made of pseudonyms, which reveal no identifier."""
    listed = [form, *((vehicle_id, ref.kind, ref.pseudonym) for vehicle_id, ref in entries)]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
