"""The decision path: the view in memory, the decider, and the durable record of its decisions."""

from __future__ import annotations

from pathlib import Path

from dependency_injector import containers, providers

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.adapters.local_files.view_snapshots import FileViewSnapshots
from access_policy.adapters.ocpp.driver_texts.catalogue import DriverTexts
from access_policy.adapters.ocpp.driver_texts.text_only import TextOnly
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.application.charger_events import ChargerEventDispatcher
from access_policy.application.charging_sessions.announced_transactions import AnnouncedTransactions
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.effects import DecisionEffects
from access_policy.application.deciding.entrance_decider import EntranceDecider
from access_policy.application.deciding.entrance_decisions import EntranceDecisions
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.narrowing import Narrowing
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.decision_view.view import TYPES, DecisionView
from access_policy.application.follower import Follower
from access_policy.application.freevend_tags import FreevendTags
from access_policy.application.measurements import Measurements
from access_policy.application.notices.watch import NoticeWatch
from access_policy.application.ports.clock import Clock
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.presence.condition_recorder import ConditionRecorder
from access_policy.application.presence.connection_records import ConnectionRecords
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.application.site_energy.gates import EnergyGates
from access_policy.application.tracing import traced_commits, traced_decisions
from access_policy.settings import Settings


class Deciding(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    charger_events: providers.Dependency[ChargerEventDispatcher] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()

    view = providers.Singleton(DecisionView)
    follower = providers.Singleton(
        Follower,
        "decision view",
        stores.store,
        view.provided.follow,
        view.provided.followed_to,
        types=TYPES,
        poll_s=stores.poll_s,
    )
    keeper = providers.Singleton(
        ViewKeeper,
        view,
        stores.store,
        providers.Singleton(FileViewSnapshots, providers.Callable(Path, settings.provided.own_data, "view.snapshot")),
    )
    profiles = providers.Singleton(ProfileCatalogue.packaged, view.provided.operators_profiles)
    freevend_tags = providers.Singleton(FreevendTags, profiles)
    recent_activity = providers.Singleton(RecentActivity)
    policies = providers.Singleton(ChargerAccessPolicies, stores.store, view)
    books = providers.Singleton(ReservationBooks, stores.store, view)
    sites = providers.Singleton(SiteEnergies, stores.store, view)
    energy_gates = providers.Singleton(EnergyGates, view, recent_activity, clock)
    narrowing = providers.Singleton(Narrowing, view, energy_gates, clock)

    measurements = providers.Singleton(Measurements)
    commits = providers.Singleton(GroupCommit, stores.store, committed=measurements.provided.committed)
    spool = providers.Resource(SqliteSpool, providers.Callable(Path, settings.provided.own_data, "spool.sqlite"))
    spooled_commits = providers.Singleton(
        SpooledCommits,
        stores.store,
        commits,
        spool,
        view,
        committed=measurements.provided.committed,
    )

    identifiers = providers.Singleton(IdentifierResolver, view, stores.pseudonyms)
    decisions = providers.Singleton(DecisionMaker, view, recent_activity, identifiers, energy_gates)
    traced_decisions = providers.Singleton(traced_decisions, decisions, stores.traces)
    traced_commits = providers.Singleton(traced_commits, spooled_commits, stores.traces)
    effects = providers.Singleton(
        DecisionEffects,
        recent_activity,
        spooled_commits,
        records.unknown_identifiers,
        charger_events.provided.decided,
    )
    decider = providers.Singleton(
        AttemptDecider,
        view,
        recent_activity,
        spooled_commits,
        traced_commits,
        identifiers,
        traced_decisions,
        effects,
        clock,
        measurements,
    )
    entrance_decisions = providers.Singleton(
        EntranceDecisions, view, recent_activity, identifiers, decisions.provided.inputs
    )
    entrance_decider = providers.Singleton(
        EntranceDecider,
        recent_activity,
        spooled_commits,
        traced_commits,
        entrance_decisions,
        records.unknown_identifiers,
        clock,
        measurements,
    )
    entrance_signals = providers.Singleton(TextOnly, providers.Callable(DriverTexts.packaged))
    sessions = providers.Singleton(
        Sessions,
        view,
        recent_activity,
        spooled_commits,
        spooled_commits,
        policies,
        identifiers,
        decisions,
        effects,
        clock,
        charger_events.provided.drift_reported,
    )
    announced_transactions = providers.Singleton(
        AnnouncedTransactions, recent_activity, spooled_commits, spooled_commits, sessions, clock
    )
    condition_recorder = providers.Singleton(ConditionRecorder, view, spooled_commits, spooled_commits)
    connection_records = providers.Singleton(
        ConnectionRecords, condition_recorder, clock, gateway=settings.provided.instance
    )
    conditions = providers.Singleton(ChargerConditions, view, recent_activity, condition_recorder, profiles, clock)
    notices = providers.Singleton(NoticeWatch, view, stores.store, clock)
