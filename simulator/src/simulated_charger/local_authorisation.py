"""What a charger can decide by itself: authorisation cache, local list, and the rules for when there is no link.

OCPP 1.6 3.5; 2.0.1 C10-C15, D01. The list wins over the cache; listed identifiers are never cached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from simulated_charger.observed import DecidedBy, Verdict

Key = tuple[str, str]  # type ("" in 1.6) and value in upper case


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that matter, read at each decision. `asks_centrally` False: 2.x DisableRemoteAuthorization."""

    pre_authorise: bool
    known_offline: bool
    unknown_offline: bool
    cache_enabled: bool
    list_enabled: bool
    asks_centrally: bool = True
    drops_past_expiry: bool = False  # 2.x errata: a date in the past removes the entry, 1.6: it is kept and expired


@dataclass(frozen=True, slots=True)
class ListEntry:
    key: Key
    verdict: Verdict | None  # None in a differential update removes the entry


class LocalAuthorisation:
    __slots__ = ("_cache", "_list", "capacity", "per_message", "version")

    def __init__(self, *, capacity: int, per_message: int) -> None:
        self._cache: dict[Key, Verdict] = {}
        self._list: dict[Key, Verdict] = {}
        self.capacity = capacity
        self.per_message = per_message
        self.version = 0

    @property
    def cached(self) -> int:
        return len(self._cache)

    @property
    def listed(self) -> int:
        return len(self._list)

    def decide(self, key: Key, *, online: bool, rules: Rules, now: datetime) -> Verdict | None:
        """None: ask the central system (never when offline)."""
        known = self._known(key, rules, now)
        if online and rules.asks_centrally:
            return known if known is not None and known.accepted and rules.pre_authorise else None
        if known is None:
            status = "Accepted" if rules.unknown_offline and not online else "Invalid"
            return Verdict(status=status, decided_by=DecidedBy.OFFLINE_RULE)
        if known.accepted and not rules.known_offline and not online:
            return Verdict(status="Invalid", decided_by=DecidedBy.OFFLINE_RULE)
        return known

    def remember(self, key: Key, verdict: Verdict, *, rules: Rules, now: datetime) -> None:
        """Cache an answer of the central system."""
        if not rules.cache_enabled or (rules.list_enabled and key in self._list):
            return
        if rules.drops_past_expiry and verdict.expires_at is not None and verdict.expires_at <= now:
            self._cache.pop(key, None)
            return
        self._cache[key] = Verdict(
            status=verdict.status, decided_by=DecidedBy.CACHE, expires_at=verdict.expires_at, group=verdict.group
        )

    def clear_cache(self) -> None:
        self._cache.clear()

    def replace(self, version: int, entries: Iterable[ListEntry]) -> str:
        """A Full update. The status word is the same in all versions."""
        listed = {entry.key: entry.verdict for entry in entries if entry.verdict is not None}
        if len(listed) > min(self.capacity, self.per_message):
            return "Failed"
        self._list, self.version = listed, version
        return "Accepted"

    def amend(self, version: int, entries: Iterable[ListEntry]) -> str:
        """A Differential update."""
        entries = list(entries)
        if version <= self.version:
            return "VersionMismatch"
        listed = dict(self._list)
        for entry in entries:
            if entry.verdict is None:
                listed.pop(entry.key, None)
            else:
                listed[entry.key] = entry.verdict
        if len(entries) > self.per_message or len(listed) > self.capacity:
            return "Failed"
        self._list, self.version = listed, version
        return "Accepted"

    def _known(self, key: Key, rules: Rules, now: datetime) -> Verdict | None:
        if rules.list_enabled and (listed := self._list.get(key)) is not None:
            return _as_of(listed, now)
        if rules.cache_enabled and (cached := self._cache.get(key)) is not None:
            return _as_of(cached, now)
        return None


def _as_of(verdict: Verdict, now: datetime) -> Verdict:
    if verdict.accepted and verdict.expires_at is not None and verdict.expires_at <= now:
        return Verdict(status="Expired", decided_by=verdict.decided_by, expires_at=verdict.expires_at)
    return verdict
