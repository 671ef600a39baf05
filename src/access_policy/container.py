"""The one place that knows every adapter: what is made of what (dependency-injector). Business code never imports it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dependency_injector import containers, providers

from access_policy.adapters.clock import SystemClock
from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.event_intake.sqs import SqsIntake
from access_policy.adapters.event_stores.opening import is_in_use, open_event_store
from access_policy.adapters.identity.embedded import open_embedded_tokens
from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.adapters.local_files.view_snapshots import FileViewSnapshots
from access_policy.adapters.ocpp.gateway import OcppGateway
from access_policy.adapters.ocpp.incoming.station import HandlerDependencies
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.ocpp.transport.tls import TlsFiles
from access_policy.adapters.read_models.progress import ReadModelProgress
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.adapters.records.charger_credentials import SqlChargerCredentials
from access_policy.adapters.records.heartbeats import SqlHeartbeats
from access_policy.adapters.records.idempotency import SqlIdempotencyRecords
from access_policy.adapters.records.import_plans import SqlImportPlans
from access_policy.adapters.records.intake import SqlIntakeRecords
from access_policy.adapters.records.key_check import require_same_keys
from access_policy.adapters.records.lists_sent import SqlListsSent
from access_policy.adapters.records.relay_positions import MemoryRelayPositions, SqlRelayPositions
from access_policy.adapters.records.unknown_identifiers import SqlUnknownIdentifiers
from access_policy.adapters.records.vehicle_vault import SqlVehicleVault
from access_policy.adapters.secrets.key_files import Keys, open_keys
from access_policy.adapters.secrets.pseudonyms import HmacPseudonyms
from access_policy.adapters.secrets.remembered_credentials import RememberedCredentials
from access_policy.application.charging_sessions.lost_sessions import LostSessionsWatch
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.commands.add_exception import AddExceptionHandler
from access_policy.application.commands.amend_mode_rule import AmendModeRuleHandler
from access_policy.application.commands.arm_enrolment import ArmEnrolmentHandler, CancelEnrolmentHandler
from access_policy.application.commands.copy_policy import CopyPolicyHandler
from access_policy.application.commands.end_agreement import EndAgreementHandler
from access_policy.application.commands.end_session import EndSessionHandler
from access_policy.application.commands.enrol_identifier import EnrolIdentifierHandler
from access_policy.application.commands.lift_override import LiftOverrideHandler
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.commands.override_mode import OverrideModeHandler
from access_policy.application.commands.put_agreement import PutAgreementHandler
from access_policy.application.commands.put_calendar import PutCalendarHandler
from access_policy.application.commands.put_charger import PutChargerHandler
from access_policy.application.commands.put_depot import PutDepotHandler
from access_policy.application.commands.put_profile import (
    OperatorsProfiles,
    PutProfileHandler,
    RemoveProfileHandler,
)
from access_policy.application.commands.put_vehicle import PutVehicleHandler
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicleHandler
from access_policy.application.commands.remove_calendar import RemoveCalendarHandler
from access_policy.application.commands.remove_exception import RemoveExceptionHandler
from access_policy.application.commands.remove_vehicle import RemoveVehicleHandler
from access_policy.application.commands.retire_charger import RetireChargerHandler
from access_policy.application.commands.rotate_password import RotatePasswordHandler
from access_policy.application.commands.schedule_mode import ScheduleModeHandler
from access_policy.application.commands.schedule_mode_for_many import ScheduleModeForManyHandler
from access_policy.application.commands.suspend_vehicle import SuspendVehicleHandler
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRuleHandler
from access_policy.application.consequences.denial_follow_up import FollowUp
from access_policy.application.consequences.driver_display import DriverDisplay
from access_policy.application.deciding.attempts import EnergyReport
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.decision_view.recent_activity import ChargerKey, RecentActivity
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.decision_view.view import TYPES, DecisionView
from access_policy.application.follower import Follower
from access_policy.application.freevend_tags import FreevendTags
from access_policy.application.intake.receiving import Intake
from access_policy.application.local_lists.keeper import LocalListKeeper
from access_policy.application.measurements import Measurements
from access_policy.application.mode_application.controller import ModeController, Pace
from access_policy.application.mode_application.reboots import Reboots
from access_policy.application.mode_application.reconcile import Reconciler
from access_policy.application.mode_application.recorder import ModeRecorder
from access_policy.application.mode_application.remote_starts import RemoteStarts
from access_policy.application.ports.event_bus import EventBus
from access_policy.application.ports.event_intake import EventIntake
from access_policy.application.ports.relay_positions import RelayPositions
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.application.presence.gone_gateways import GoneGateways
from access_policy.application.presence.other_gateways import TYPES as other_gateways_types  # noqa: N811
from access_policy.application.presence.other_gateways import OtherGateways
from access_policy.application.queries.access_report import AccessReports
from access_policy.application.queries.explained_attempt import ExplainedAttempts
from access_policy.application.queries.mode_compliance import ModeCompliance
from access_policy.application.queries.probe import Probe
from access_policy.application.queries.registry_export import RegistryExport
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.application.relay.relay import Relay
from access_policy.application.repositories.charge_point_claims import ChargePointClaims
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.application.repositories.enrolment_sessions import EnrolmentSessions
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.retrying import retrying
from access_policy.application.what_if.replay import WhatIf
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.settings import ProcessRole, Settings, host_and_port, is_loopback

ALONE_POLL_S = 0.25
SHARED_POLL_S = 0.1  # a change of policy or registry is to be known to every gateway in a quarter of a second


def open_data_directory(settings: Settings) -> Keys:
    """The keys in the data directory. New ones are made only beside a store that is new as well: a store whose keys
    are lost must not be opened with others, nor a database that another machine uses with others."""
    settings.own_data.mkdir(parents=True, exist_ok=True)
    keys = open_keys(settings.data / "keys", may_create=not is_in_use(settings.store_location))
    if isinstance(place := settings.records_location, str):
        require_same_keys(place, keys)
    return keys


def _poll_s(settings: Settings) -> float:
    """How often the log is looked at for what other processes append; what this one appends is heard of at once."""
    return ALONE_POLL_S if settings.is_alone else SHARED_POLL_S


def _tls_files(settings: Settings) -> TlsFiles | None:
    if settings.ocpp_tls_certificate is None or settings.ocpp_tls_key is None:
        return None
    return TlsFiles(settings.ocpp_tls_certificate, settings.ocpp_tls_key, settings.ocpp_tls_client_ca)


def _bus(settings: Settings) -> EventBus:
    return EventBridgeBus(settings.bus_url) if settings.publishes_externally else InProcessBus()


def _records(settings: Settings, name: str) -> Path | str:
    """A file of that name, or the database of all records."""
    place = settings.records_location
    return place / f"{name}.sqlite" if isinstance(place, Path) else place


def _relay_positions(settings: Settings) -> RelayPositions:
    if not settings.publishes_externally:
        return MemoryRelayPositions()
    return SqlRelayPositions(_records(settings, "relay"), settings.bus_url.partition("?")[0])


def _queue(settings: Settings, intake: EventIntake) -> SqsIntake | None:
    return SqsIntake(settings.intake_url, intake) if settings.intake_url else None


def _asks_for_passwords(address: str) -> bool:
    return not is_loopback(host_and_port(address)[0])


class Closes(Protocol):
    async def close(self) -> None: ...


class Opened:
    """What was made and has to be closed. What nobody asked for is not made at the end in order to close it."""

    def __init__(self) -> None:
        self._parts: list[Closes] = []

    def add(self, part: Closes) -> None:
        self._parts.append(part)

    async def close(self) -> None:
        """The latest first, each of them also where another one fails."""
        async with AsyncExitStack() as closing:
            for part in self._parts:
                closing.push_async_callback(part.close)


_Part = TypeVar("_Part", bound="Closes | None")


def _opening(make: Callable[..., _Part]) -> Callable[..., _Part]:
    """`make`, with what it makes added to `opened`, which it is given first."""

    def made(opened: Opened, *parts: Any) -> _Part:
        part = make(*parts)
        if part is not None:
            opened.add(part)
        return part

    return made


class Container(containers.DeclarativeContainer):
    settings = providers.Dependency(instance_of=Settings)
    opened = providers.Singleton(Opened)

    # --- the outside world -------------------------------------------------------------------------------------------
    clock = providers.Singleton(SystemClock)
    keys = providers.Singleton(open_data_directory, settings)
    store = providers.Singleton(_opening(lambda keys, s: open_event_store(s.store_location)), opened, keys, settings)
    pseudonyms = providers.Singleton(lambda keys: HmacPseudonyms(keys.pseudonyms), keys)
    vault = providers.Singleton(
        _opening(lambda keys, s: SqlVehicleVault(_records(s, "vault"), keys.vault)), opened, keys, settings
    )
    unknown_identifiers = providers.Singleton(
        _opening(
            lambda keys, s: SqlUnknownIdentifiers(
                _records(s, "unknown_identifiers"), keys.vault, retention=timedelta(days=s.unknown_identifier_days)
            )
        ),
        opened,
        keys,
        settings,
    )
    credentials = providers.Singleton(
        _opening(
            lambda keys, s: RememberedCredentials(
                SqlChargerCredentials(_records(s, "credentials"), keys.charger_passwords)
            )
        ),
        opened,
        keys,
        settings,
    )
    decision_view = providers.Singleton(DecisionView)
    profiles = providers.Singleton(ProfileCatalogue.packaged, decision_view.provided.operators_profiles)
    freevend_tags = providers.Singleton(FreevendTags, profiles)
    tokens = providers.Singleton(lambda clock, s: open_embedded_tokens(s.data / "keys", clock), clock, settings)
    idempotency = providers.Singleton(
        _opening(lambda keys, s: SqlIdempotencyRecords(_records(s, "idempotency"), keys.vault)), opened, keys, settings
    )
    import_plans = providers.Singleton(
        _opening(lambda keys, s: SqlImportPlans(_records(s, "import_plans"), keys.vault)), opened, keys, settings
    )

    # --- the read side -----------------------------------------------------------------------------------------------
    read_models = providers.Singleton(_opening(lambda s: ReadModels(s.read_models_location)), opened, settings)
    views = providers.Singleton(lambda models: SqlViews(models.engine), read_models)
    read_model_progress = providers.Singleton(ReadModelProgress, store, read_models)
    read_models_follower = providers.Singleton(
        lambda store, models: Follower(
            "read models", store, models.follow, models.followed_to, types=models.types, with_unreadable=True
        ),
        store,
        read_models,
    )

    # --- the decision path -------------------------------------------------------------------------------------------
    decision_follower = providers.Singleton(
        lambda store, view, s: Follower(
            "decision view", store, view.follow, view.followed_to, types=TYPES, poll_s=_poll_s(s)
        ),
        store,
        decision_view,
        settings,
    )
    view_keeper = providers.Singleton(
        lambda view, store, s: ViewKeeper(view, store, FileViewSnapshots(s.own_data / "view.snapshot")),
        decision_view,
        store,
        settings,
    )
    live = providers.Singleton(RecentActivity)
    measurements = providers.Singleton(Measurements)
    commits = providers.Singleton(GroupCommit, store, committed=measurements.provided.committed)
    spool = providers.Singleton(_opening(lambda s: SqliteSpool(s.own_data / "spool.sqlite")), opened, settings)
    spooled_commits = providers.Singleton(
        SpooledCommits, store, commits, spool, decision_view, committed=measurements.provided.committed
    )
    policies = providers.Singleton(ChargerAccessPolicies, store, decision_view)
    mode_hints = providers.Singleton(lambda: ModeHints())
    desk = providers.Singleton(
        AttemptDecider,
        decision_view,
        live,
        spooled_commits,
        spooled_commits,
        pseudonyms,
        clock,
        unknown_identifiers,
        mode_hints.provided.decided,
        measurements,
    )
    explained_attempts = providers.Singleton(ExplainedAttempts, store, policies, decision_view)
    access_reports = providers.Singleton(lambda views, view: AccessReports(views, view.zone_of), views, decision_view)
    mode_compliance = providers.Singleton(ModeCompliance, store, views, profiles, clock)
    what_if = providers.Singleton(WhatIf, decision_view, views, pseudonyms, clock, profiles)
    conditions = providers.Singleton(
        lambda *parts, s: ChargerConditions(*parts, gateway=s.instance),
        decision_view,
        live,
        spooled_commits,
        spooled_commits,
        profiles,
        clock,
        s=settings,
    )

    # --- mode control and chargers -----------------------------------------------------------------------------------
    sessions = providers.Singleton(
        Sessions, desk, live, spooled_commits, spooled_commits, policies, clock, mode_hints.provided.drift_seen
    )
    desks = providers.Singleton(
        lambda hints, **parts: HandlerDependencies(
            **parts,
            mode_hint=hints.look_at,
            switch_moved=hints.drift_seen,
            energy=hints.energy_seen,
            plug_seen=hints.plug_seen,
        ),
        mode_hints,
        view=decision_view,
        desk=desk,
        sessions=sessions,
        conditions=conditions,
        profiles=profiles,
        clock=clock,
    )
    tls = providers.Singleton(_tls_files, settings)
    gateway = providers.Singleton(
        lambda desks, credentials, s: OcppGateway(desks, credentials, asks_for_passwords=_asks_for_passwords(s.ocpp)),
        desks,
        credentials,
        settings,
    )
    other_gateways = providers.Singleton(
        lambda live, gateway, s: OtherGateways(
            s.instance, live, gateway.connected, gateway.connected_elsewhere, gateway.given_up
        ),
        live,
        gateway,
        settings,
    )
    other_gateways_follower = providers.Singleton(
        lambda store, others, s: Follower(
            "other gateways",
            store,
            others.follow,
            others.followed_to,
            types=other_gateways_types,
            poll_s=_poll_s(s),
        ),
        store,
        other_gateways,
        settings,
    )
    heartbeats = providers.Singleton(_opening(lambda s: SqlHeartbeats(_records(s, "heartbeats"))), opened, settings)
    gone_gateways = providers.Singleton(
        lambda *parts, s: GoneGateways(
            s.instance, *parts, is_gateway=ProcessRole.GATEWAY in s.process_roles, now_s=time.monotonic
        ),
        heartbeats,
        views,
        conditions,
        s=settings,
    )
    follow_up = providers.Singleton(
        lambda hints, *parts: hints.followed_up_by(FollowUp(*parts)),
        mode_hints,
        decision_view,
        desk,
        live,
        spooled_commits,
        spooled_commits,
        gateway,
        clock,
    )
    lost_sessions = providers.Singleton(
        lambda view, live, sessions, gateway, views, clock: LostSessionsWatch(
            view, live, sessions.lost, gateway.connected, views, clock
        ),
        decision_view,
        live,
        sessions,
        gateway,
        views,
        clock,
    )
    remote_starts = providers.Singleton(
        lambda hints, *parts: hints.started_by(RemoteStarts(*parts)),
        mode_hints,
        decision_view,
        live,
        profiles,
        gateway,
        clock,
    )
    driver_display = providers.Singleton(
        lambda hints, *parts: hints.displayed_by(DriverDisplay(*parts)),
        mode_hints,
        decision_view,
        profiles,
        gateway,
        spooled_commits,
        spooled_commits,
        clock,
    )
    lists_sent = providers.Singleton(_opening(lambda s: SqlListsSent(_records(s, "local_lists"))), opened, settings)
    local_lists = providers.Singleton(LocalListKeeper, decision_view, gateway, views, vault, lists_sent, clock)
    mode_recorder = providers.Singleton(ModeRecorder, commits, decision_follower, clock)
    reboots = providers.Singleton(Reboots, gateway, conditions, live)
    reconciler = providers.Singleton(
        Reconciler, decision_view, mode_recorder, gateway, profiles, conditions, reboots, clock
    )
    mode_controller = providers.Singleton(
        lambda hints, view, reconciler, clock, s: hints.to(
            ModeController(view, reconciler, clock, Pace(resync_s=s.mode_resync_s))
        ),
        mode_hints,
        decision_view,
        reconciler,
        clock,
        settings,
    )

    # --- commands: each runs again when it loses a race ------------------------------------------------------------------
    depots = providers.Singleton(Depots, store)
    claims = providers.Singleton(ChargePointClaims, store)
    registries = providers.Singleton(VehicleRegistries, store, decision_view)
    change_policy = providers.Singleton(ChangePolicy, policies, clock)
    change_registry = providers.Singleton(ChangeRegistry, registries, clock)
    chargers_follow = providers.Singleton(ChargersFollow, depots, policies, decision_view, clock)
    put_depot = providers.Singleton(retrying, providers.Singleton(PutDepotHandler, depots, chargers_follow, clock))
    put_calendar = providers.Singleton(
        retrying, providers.Singleton(PutCalendarHandler, depots, chargers_follow, clock)
    )
    remove_calendar = providers.Singleton(
        retrying,
        providers.Singleton(RemoveCalendarHandler, depots, policies, decision_view, chargers_follow, clock),
    )
    operators_profiles = providers.Singleton(OperatorsProfiles, store, clock)
    put_profile = providers.Singleton(retrying, providers.Singleton(PutProfileHandler, operators_profiles, profiles))
    remove_profile = providers.Singleton(
        retrying, providers.Singleton(RemoveProfileHandler, operators_profiles, profiles, decision_view)
    )
    put_charger = providers.Singleton(
        retrying, providers.Singleton(PutChargerHandler, policies, depots, claims, profiles, credentials, clock)
    )
    retire_charger = providers.Singleton(
        retrying, providers.Singleton(RetireChargerHandler, policies, claims, credentials, clock)
    )
    probe = providers.Singleton(Probe, decision_view, profiles, gateway, views)
    rotate_password = providers.Singleton(RotatePasswordHandler, policies, credentials, gateway, conditions)
    schedule_mode = providers.Singleton(retrying, providers.Singleton(ScheduleModeHandler, change_policy))
    schedule_mode_for_many = providers.Singleton(
        ScheduleModeForManyHandler,
        providers.Singleton(ScheduleModeHandler, change_policy),
        policies,
        depots,
        decision_view,
        clock,
    )
    copy_policy = providers.Singleton(CopyPolicyHandler, change_policy, decision_view)
    amend_mode_rule = providers.Singleton(retrying, providers.Singleton(AmendModeRuleHandler, change_policy))
    withdraw_mode_rule = providers.Singleton(retrying, providers.Singleton(WithdrawModeRuleHandler, change_policy))
    add_exception = providers.Singleton(retrying, providers.Singleton(AddExceptionHandler, change_policy))
    remove_exception = providers.Singleton(retrying, providers.Singleton(RemoveExceptionHandler, change_policy))
    override_mode = providers.Singleton(retrying, providers.Singleton(OverrideModeHandler, change_policy, depots))
    lift_override = providers.Singleton(retrying, providers.Singleton(LiftOverrideHandler, change_policy))
    put_vehicle = providers.Singleton(
        retrying, providers.Singleton(PutVehicleHandler, registries, pseudonyms, vault, clock, freevend_tags)
    )
    plan_applier = providers.Singleton(PlanApplier, registries, store, import_plans, vault, clock)
    registry_imports = providers.Singleton(
        _opening(RegistryImports),
        opened,
        registries,
        import_plans,
        pseudonyms,
        plan_applier,
        clock,
        freevend_tags,
    )
    registry_export = providers.Singleton(RegistryExport, views, vault, store, read_models.provided.followed_to)
    suspend_vehicle = providers.Singleton(retrying, providers.Singleton(SuspendVehicleHandler, change_registry))
    reinstate_vehicle = providers.Singleton(retrying, providers.Singleton(ReinstateVehicleHandler, change_registry))
    remove_vehicle = providers.Singleton(retrying, providers.Singleton(RemoveVehicleHandler, change_registry, vault))
    enrol_identifier = providers.Singleton(
        retrying,
        providers.Singleton(
            EnrolIdentifierHandler, registries, unknown_identifiers, pseudonyms, vault, views, clock, freevend_tags
        ),
    )
    enrolment_sessions = providers.Singleton(EnrolmentSessions, store)
    arm_enrolment = providers.Singleton(
        retrying, providers.Singleton(ArmEnrolmentHandler, enrolment_sessions, policies, clock, profiles)
    )
    cancel_enrolment = providers.Singleton(
        retrying, providers.Singleton(CancelEnrolmentHandler, enrolment_sessions, policies, clock)
    )
    end_session = providers.Singleton(EndSessionHandler, sessions.provided.ends, spooled_commits, gateway)
    put_agreement = providers.Singleton(retrying, providers.Singleton(PutAgreementHandler, change_registry))
    end_agreement = providers.Singleton(retrying, providers.Singleton(EndAgreementHandler, change_registry))

    # --- events out and in -------------------------------------------------------------------------------------------
    bus = providers.Singleton(_opening(_bus), opened, settings)
    relay_positions = providers.Singleton(_opening(_relay_positions), opened, settings)
    relay = providers.Singleton(
        lambda *parts, s: Relay(*parts, holder=s.instance or "/", poll_s=_poll_s(s)),
        store,
        bus,
        relay_positions,
        clock,
        s=settings,
    )
    intake_records = providers.Singleton(_opening(lambda s: SqlIntakeRecords(_records(s, "intake"))), opened, settings)
    intake = providers.Singleton(Intake, intake_records, registries, clock, put_vehicle, remove_vehicle, put_agreement)
    intake_queue = providers.Singleton(_opening(_queue), opened, settings, intake)


class ModeHints:
    """Breaks the circle between the gateway, which gives hints, and those who take them and use it: the mode controller,
    the follow-up, the starts from afar and the displays."""

    def __init__(self) -> None:
        self._controller: ModeController | None = None
        self._follow_up: FollowUp | None = None
        self._remote_starts: RemoteStarts | None = None
        self._display: DriverDisplay | None = None

    def followed_up_by(self, follow_up: FollowUp) -> FollowUp:
        self._follow_up = follow_up
        return follow_up

    def displayed_by(self, display: DriverDisplay) -> DriverDisplay:
        self._display = display
        return display

    def decided(self, key: ChargerKey, event: AccessAllowed | AccessDenied) -> None:
        if self._display is not None:
            self._display.decided(key, event)

    def started_by(self, remote_starts: RemoteStarts) -> RemoteStarts:
        self._remote_starts = remote_starts
        return remote_starts

    def plug_seen(self, key: ChargerKey, connector_id: int, plugged_in: bool) -> None:
        if self._remote_starts is not None:
            self._remote_starts.plug_seen(key, connector_id, plugged_in)

    async def energy_seen(self, report: EnergyReport) -> None:
        if self._follow_up is not None:
            await self._follow_up.energy(report)

    def to(self, controller: ModeController) -> ModeController:
        self._controller = controller
        return controller

    def look_at(self, key: ChargerKey, trigger: str) -> None:
        """At a charger that has connected or booted."""
        if self._remote_starts is not None:
            self._remote_starts.connected(key)
        if self._controller is not None:
            self._controller.hint(key, trigger)

    def drift_seen(self, key: ChargerKey, evidence: str) -> None:
        if self._controller is not None:
            self._controller.hint(key, evidence, read_back=True)
