"""Appends to chargers' condition streams, each event once, although several processes may write to a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from access_policy.application.context import SYSTEM, Context, enveloped, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Append, NewEvent, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.condition import ChargerCondition, evolve
from access_policy.domain.charger_condition.events import ConditionEvent
from access_policy.domain.ids import ActorId, ChargerKey

APPEND_TRIES: Final = 5

RecordedListener = Callable[[ChargerKey, ConditionEvent], None]


@dataclass(frozen=True, slots=True)
class _Doubtful:
    """The last append after a version of the stream, which may be recorded although it was reported as failed."""

    new: NewEvent
    after_version: int


class ConditionRecorder:
    """Appends to condition streams. Usually only the gateway that holds a charger's connection writes to its stream, so
    that the recorder knows the stream's version without reading it."""

    def __init__(self, view: DecisionView, store: Streams, commits: Commits) -> None:
        self._view = view
        self._store = store
        self._commits = commits
        self._versions: dict[ChargerKey, int] = {}
        self._doubtful: dict[ChargerKey, _Doubtful] = {}
        self._on_recorded: list[RecordedListener] = []

    def on_recorded(self, listener: RecordedListener) -> None:
        """Call `listener` for each event that is recorded, even if its append was first reported as failed."""
        self._on_recorded.append(listener)

    async def stored(self, key: ChargerKey) -> ChargerCondition:
        """Return the condition as stored now: the view's, plus the later events of the stream, so that the length of
        the stream does not matter. Raises `StoreUnavailable`."""
        found = self._view.condition(key)
        for recorded in await self._store.load(condition_stream(*key), after_version=found.version):
            found = evolve(found, recorded.event)
        return found

    async def resume(self, key: ChargerKey) -> ChargerCondition:
        """Like `stored`, but later records follow the version that was read."""
        found = await self.stored(key)
        self._versions[key] = found.version
        return found

    def others_wrote(self, key: ChargerKey) -> None:
        """Read the end of the stream before the next record: other processes may have written to it."""
        self._versions.pop(key, None)

    async def record(
        self,
        key: ChargerKey,
        event: ConditionEvent,
        now: datetime,
        *,
        actor: ActorId = SYSTEM,
        unless: Callable[[ChargerCondition], bool] = lambda found: False,
    ) -> int:
        """Record the event and return its version. If others may have written to the stream, read its end again and let
        `unless` decide whether a record is still needed; return 0 if not. Raises `StoreUnavailable`: the event may be
        recorded, and the same report, made again, is then not recorded twice."""
        context = Context(tenant_id=key[0], actor=actor, correlation_id=new_id())
        (new,) = enveloped(context, (event,), now=now)
        for _ in range(APPEND_TRIES):
            if key not in self._versions:
                if (recorded := await self._recorded_before(key, event)) is not None:
                    return recorded
                found = await self.stored(key)
                if unless(found):
                    return 0
                self._versions[key] = found.version
            try:
                version = await self._append(key, new)
            except VersionConflict:
                continue
            self._recorded(key, event)
            return version
        raise RuntimeError(f"the condition of charger {key[1]} was changed repeatedly by another process")

    async def _append(self, key: ChargerKey, new: NewEvent) -> int:
        version = self._versions[key]
        self._versions[key] = version + 1  # callers that arrive while this one waits append after it
        try:
            await self._commits.append(Append(condition_stream(*key), version, (new,)))
        except VersionConflict:
            self._versions.pop(key, None)
            raise
        except BaseException:
            self._versions.pop(key, None)
            self._doubtful[key] = _Doubtful(new, version)
            raise
        self._doubtful.pop(key, None)
        return version + 1

    async def _recorded_before(self, key: ChargerKey, event: ConditionEvent) -> int | None:
        """Return the version under which the store recorded `event` although its append was reported as failed; None if
        it did not. Raises `StoreUnavailable`."""
        doubtful = self._doubtful.get(key)
        if doubtful is None:
            return None
        later = await self._store.load(condition_stream(*key), after_version=doubtful.after_version)
        for recorded in later:
            if recorded.envelope.event_id == doubtful.new.envelope.event_id:
                self._recorded(key, recorded.event)
                if not _says_the_same(recorded.event, event):
                    return None
                self._versions[key] = later[-1].version
                del self._doubtful[key]
                return recorded.version
        return None

    def _recorded(self, key: ChargerKey, event: ConditionEvent) -> None:
        for listener in self._on_recorded:
            listener(key, event)


def _says_the_same(one: ConditionEvent, other: ConditionEvent) -> bool:
    """Return whether the events are equal apart from the time."""
    return type(one) is type(other) and all(
        getattr(one, each.name) == getattr(other, each.name)
        for each in fields(one)
        if not isinstance(getattr(one, each.name), datetime)
    )
