"""Decisions without the central system: authorisation cache, local list and offline rules.

OCPP 1.6 3.5; 2.0.1 C10-C15, D01. The list has precedence over the cache; listed identifiers are never cached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from simulated_charger.observed import AuthorisationResult, DecidedBy

Key = tuple[str, str]  # type ("" in 1.6) and value in upper case


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings for local decisions. If `central_authorisation` is False, 2.x DisableRemoteAuthorization is set."""

    pre_authorise: bool
    known_offline: bool
    unknown_offline: bool
    cache_enabled: bool
    list_enabled: bool
    central_authorisation: bool = True
    drops_past_expiry: bool = False  # 2.x errata: a past date removes the entry; in 1.6 the entry stays, expired


@dataclass(frozen=True, slots=True)
class ListEntry:
    key: Key
    authorisation: AuthorisationResult | None  # None in a differential update removes the entry


class LocalAuthorisation:
    __slots__ = ("_cache", "_list", "capacity", "per_message", "version")

    def __init__(self, *, capacity: int, per_message: int) -> None:
        self._cache: dict[Key, AuthorisationResult] = {}
        self._list: dict[Key, AuthorisationResult] = {}
        self.capacity = capacity
        self.per_message = per_message
        self.version = 0

    @property
    def cached(self) -> int:
        return len(self._cache)

    @property
    def entries(self) -> tuple[AuthorisationResult, ...]:
        return tuple(self._list.values())

    @property
    def listed(self) -> int:
        return len(self._list)

    def decide(self, key: Key, *, online: bool, rules: Rules, now: datetime) -> AuthorisationResult | None:
        """Return the local decision, or None (only if online) if Authorize must be sent."""
        known = self._known(key, rules, now)
        if online and rules.central_authorisation:
            return known if known is not None and known.accepted and rules.pre_authorise else None
        if known is None:
            status = "Accepted" if rules.unknown_offline and not online else "Invalid"
            return AuthorisationResult(status=status, decided_by=DecidedBy.OFFLINE_RULE)
        if known.accepted and not rules.known_offline and not online:
            return AuthorisationResult(status="Invalid", decided_by=DecidedBy.OFFLINE_RULE)
        return known

    def remember(self, key: Key, authorisation: AuthorisationResult, *, rules: Rules, now: datetime) -> None:
        """Cache a status from the central system."""
        if not rules.cache_enabled or (rules.list_enabled and key in self._list):
            return
        if rules.drops_past_expiry and authorisation.expires_at is not None and authorisation.expires_at <= now:
            self._cache.pop(key, None)
            return
        self._cache[key] = AuthorisationResult(
            status=authorisation.status,
            decided_by=DecidedBy.CACHE,
            expires_at=authorisation.expires_at,
            group=authorisation.group,
        )

    def clear_cache(self) -> None:
        self._cache.clear()

    def replace(self, version: int, entries: Iterable[ListEntry]) -> str:
        """Apply a Full update. Return its status, which has the same spelling in all versions."""
        listed = {entry.key: entry.authorisation for entry in entries if entry.authorisation is not None}
        if len(listed) > min(self.capacity, self.per_message):
            return "Failed"
        self._list, self.version = listed, version
        return "Accepted"

    def amend(self, version: int, entries: Iterable[ListEntry]) -> str:
        """Apply a Differential update. Return its status."""
        entries = list(entries)
        if version <= self.version:
            return "VersionMismatch"
        listed = dict(self._list)
        for entry in entries:
            if entry.authorisation is None:
                listed.pop(entry.key, None)
            else:
                listed[entry.key] = entry.authorisation
        if len(entries) > self.per_message or len(listed) > self.capacity:
            return "Failed"
        self._list, self.version = listed, version
        return "Accepted"

    def _known(self, key: Key, rules: Rules, now: datetime) -> AuthorisationResult | None:
        if rules.list_enabled and (listed := self._list.get(key)) is not None:
            return _as_of(listed, now)
        if rules.cache_enabled and (cached := self._cache.get(key)) is not None:
            return _as_of(cached, now)
        return None


def _as_of(authorisation: AuthorisationResult, now: datetime) -> AuthorisationResult:
    if authorisation.accepted and authorisation.expires_at is not None and authorisation.expires_at <= now:
        return AuthorisationResult(
            status="Expired", decided_by=authorisation.decided_by, expires_at=authorisation.expires_at
        )
    return authorisation
