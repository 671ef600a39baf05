"""The decision path, the follow-up and the loops over ports of which one call fails."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.application.charging_sessions.lost_sessions import LostSessionsWatch
from access_policy.application.charging_sessions.reports import EndReport, EnergyReport, StartReport
from access_policy.application.commands.end_session import EndSessionHandler
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.decision_view.view import TYPES
from access_policy.application.follower import Follower
from access_policy.application.local_lists.updates import LocalListUpdates
from access_policy.application.local_lists.wanted_lists import WantedLists
from access_policy.application.mode_application.reboots import Reboots
from access_policy.application.mode_application.reconcile import Reconciler
from access_policy.application.mode_application.recorder import ModeRecorder
from access_policy.application.mode_application.remote_starts import RemoteStarts
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    SettingsSeen,
    StillWanted,
    Switch,
    Written,
)
from access_policy.application.ports.event_bus import Entry, PublishResult, PublishStatus
from access_policy.application.ports.event_store import Append
from access_policy.application.ports.local_lists import ListSent, ListState, Sent
from access_policy.application.ports.spool import Spooled
from access_policy.application.ports.view_snapshots import ViewState
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.application.presence.gone_gateways import GoneGateways
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.relay.relay import Relay
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.charger_access_policy.events import ChargerAmended
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey, TenantId, VehicleId
from tests.support.depot_in_memory import BAY, BUS, OTHER_BAY, TENANT, DepotInMemory, HashedPseudonyms, settings_of
from tests.support.nth_call import Faults, recorded_in
from tests.support.stores import inline_memory_store

KEY: ChargerKey = (TENANT, BAY)


@dataclass
class ListedSpool:
    """A spool that keeps its rows in memory."""

    rows: list[Spooled] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)
    numbers: int = 0

    async def append(self, appends: Sequence[Append]) -> int:
        self.numbers += 1
        self.rows.append(Spooled(self.numbers, tuple(appends)))
        return self.numbers

    async def oldest(self, limit: int) -> list[Spooled]:
        return self.rows[:limit]

    async def forget(self, up_to: int) -> None:
        self.rows = [row for row in self.rows if row.number > up_to]

    async def set_aside(self, append: Append, reason: str) -> None:
        self.aside[append.events[0].envelope.event_id] = reason


@dataclass
class ObedientCharger:
    """Does what it is asked; the gateway and the charger in one."""

    mode: AccessMode = AccessMode.FREEVEND
    stopped: set[str] = field(default_factory=set)
    started: set[int] = field(default_factory=set)
    is_safe: bool = False
    cache_is_clear: bool = False
    statuses_asked: bool = False
    entries: list[Identifier] = field(default_factory=list)
    version: int = 0

    def commands(self, key: ChargerKey) -> Any:
        return self

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return 1

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        return 1

    def connected_chargers(self) -> list[ChargerKey]:
        return [KEY]

    async def let_serve(self, key: ChargerKey) -> None:
        return

    async def read_switch(self, switch: Switch) -> tuple[AccessMode | None, str]:
        return self.mode, f"switch={self.mode}"

    async def write_switch(self, switch: Switch, mode: AccessMode, wanted: StillWanted) -> Written:
        self.mode = mode
        return Written.IN_FORCE

    async def watch_switch(self, switch: Switch) -> str:
        return "Accepted"

    async def reboot(self) -> str:
        return "Accepted"

    async def clear_cache(self) -> str:
        self.cache_is_clear = True
        return "Accepted"

    async def make_safe(self, offline: OfflineStarts) -> SettingsSeen:
        self.is_safe = True
        return SettingsSeen(in_force={"LocalPreAuthorize": "false"}, refused={})

    async def stop_session(self, transaction_id: str) -> str:
        self.stopped.add(transaction_id)
        return "Accepted"

    async def start_freely(self, connector_id: int) -> str:
        self.started.add(connector_id)
        return "Accepted"

    async def trigger_statuses(self) -> str:
        self.statuses_asked = True
        return "Accepted"

    async def list_state(self) -> ListState:
        return ListState(self.version, 100, 50)

    async def list_version(self) -> int:
        return self.version

    async def send_list(
        self, state: ListState, version: int, identifiers: Sequence[Identifier], ends: Mapping[Identifier, datetime]
    ) -> Sent:
        self.entries, self.version = list(identifiers), version
        return Sent(version, list(identifiers))

    async def remove_from_list(self, state: ListState, version: int, identifiers: Sequence[Identifier]) -> int:
        self.entries = [each for each in self.entries if each not in identifiers]
        self.version = version
        return version


@dataclass
class ListsRemembered:
    kept: dict[ChargerKey, ListSent] = field(default_factory=dict)

    async def latest(self, key: ChargerKey) -> ListSent | None:
        return self.kept.get(key)

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        self.kept[key] = sent


class ReadableBus:
    """The read model of identifiers and the vault, for the one vehicle of the depot."""

    async def sealed_identifiers(self, tenant_id: TenantId, pseudonyms: Collection[str]) -> list[dict[str, Any]]:
        of_bus = HashedPseudonyms().ref(TENANT, BUS).pseudonym
        return [
            {"pseudonym": each, "sealed": BUS.value, "vehicle_id": "bus-7", "kind": BUS.kind}
            for each in pseudonyms
            if each == of_bus
        ]

    async def unseal_many(self, tenant_id: TenantId, sealed: Sequence[tuple[VehicleId, str]]) -> list[str | None]:
        return [value for _, value in sealed]


@dataclass
class Beats:
    counted: dict[str, int] = field(default_factory=dict)

    async def beat(self, name: str) -> None:
        self.counted[name] = self.counted.get(name, 0) + 1

    async def counts(self) -> Mapping[str, int]:
        return dict(self.counted)

    async def forget(self, name: str, *, at_count: int | None = None) -> None:
        if at_count in (None, self.counted.get(name)):
            self.counted.pop(name, None)


@dataclass
class Snapshot:
    kept: ViewState | None = None

    async def latest(self) -> ViewState | None:
        return self.kept

    async def save(self, state: ViewState) -> bool:
        self.kept = state
        return True


@dataclass
class Subscribers:
    """What the bus has taken, each event once however often it came. `refuses`: so many entries are refused first."""

    taken: dict[str, str] = field(default_factory=dict)
    refuses: int = 0

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        outcomes = []
        for entry in entries:
            self.refuses -= 1
            if self.refuses >= 0:
                outcomes.append(PublishResult(PublishStatus.REFUSED, "not now"))
            else:
                self.taken.setdefault(entry.event_id, entry.detail_type)
                outcomes.append(PublishResult(PublishStatus.ACCEPTED))
        return outcomes


class Past:
    """What the read models say after a restart."""

    def __init__(self, world: DepotWorld) -> None:
        self._world = world

    async def connected_chargers(self) -> list[dict[str, Any]]:
        return [{"tenant_id": TENANT, "charger_id": charger} for charger in (BAY, OTHER_BAY)]


class DepotWorld:
    """`spooled`: the decision path records over a spool, as the service does."""

    def __init__(self, faults: Faults, *, spooled: bool = False) -> None:
        self.inner = inline_memory_store()
        self.depot = depot = DepotInMemory(self.inner)
        self.store = store = faults.around("store", self.inner)
        self.spool, self.now_s = ListedSpool(), 0.0
        commits: Any = GroupCommit(store)
        streams: Any = store
        self.spooled = SpooledCommits(store, commits, faults.around("spool", self.spool), depot.view)
        if spooled:
            commits = streams = self.spooled
        view, live, clock, names = depot.view, depot.live, depot.clock, ProfileCatalogue.packaged()
        path = DepotInMemory(store, clock, view, live, streams=streams, commits=commits)
        self.decider, self.sessions = path.decider, path.sessions
        self.announced_transactions = path.announced_transactions
        recorder = path.recorder()
        self.conditions, self.connections = path.conditions(recorder), path.connection_records("here", recorder)
        self.charger = ObedientCharger()
        gateway = faults.around("charger", self.charger, ChargerDidNotAnswer, reliable=frozenset({"let_serve"}))
        self.end_session = EndSessionHandler(self.sessions.ends, streams, gateway)
        self.follow_up = path.follow_up_by(gateway)
        self.remote_starts = RemoteStarts(view, live, names, gateway, clock, monotonic=lambda: self.now_s)
        self.follower = Follower("view", self.inner, view.follow, view.followed_to, types=TYPES, poll_s=0.02)
        facts = ModeRecorder(GroupCommit(store), self.follower, clock)
        self.reconciler = Reconciler(
            view, facts, gateway, names, self.conditions, Reboots(gateway, self.conditions, live), clock
        )
        readable = faults.around("values", ReadableBus())
        sent_before = faults.around("lists sent", ListsRemembered())
        self.lists = LocalListUpdates(view, gateway, WantedLists(view, readable, readable, clock), sent_before, clock)
        self.beats, self.past = Beats({"there": 1}), Past(self)
        self.gone = GoneGateways(
            "here",
            faults.around("heartbeats", self.beats),
            faults.around("views", self.past),  # type: ignore[arg-type]
            self.connections,
            is_gateway=True,
            now_s=lambda: self.now_s,
        )
        self.lost_watch = LostSessionsWatch(
            view, live, self.sessions.lost, lambda key: True, faults.around("views", self.past), clock
        )
        self.snapshot = Snapshot()
        self.keeper = ViewKeeper(view, store, faults.around("snapshots", self.snapshot))
        self.bus, self.positions = Subscribers(), MemoryRelayPositions()
        self.relay = Relay(store, faults.around("bus", self.bus), faults.around("positions", self.positions), clock)
        self.following: asyncio.Task[None] | None = None
        self.parts_done = 0

    def connections_of(self, gateway: str) -> ConnectionRecords:
        return self.depot.connection_records(gateway)

    async def opened(self, profile: str | None = None, **changes: Any) -> DepotWorld:
        """With a depot; `profile` and settings are those of the first bay."""
        await self.depot.opened()
        if profile is not None or changes:
            settings = replace(settings_of(BAY), profile=profile or "ocpp16-central", **changes)
            await self.depot.record(policy_stream(*KEY), 2, (ChargerAmended(charger_id=BAY, settings=settings),))
        return self

    def follow(self) -> None:
        self.following = asyncio.create_task(self.follower.run())

    def start_report(self, presented: Identifier | None, **changes: Any) -> StartReport:
        report = StartReport(
            tenant_id=TENANT,
            charger_id=BAY,
            connector_id=1,
            identifier=presented,
            anonymous=presented is None,
            transaction_ids=("101", "102"),
            started_at=self.depot.clock.now(),
            meter_start_wh=1_000,
            offline=False,
            protocol="ocpp1.6",
            message_id="s-1",
            signals=None,
        )
        return replace(report, **changes)

    def announced(self) -> StartReport:
        """A cable was plugged in, and nothing else is known of the transaction yet."""
        return self.start_report(None, transaction_ids=("101",), meter_start_wh=None, protocol="ocpp2.0.1")

    def end_report(self) -> EndReport:
        return EndReport(
            tenant_id=TENANT,
            charger_id=BAY,
            transaction_id="101",
            ended_at=self.depot.clock.now(),
            meter_stop_wh=9_000,
            reason="Local",
        )

    def energy_report(self) -> EnergyReport:
        return EnergyReport(
            tenant_id=TENANT,
            charger_id=BAY,
            connector_id=1,
            transaction_id="101",
            energy_wh=2_000,
            charging=True,
            at=self.depot.clock.now(),
        )

    async def look_at_charges(self) -> None:
        for stop in self.follow_up._stops.values():
            stop.due = 0.0
        self.follow_up.check()
        await self.follow_up.finish()

    async def look_at_plugs(self) -> None:
        self.now_s += 60
        self.remote_starts.check()
        await self.remote_starts.finish()

    async def facts(self) -> Any:
        live, application = self.depot.live, self.depot.view.charger(*KEY).policy.application
        return {
            "streams": await recorded_in(self.inner),
            "spool": len(self.spool.rows),
            "sessions": [
                [key[1], each.transaction_id, each.attempt_id, each.decision, each.not_honoured]
                for key, each in live.all_sessions()
            ],
            "open attempts": [each.attempt_id for each in live._open.values()],
            "denials": {str(key): denials for key, denials in live._denials.items()},
            "errors": {key[1]: errors for key, errors in self.conditions._errors.items() if errors},
            "charger": [self.charger.mode, self.charger.is_safe, self.charger.cache_is_clear],
            "asked": [sorted(self.charger.stopped), sorted(self.charger.started), self.charger.statuses_asked],
            "list": [str(each) for each in self.charger.entries],
            "applied": [
                application.applied_mode,
                application.requested_mode,
                application.failure,
                application.drift_found,
            ],
            "beats": sorted(self.beats.counted),
            "snapshot": None if self.snapshot.kept is None else self.snapshot.kept.position,
            "published": sorted(self.bus.taken.values()),
            "published up to": await self.positions.position(),
            "held": [str(each.stream) for each in await self.positions.held()],
        }

    async def close(self) -> None:
        if self.following is not None:
            self.following.cancel()
            await asyncio.gather(self.following, return_exceptions=True)
        await self.inner.close()
