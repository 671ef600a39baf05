"""The gateway of connected chargers, and the loops that act on them: modes, follow-up, displays, local lists."""

from __future__ import annotations

import operator
import time
from functools import partial
from pathlib import Path

from dependency_injector import containers, providers

from access_policy.adapters.local_files.tls_files import TlsFiles
from access_policy.adapters.ocpp.gateway.gateway import OcppGateway
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.operator_calls.calling import OperatorCalls
from access_policy.application.charger_events import ChargerEventDispatcher
from access_policy.application.charger_reservations.holders import HolderIdentifiers
from access_policy.application.charger_reservations.keeper import ReservationKeeper
from access_policy.application.charger_reservations.reconcile import ReservationReconciler
from access_policy.application.charging_sessions.lost_sessions import LostSessionsWatch
from access_policy.application.consequences.denial_follow_up import FollowUp
from access_policy.application.consequences.driver_display import DriverDisplay
from access_policy.application.follower import Follower
from access_policy.application.local_lists.keeper import LocalListKeeper
from access_policy.application.local_lists.updates import LocalListUpdates
from access_policy.application.local_lists.wanted_lists import WantedLists
from access_policy.application.mode_application.controller import ControllerTimings, ModeController
from access_policy.application.mode_application.reboots import Reboots
from access_policy.application.mode_application.reconcile import Reconciler
from access_policy.application.mode_application.recorder import ModeRecorder
from access_policy.application.mode_application.remote_starts import RemoteStarts
from access_policy.application.ports.clock import Clock
from access_policy.application.presence.gone_gateways import GoneGateways
from access_policy.application.presence.other_gateways import TYPES as other_gateways_types  # noqa: N811
from access_policy.application.presence.other_gateways import OtherGateways
from access_policy.application.reservation_lifecycle.holder_charges import TYPES as holder_charge_types  # noqa: N811
from access_policy.application.reservation_lifecycle.holder_charges import HolderCharges
from access_policy.application.reservation_lifecycle.recorder import OutcomeRecorder
from access_policy.application.site_energy.keeper import EnergyKeeper
from access_policy.application.site_energy.metering import Metering
from access_policy.process_roles import ProcessRole
from access_policy.settings import Settings
from access_policy.settings_values import HostPort


def requires_passwords(listening: HostPort) -> bool:
    """Chargers need no password if only this machine can connect."""
    return not listening.is_loopback


def tls_kind(certificate: Path | None) -> str:
    return "none" if certificate is None else "files"


def subscribed(
    events: ChargerEventDispatcher,
    controller: ModeController,
    follow_up: FollowUp,
    remote_starts: RemoteStarts,
    display: DriverDisplay,
    reservations: ReservationKeeper,
    metering: Metering,
) -> ChargerEventDispatcher:
    """Subscribe the parts that act on chargers' events. Remote starts come before the mode controller."""
    events.on_connected(lambda key, _: remote_starts.connected(key))
    events.on_connected(controller.trigger)
    events.on_drift(partial(controller.trigger, read_back=True))
    events.on_energy(follow_up.energy)
    events.on_energy(metering.energy)
    events.on_plug(remote_starts.plug_seen)
    events.on_decision(display.decided)
    events.on_connected(lambda key, _: reservations.trigger(key))
    events.on_plug(reservations.plug_seen)
    events.on_reservation_ended(reservations.ended)
    return events


