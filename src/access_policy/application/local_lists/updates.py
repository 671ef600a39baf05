"""Updates of one charger's local list: a full list, or the removal of identifiers that lost their permission.

The service trusts the list version that the charger reports. A charger that reports a version other than that of the
last list sent has another list, which is replaced. The version and a digest of the last list sent survive a restart, so
that an unchanged list is not sent again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.local_lists.desired import Entries, Entry
from access_policy.application.local_lists.wanted_lists import WantedList, WantedLists
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListSent, ListsSent, ListState, LocalLists
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

READ_AGAIN_S = 300.0  # interval for reading the version of an unchanged list
CAPACITY_MAX = 5_000  # the longest list for any charger


class NotReadableYet(Exception):
    """Some entries of the list are registered, but their values cannot be read yet."""


@dataclass(slots=True)
class KeptList:
    """The list sent to a charger (`asked`) and accepted by it (`entries`), as `version`. `limits` is what it reported
    on this connection; None: not read yet. `without`: it stores no list on this connection. `remembered` is the list
    recorded by an earlier process. `left_out` is the number of `asked` entries that the protocol cannot express."""

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

    def seen(self, version: int) -> None:
        """Note that the charger reported `version`."""
        self.version_seen_at = time.monotonic()
        if version != self.version:
            self.asked, self.entries, self.version = (), (), 0  # the charger has another list


@dataclass(slots=True)
class LocalListUpdates:
    view: DecisionView
    lists: LocalLists
    wanted: WantedLists
    sent_before: ListsSent
    clock: Clock
    _kept: dict[ChargerKey, KeptList] = field(default_factory=dict)

    async def update(self, key: ChargerKey) -> None:
        """Bring one charger's list up to date.

        Raises `ListNotKept`, `ChargerDidNotAnswer`, `StoreUnavailable` or `NotReadableYet`.
        """
        epoch = self.lists.serving_epoch(key)
        charger = self.view.charger(*key)
        if epoch is None or charger.policy.retired_at is not None:
            return
        kept = self._kept_in(key, epoch)
        if kept.without:
            return
        if kept.limits is None:
            await self._read_limits(key, kept)
        wanted = await self.wanted.of(key, kept.capacity)
        if kept.remembered is not None and kept.remembered.digest == await self._digest(kept, wanted, wanted.entries):
            kept.asked = kept.entries = wanted.entries
            kept.version = kept.remembered.version
        kept.remembered = None
        unchanged = bool(kept.version) and wanted.entries == kept.asked
        if unchanged and time.monotonic() - kept.version_seen_at < READ_AGAIN_S:
            return
        found = await self.lists.commands(key).list_version()
        kept.seen(found)
        if not (unchanged and kept.version):
            await self._send(key, kept, max(found + 1, int(self.clock.now().timestamp())), wanted)

    def forget(self, key: ChargerKey) -> None:
        """Read the charger's version and limits again at the next update."""
        self._kept.pop(key, None)

    def leave_alone(self, key: ChargerKey, epoch: int) -> None:
        """Note that the charger stores no list on this connection."""
        self._kept[key] = KeptList(epoch, without=True)

    def _kept_in(self, key: ChargerKey, epoch: int) -> KeptList:
        kept = self._kept.get(key)
        if kept is None or kept.epoch != epoch:
            before = () if kept is None else (kept.asked, kept.entries, kept.version)
            kept = self._kept[key] = KeptList(epoch, *before)
        return kept

    async def _read_limits(self, key: ChargerKey, kept: KeptList) -> None:
        kept.limits = await self.lists.commands(key).list_state()
        kept.capacity = min(kept.limits.capacity, CAPACITY_MAX)
        kept.seen(kept.limits.version)
        kept.remembered = None if kept.version else await self._remembered(key, kept.limits.version)

    async def _remembered(self, key: ChargerKey, version: int) -> ListSent | None:
        """Return the list that this charger was sent before, if it still reports that version; otherwise the list is
        sent again."""
        try:
            sent = await self.sent_before.latest(key)
        except StoreUnavailable as trouble:
            log.info("cannot tell whether the local list of %s is unchanged: %s", key[1], trouble)
            return None
        return sent if sent is not None and sent.version == version > 0 else None

    async def _digest(self, kept: KeptList, wanted: WantedList, entries: Entries) -> str:
        assert kept.limits is not None
        return await self.wanted.digest(wanted, kept.limits.form, entries)

    async def _send(self, key: ChargerKey, kept: KeptList, version: int, wanted: WantedList) -> None:
        if not await self._remove(key, kept, version, wanted.entries):
            values = await self.wanted.values(wanted)
            await self._replace(key, kept, version, values)
            if len(values) < len(wanted.entries):
                kept.asked = kept.entries
                unreadable = len(wanted.entries) - len(values)
                raise NotReadableYet(f"{unreadable} of {len(wanted.entries)} entries cannot be read yet")
        kept.asked = wanted.entries[: kept.capacity]
        # share one tuple among chargers with equal lists
        kept.entries = kept.asked if kept.entries == kept.asked else kept.entries
        if len(kept.entries) + kept.left_out >= len(kept.asked):  # a partly accepted list is sent again after a restart
            self.sent_before.remember(key, ListSent(kept.version, await self._digest(kept, wanted, kept.asked)))
        log.info("local list of %s: %d entries, version %d", key[1], len(kept.entries), kept.version)

    async def _remove(self, key: ChargerKey, kept: KeptList, version: int, wanted: Entries) -> bool:
        """Remove the entries that are no longer wanted. Returns False if the update needs more than removals, or if an
        erased value can no longer be named: the list must then be replaced."""
        assert kept.limits is not None
        stays = set(wanted)
        gone = tuple(entry for entry in kept.entries if entry not in stays)
        if not (kept.version and gone and stays <= set(kept.asked)):
            return False
        leaving = list((await self.wanted.values_of(key[0], gone)).values())
        if len(leaving) < len(gone):
            return False
        kept.version = await self.lists.commands(key).remove_from_list(kept.limits, version, leaving)
        kept.entries = tuple(entry for entry in kept.entries if entry in stays)
        return True

    async def _replace(self, key: ChargerKey, kept: KeptList, version: int, values: dict[Entry, Identifier]) -> None:
        if kept.version and kept.entries == tuple(values):
            return  # no further value has become readable
        assert kept.limits is not None
        ends = {value: entry.until for entry, value in values.items() if entry.until is not None}
        sent = await self.lists.commands(key).send_list(kept.limits, version, list(values.values()), ends)
        taken = set(sent.taken)
        kept.version, kept.entries = sent.version, tuple(entry for entry, value in values.items() if value in taken)
        kept.left_out = sent.left_out
        if len(taken) + sent.left_out < len(values):
            kept.capacity = len(taken) + sent.left_out
