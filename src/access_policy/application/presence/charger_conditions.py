"""Records chargers' reports about themselves, and distinguishes faults from consequences of a refusal (design.md
3.6).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from access_policy.application.context import SYSTEM, Context, enveloped, new_id
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import SettingsSeen
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, NewEvent, StoreUnavailable, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import condition_stream
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.charger_condition.condition import ChargerCondition, evolve
from access_policy.domain.charger_condition.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ConditionEvent,
    ConnectorFaulted,
    ConnectorRecovered,
    OfflineStartsSet,
    PasswordSent,
    SettingTold,
)
from access_policy.domain.ids import ActorId, AttemptId, ChargerKey

log = logging.getLogger(__name__)

APPEND_TRIES = 5
LATE = timedelta(seconds=60)  # a status this old was queued while the charger was offline


@dataclass(frozen=True, slots=True)
class _Doubtful:
    """The last append after a version of the stream, which may be recorded although it was reported as failed."""

    new: NewEvent
    after_version: int


class ChargerConditions:
    """Appends to the charger's condition stream; usually only the gateway that holds the connection writes to it.
    `gateway` is the name of this process among several that hold connections.
    """

    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        profiles: CapabilityProfiles,
        clock: Clock,
        *,
        gateway: str = "",
    ) -> None:
        self._gateway = gateway
        self._view = view
        self._live = live
        self._store = store
        self._commits = commits
        self._profiles = profiles
        self._clock = clock
        self._versions: dict[ChargerKey, int] = {}
        self._booted: dict[ChargerKey, datetime | None] = {}  # the latest boot known
        self._settings: dict[ChargerKey, tuple[object, object]] = {}
        self._doubtful: dict[ChargerKey, _Doubtful] = {}
        self._errors: defaultdict[ChargerKey, dict[int, tuple[str, str | None]]] = defaultdict(dict)

    async def connected(self, key: ChargerKey, protocol: str) -> int:
        """Returns the version of the record in the charger's stream: the gateway with the latest record owns the charger."""
        now = self._clock.now()
        event = ChargerConnected(charger_id=key[1], protocol=protocol, connected_at=now, gateway=self._gateway)
        return await self._record(key, event, now)

    async def connected_still(self, key: ChargerKey, protocol: str) -> int:
        """Like `connected`, after another process declared this gateway gone; returns 0 and records nothing if the
        charger has connected to another gateway since.
        """
        now = self._clock.now()
        event = ChargerConnected(charger_id=key[1], protocol=protocol, connected_at=now, gateway=self._gateway)
        self._versions.pop(key, None)
        return await self._record(key, event, now, unless=self._is_at_another_gateway)

    async def disconnected(self, key: ChargerKey, reason: str) -> None:
        """Record the end of a recorded connection, unless the charger has connected to another gateway since."""
        now = self._clock.now()
        event = ChargerDisconnected(charger_id=key[1], reason=reason[:200], disconnected_at=now, gateway=self._gateway)
        await self._record(key, event, now, unless=lambda found: not found.is_connected_to(self._gateway))

    async def left_behind(self, key: ChargerKey, gateway: str) -> None:
        """The gateway is gone. Records nothing for a charger that was last connected to another gateway or already
        disconnected.
        """
        now = self._clock.now()
        event = ChargerDisconnected(
            charger_id=key[1],
            reason=f"gateway {gateway} is gone",
            disconnected_at=now,
            gateway=gateway,
            found_by=self._gateway or "/",
        )
        self._versions.pop(key, None)  # others have written since we did, if ever
        await self._record(key, event, now, unless=lambda found: not found.is_connected_to(gateway))

    async def owner_of(self, key: ChargerKey) -> str | None:
        """The gateway that recorded the charger's latest connection; None for a charger that never had one. Raises
        `StoreUnavailable`."""
        return (await self._stored(key)).gateway

    async def connected_elsewhere(self, key: ChargerKey) -> str | None:
        """The other gateway that the charger is connected to, by the records. Raises `StoreUnavailable`."""
        found = await self._stored(key)
        return found.gateway if found.is_connected and self._is_at_another_gateway(found) else None

    def _is_at_another_gateway(self, found: ChargerCondition) -> bool:
        return found.gateway not in (None, self._gateway)

    async def _stored(self, key: ChargerKey) -> ChargerCondition:
        """The condition as stored now: the view's, plus the end of the stream since then, so that the length of the
        stream does not matter. Raises `StoreUnavailable`.
        """
        found = self._view.condition(key)
        for recorded in await self._store.load(condition_stream(*key), after_version=found.version):
            found = evolve(found, recorded.event)
        return found

    async def booted(self, key: ChargerKey, *, vendor: str, model: str, firmware: str | None) -> None:
        now = self._clock.now()
        event = ChargerBooted(charger_id=key[1], vendor=vendor, model=model, firmware=firmware, booted_at=now)
        await self._record(key, event, now)
        self._booted[key] = now

    async def offline_starts_set(self, key: ChargerKey, offline: OfflineStarts, seen: SettingsSeen) -> None:
        """Recorded if it differs from the last record of this process."""
        now = self._clock.now()
        event = OfflineStartsSet(
            charger_id=key[1],
            offline_starts=offline,
            in_force=_told(seen.in_force),
            refused=_told(seen.refused),
            seen_at=now,
        )
        if self._settings.get(key) == (event.in_force, event.refused):
            return
        await self._record(key, event, now)
        self._settings[key] = (event.in_force, event.refused)

    async def password_sent(self, key: ChargerKey, *, actor: ActorId) -> None:
        now = self._clock.now()
        await self._record(key, PasswordSent(charger_id=key[1], sent_at=now), now, actor=actor)

    async def has_booted(self, key: ChargerKey) -> bool:
        """True if a boot of the charger was ever accepted: this belongs to its identity and survives restarts of the
        service.

        Called at each connection, so that open errors are known again as well. While the store is down, an unknown
        charger is assumed to have booted: one that did would not boot again for the service.
        """
        if key not in self._booted:
            try:
                found = await self._stored(key)
            except StoreUnavailable as outage:
                log.warning("charger %s is assumed to have booted, since the store is down: %s", key[1], outage)
                return True
            self._versions[key] = found.version
            self._booted[key] = found.booted_at
            self._errors[key] = dict(found.errors)
        return self._booted[key] is not None

    def booted_at(self, key: ChargerKey) -> datetime | None:
        """The latest boot; known from the charger's connection on."""
        return self._booted.get(key)

    def _note_error(self, key: ChargerKey, event: ConditionEvent) -> None:
        match event:
            case ConnectorFaulted():
                self._errors[key][event.connector_id] = (event.error_code, event.vendor_error_code)
            case ConnectorRecovered():
                self._errors[key].pop(event.connector_id, None)
            case _:
                pass

    async def status(
        self,
        key: ChargerKey,
        *,
        connector_id: int,
        error_code: str | None,
        vendor_error_code: str | None = None,
        info: str | None = None,
        at: datetime,
    ) -> None:
        """A connector reported a status; `error_code` None: no error. Only changes are recorded: an error reported
        again without its vendor code counts as the same.
        """
        error = None if error_code is None else (error_code, vendor_error_code)
        known = self._errors[key].get(connector_id)
        if error == known or (known is not None and error == (known[0], None)):
            return
        now = self._clock.now()
        if error_code is None:
            event: ConditionEvent = ConnectorRecovered(charger_id=key[1], connector_id=connector_id, recovered_at=at)
        else:
            event = ConnectorFaulted(
                charger_id=key[1],
                connector_id=connector_id,
                error_code=error_code,
                vendor_error_code=vendor_error_code,
                info=info,
                faulted_at=at,
                caused_by=self._denial_shown(key, connector_id, {error_code, vendor_error_code}, _when(at, now)),
            )
        await self._record(key, event, now)
        self._note_error(key, event)

    def _denial_shown(
        self, key: ChargerKey, connector_id: int, codes: set[str | None], at: datetime
    ) -> AttemptId | None:
        """The denied attempt that caused this error, by the profile's codes and window, on the connector."""
        profile = self._profiles.get(key[0], self._view.charger(*key).policy.settings.profile)
        if profile is None or not codes & profile.denial_error_codes:
            return None
        return self._live.recent_denial(key, connector_id, at, timedelta(seconds=profile.denial_window_s))

    async def _record(
        self,
        key: ChargerKey,
        event: ConditionEvent,
        now: datetime,
        *,
        actor: ActorId = SYSTEM,
        unless: Callable[[ChargerCondition], bool] = lambda found: False,
    ) -> int:
        """Return the version recorded. If others may have written to the stream, read its end again and let `unless`
        decide whether a record is still needed; 0 if not.
        """
        stream = condition_stream(*key)
        context = Context(tenant_id=key[0], actor=actor, correlation_id=new_id())
        events = enveloped(context, (event,), now=now)
        for _ in range(APPEND_TRIES):
            if key not in self._versions:
                if (recorded := await self._recorded_before(key, event)) is not None:
                    return recorded
                found = await self._stored(key)
                if unless(found):
                    return 0
                self._versions[key] = found.version
            version = self._versions[key]
            self._versions[key] = version + 1  # callers that arrive while this one waits append after it
            try:
                await self._commits.append(Append(stream, version, events))
            except VersionConflict:
                self._versions.pop(key, None)
            except BaseException:
                self._versions.pop(key, None)
                self._doubtful[key] = _Doubtful(events[0], version)
                raise
            else:
                self._doubtful.pop(key, None)
                return version + 1
        raise RuntimeError(f"the condition of charger {key[1]} was changed repeatedly by another process")

    async def _recorded_before(self, key: ChargerKey, event: ConditionEvent) -> int | None:
        """The version under which the store recorded `event` although its append was reported as failed; None if it
        did not. Raises `StoreUnavailable`.
        """
        doubtful = self._doubtful.get(key)
        if doubtful is None:
            return None
        later = await self._store.load(condition_stream(*key), after_version=doubtful.after_version)
        for recorded in later:
            if recorded.envelope.event_id == doubtful.new.envelope.event_id:
                self._note_error(key, recorded.event)
                if not _says_the_same(recorded.event, event):
                    return None
                self._versions[key] = later[-1].version
                del self._doubtful[key]
                return recorded.version
        return None


def _says_the_same(one: ConditionEvent, other: ConditionEvent) -> bool:
    """Equal apart from the time."""
    return type(one) is type(other) and all(
        getattr(one, each.name) == getattr(other, each.name)
        for each in fields(one)
        if not isinstance(getattr(one, each.name), datetime)
    )


def _when(reported: datetime, arrived: datetime) -> datetime:
    """The time of a status: its arrival, unless the report says that it was queued. Chargers' clocks deviate
    slightly.
    """
    return reported if arrived - reported > LATE else arrived


def _told(settings: Mapping[str, str]) -> tuple[SettingTold, ...]:
    return tuple(sorted(SettingTold(name, value) for name, value in settings.items()))