class Chargers(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Dependency[Clock] = providers.Dependency()
    charger_events: providers.Dependency[ChargerEventDispatcher] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    read_side = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()

    handler_dependencies = providers.Singleton(
        HandlerDependencies,
        view=deciding.view,
        decider=deciding.decider,
        decisions=deciding.decisions,
        recent_activity=deciding.recent_activity,
        sessions=deciding.sessions,
        announced_transactions=deciding.announced_transactions,
        conditions=deciding.conditions,
        profiles=deciding.profiles,
        clock=clock,
        mode_trigger=charger_events.provided.connected,
        switch_moved=charger_events.provided.drift_reported,
        energy=charger_events.provided.energy_reported,
        plug_seen=charger_events.provided.plug_changed,
        reservation_ended=charger_events.provided.reservation_ended,
    )
    tls: providers.Selector[TlsFiles | None] = providers.Selector(
        providers.Callable(tls_kind, settings.provided.ocpp_tls_certificate),
        none=providers.Object(None),
        files=providers.Singleton(
            TlsFiles,
            settings.provided.ocpp_tls_certificate,
            settings.provided.ocpp_tls_key,
            settings.provided.ocpp_tls_client_ca,
        ),
    )
    gateway = providers.Singleton(
        OcppGateway,
        handler_dependencies,
        deciding.connection_records,
        records.credentials,
        requires_passwords=providers.Callable(requires_passwords, settings.provided.ocpp),
        traces=stores.traces,
    )
    connections = providers.Singleton(operator.attrgetter("connections"), gateway)
    operator_calls = providers.Singleton(OperatorCalls, connections)
    frames = providers.Singleton(operator.attrgetter("frames"), gateway)

    # --- other gateways ----------------------------------------------------------------------------------------------
    other_gateways = providers.Singleton(
        OtherGateways,
        settings.provided.instance,
        deciding.recent_activity,
        connections.provided.connected,
        gateway.provided.ownership.connected_to_another,
        gateway.provided.ownership.given_up,
    )
    other_gateways_follower = providers.Singleton(
        Follower,
        "other gateways",
        stores.store,
        other_gateways.provided.follow,
        other_gateways.provided.followed_to,
        types=other_gateways_types,
        poll_s=stores.poll_s,
    )
    gone_gateways = providers.Singleton(
        GoneGateways,
        settings.provided.instance,
        records.heartbeats,
        read_side.views,
        deciding.connection_records,
        is_gateway=providers.Callable(operator.contains, settings.provided.roles, ProcessRole.GATEWAY),
        now_s=time.monotonic,
    )

    # --- consequences of decisions -----------------------------------------------------------------------------------
    follow_up = providers.Singleton(
        FollowUp,
        deciding.view,
        deciding.decisions.provided.inputs,
        deciding.recent_activity,
        deciding.spooled_commits,
        deciding.spooled_commits,
        connections,
        clock,
    )
    lost_sessions = providers.Singleton(
        LostSessionsWatch,
        deciding.view,
        deciding.recent_activity,
        deciding.sessions.provided.lost,
        connections.provided.connected,
        read_side.views,
        clock,
    )
    driver_display = providers.Singleton(
        DriverDisplay,
        deciding.view,
        deciding.profiles,
        connections,
        deciding.spooled_commits,
        deciding.spooled_commits,
        clock,
    )
    wanted_lists = providers.Singleton(WantedLists, deciding.view, read_side.views, records.vault, clock)
    list_updates = providers.Singleton(
        LocalListUpdates, deciding.view, connections, wanted_lists, records.lists_sent, clock
    )
    local_lists = providers.Singleton(LocalListKeeper, deciding.view, connections, wanted_lists, list_updates)

    # --- reservations ------------------------------------------------------------------------------------------------
    holder_identifiers = providers.Singleton(HolderIdentifiers, deciding.view, read_side.views, records.vault)
    reservation_reconciler = providers.Singleton(
        ReservationReconciler,
        deciding.view,
        deciding.recent_activity,
        connections,
        holder_identifiers,
        deciding.conditions,
        deciding.profiles,
        clock,
    )
    reservations = providers.Singleton(ReservationKeeper, deciding.view, connections, reservation_reconciler, clock)

    # --- outcomes of reservations ----------------------------------------------------------------------------------------
    holder_charges = providers.Singleton(HolderCharges)
    holder_charges_follower = providers.Singleton(
        Follower,
        "charges of holders",
        stores.store,
        holder_charges.provided.follow,
        holder_charges.provided.followed_to,
        types=holder_charge_types,
        poll_s=stores.poll_s,
    )
    reservation_outcomes = providers.Singleton(
        OutcomeRecorder,
        deciding.view,
        deciding.books,
        holder_charges,
        holder_charges_follower,
        stores.store,
        clock,
    )

    # --- effects of energy on access -------------------------------------------------------------------------------------
    metering = providers.Singleton(Metering, deciding.view, deciding.recent_activity, deciding.sites, clock)
    energy_keeper = providers.Singleton(EnergyKeeper, deciding.view, deciding.energy_gates, deciding.sites, clock)

    # --- mode application --------------------------------------------------------------------------------------------
    remote_starts = providers.Singleton(
        RemoteStarts, deciding.view, deciding.recent_activity, deciding.profiles, connections, clock
    )
    mode_recorder = providers.Singleton(ModeRecorder, deciding.commits, deciding.follower, clock)
    reboots = providers.Singleton(Reboots, connections, deciding.conditions, deciding.recent_activity)
    reconciler = providers.Singleton(
        Reconciler, deciding.view, mode_recorder, connections, deciding.profiles, deciding.conditions, reboots, clock
    )
    mode_controller = providers.Singleton(
        ModeController,
        deciding.view,
        reconciler,
        clock,
        providers.Factory(ControllerTimings, resync_s=settings.provided.mode_resync_s),
    )

    subscriptions = providers.Singleton(
        subscribed, charger_events, mode_controller, follow_up, remote_starts, driver_display, reservations, metering
    )
