"""The commands. A command that loses a race for its stream runs again. To add a command, add one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dependency_injector import containers, providers

from access_policy.application.charger_calls.call_charger import CallChargerHandler
from access_policy.application.charger_import.applying import ChargerPlanApplier
from access_policy.application.charger_import.imports import ChargerImports
from access_policy.application.charger_import.planning import ChargerPlanner
from access_policy.application.commands.add_exception import AddExceptionHandler
from access_policy.application.commands.add_holiday import AddHolidayHandler
from access_policy.application.commands.allow_attempt import AllowAttemptHandler, EndAllowanceHandler
from access_policy.application.commands.amend_mode_rule import AmendModeRuleHandler
from access_policy.application.commands.arm_enrolment import ArmEnrolmentHandler, CancelEnrolmentHandler
from access_policy.application.commands.cancel_reservation import CancelReservationHandler
from access_policy.application.commands.change_reservation import ChangeReservationHandler
from access_policy.application.commands.copy_policy import CopyPolicyHandler
from access_policy.application.commands.create_api_key import CreateApiKeyHandler
from access_policy.application.commands.end_agreement import EndAgreementHandler
from access_policy.application.commands.end_bookings_of_party import EndBookingsOfPartyHandler
from access_policy.application.commands.end_session import EndSessionHandler
from access_policy.application.commands.enrol_identifier import EnrolIdentifierHandler
from access_policy.application.commands.follow_schedule import FollowScheduleHandler, FollowScheduleWithManyHandler
from access_policy.application.commands.ignore_identifier import IgnoreIdentifierHandler, ListIdentifierAgainHandler
from access_policy.application.commands.keeping_up import KeepingUp
from access_policy.application.commands.lift_override import LiftOverrideHandler
from access_policy.application.commands.make_reservation import MakeReservationHandler
from access_policy.application.commands.on_book import ChangeBook
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.commands.override_many import LiftManyHandler, OverrideManyHandler
from access_policy.application.commands.override_mode import OverrideModeHandler
from access_policy.application.commands.put_agreement import PutAgreementHandler
from access_policy.application.commands.put_calendar import PutCalendarHandler
from access_policy.application.commands.put_charger import PutChargerHandler
from access_policy.application.commands.put_depot import PutDepotHandler
from access_policy.application.commands.put_energy_node import PutEnergyNodeHandler
from access_policy.application.commands.put_energy_policy import PutEnergyPolicyHandler
from access_policy.application.commands.put_entrance import PutEntranceHandler
from access_policy.application.commands.put_profile import (
    OperatorsProfiles,
    PutProfileHandler,
    RemoveProfileHandler,
)
from access_policy.application.commands.put_reservation_group import PutReservationGroupHandler
from access_policy.application.commands.put_reservation_settings import PutReservationSettingsHandler
from access_policy.application.commands.put_schedule import PutScheduleHandler
from access_policy.application.commands.put_tenant import PutTenantHandler
from access_policy.application.commands.put_vehicle import PutVehicleHandler
from access_policy.application.commands.receive_booking import CancelBookingHandler, ReceiveBookingHandler
from access_policy.application.commands.receive_envelope import ReceiveEnvelopeHandler
from access_policy.application.commands.record_measurements import RecordMeasurementsHandler
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicleHandler
from access_policy.application.commands.remove_calendar import RemoveCalendarHandler
from access_policy.application.commands.remove_energy_node import RemoveEnergyNodeHandler
from access_policy.application.commands.remove_entrance import RemoveEntranceHandler
from access_policy.application.commands.remove_exception import RemoveExceptionHandler
from access_policy.application.commands.remove_schedule import RemoveScheduleHandler
from access_policy.application.commands.remove_vehicle import RemoveVehicleHandler
from access_policy.application.commands.replace_reservation import ReplaceReservationHandler
from access_policy.application.commands.report_energy_source import ReportEnergySourceHandler
from access_policy.application.commands.reservation_drafts import ReservablePlaces, ReservationHolders
from access_policy.application.commands.retire_charger import RetireChargerHandler
from access_policy.application.commands.review_token import ReviewTokenHandler
from access_policy.application.commands.revoke_api_key import RevokeApiKeyHandler
from access_policy.application.commands.rotate_password import RotatePasswordHandler
from access_policy.application.commands.schedule_mode import ScheduleModeHandler
from access_policy.application.commands.schedule_mode_for_many import ScheduleModeForManyHandler
from access_policy.application.commands.suspend_vehicle import SuspendVehicleHandler
from access_policy.application.commands.withdraw_envelope import WithdrawEnvelopeHandler
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRuleHandler
from access_policy.application.dispatch_import.applying import DispatchPlanApplier
from access_policy.application.dispatch_import.imports import DispatchImports
from access_policy.application.dispatch_import.known import GatherKnown
from access_policy.application.ports.clock import Clock
from access_policy.application.queries.dispatch_export import DispatchExport
from access_policy.application.registry_import.applying import PlanApplier
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.application.repositories.charge_point_claims import ChargePointClaims
from access_policy.application.repositories.depots import Depots
from access_policy.application.repositories.enrolment_sessions import EnrolmentSessions
from access_policy.application.repositories.tenants import Tenants
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.reservation_lifecycle.old_keys import OldReservationKeys
from access_policy.application.retrying import Handler, retrying


def command(handler: Callable[..., Handler[Any, Any]], *dependencies: object) -> providers.Singleton[Handler[Any, Any]]:
    """Provide a handler, built from its dependencies in their order, that runs again after a version conflict."""
    return providers.Singleton(retrying, providers.Singleton(handler, *dependencies))


class Commands(containers.DeclarativeContainer):
    clock: providers.Dependency[Clock] = providers.Dependency()
    stores = providers.DependenciesContainer()
    records = providers.DependenciesContainer()
    read_side = providers.DependenciesContainer()
    deciding = providers.DependenciesContainer()
    chargers = providers.DependenciesContainer()

    # --- shared by handlers -----------------------------------------------------------------------------------------
    policies, profiles = deciding.policies, deciding.profiles
    depots = providers.Singleton(Depots, stores.store)
    claims = providers.Singleton(ChargePointClaims, stores.store)
    registries = providers.Singleton(VehicleRegistries, stores.store, deciding.view)
    enrolment_sessions = providers.Singleton(EnrolmentSessions, stores.store)
    operators_profiles = providers.Singleton(OperatorsProfiles, stores.store, clock)
    change_policy = providers.Singleton(ChangePolicy, policies, clock)
    change_registry = providers.Singleton(ChangeRegistry, registries, clock)
    chargers_follow = providers.Singleton(ChargersFollow, depots, policies, deciding.view, clock)

    # --- tenants -----------------------------------------------------------------------------------------------------
    tenants = providers.Singleton(Tenants, stores.store)
    put_tenant = command(PutTenantHandler, tenants, clock)

    # --- depots and chargers -----------------------------------------------------------------------------------------
    put_depot = command(PutDepotHandler, depots, chargers_follow, clock)
    put_calendar = command(PutCalendarHandler, depots, chargers_follow, clock)
    add_holiday = command(AddHolidayHandler, depots, chargers_follow, clock)
    remove_calendar = command(RemoveCalendarHandler, depots, policies, deciding.view, chargers_follow, clock)
    put_schedule = command(PutScheduleHandler, chargers_follow, deciding.view)
    remove_schedule = command(RemoveScheduleHandler, chargers_follow, deciding.view)
    follow_schedule = command(FollowScheduleHandler, chargers_follow, deciding.view)
    follow_schedule_with_many = providers.Singleton(FollowScheduleWithManyHandler, chargers_follow, deciding.view)
    put_entrance = command(PutEntranceHandler, depots, policies, deciding.view, deciding.view, clock)
    remove_entrance = command(RemoveEntranceHandler, depots, clock)
    keeping_up = providers.Singleton(KeepingUp, deciding.view, chargers_follow)
    put_profile = command(PutProfileHandler, operators_profiles, profiles)
    remove_profile = command(RemoveProfileHandler, operators_profiles, profiles, deciding.view)
    put_charger_once = providers.Singleton(
        PutChargerHandler, policies, depots, claims, profiles, records.credentials, clock
    )
    put_charger = providers.Singleton(retrying, put_charger_once)
    retire_charger_once = providers.Singleton(RetireChargerHandler, policies, claims, records.credentials, clock)
    retire_charger = providers.Singleton(retrying, retire_charger_once)
    charger_imports = providers.Resource(
        ChargerImports,
        providers.Singleton(ChargerPlanner, put_charger_once),
        records.charger_import_plans,
        deciding.view,
        providers.Singleton(
            ChargerPlanApplier, put_charger_once, retire_charger_once, stores.store, records.charger_import_plans
        ),
        stores.store,
        clock,
    )
    call_charger = providers.Singleton(
        CallChargerHandler, deciding.view, profiles, chargers.operator_calls, stores.store, clock
    )
    rotate_password = providers.Singleton(
        RotatePasswordHandler, policies, records.credentials, chargers.connections, deciding.conditions
    )

    # --- modes -------------------------------------------------------------------------------------------------------
    schedule_mode = command(ScheduleModeHandler, change_policy)
    schedule_mode_for_many = providers.Singleton(
        ScheduleModeForManyHandler,
        providers.Singleton(ScheduleModeHandler, change_policy),
        policies,
        depots,
        deciding.view,
        clock,
    )
    copy_policy = providers.Singleton(CopyPolicyHandler, change_policy, deciding.view)
    amend_mode_rule = command(AmendModeRuleHandler, change_policy)
    withdraw_mode_rule = command(WithdrawModeRuleHandler, change_policy)
    add_exception = command(AddExceptionHandler, change_policy)
    remove_exception = command(RemoveExceptionHandler, change_policy)
    override_mode = command(OverrideModeHandler, change_policy, depots)
    lift_override = command(LiftOverrideHandler, change_policy)
    override_many = providers.Singleton(OverrideManyHandler, change_policy, depots, deciding.view)
    lift_many = providers.Singleton(LiftManyHandler, change_policy, depots, deciding.view)

    # --- vehicles and agreements -------------------------------------------------------------------------------------
    put_vehicle = command(
        PutVehicleHandler, registries, stores.pseudonyms, records.vault, clock, deciding.freevend_tags
    )
    suspend_vehicle = command(SuspendVehicleHandler, change_registry)
    reinstate_vehicle = command(ReinstateVehicleHandler, change_registry)
    remove_vehicle = command(RemoveVehicleHandler, change_registry, records.vault)
    put_agreement = command(PutAgreementHandler, change_registry, depots, policies)
    end_agreement = command(EndAgreementHandler, change_registry)
    enrol_identifier = command(
        EnrolIdentifierHandler,
        registries,
        records.unknown_identifiers,
        stores.pseudonyms,
        records.vault,
        read_side.views,
        clock,
        deciding.freevend_tags,
    )
    allow_attempt = command(AllowAttemptHandler, registries, stores.store, clock)
    end_allowance = command(EndAllowanceHandler, registries, clock)
    ignore_identifier = command(IgnoreIdentifierHandler, registries, read_side.views, clock)
    list_identifier_again = command(ListIdentifierAgainHandler, registries, read_side.views, clock)
    arm_enrolment = command(ArmEnrolmentHandler, enrolment_sessions, policies, clock, profiles)
    cancel_enrolment = command(CancelEnrolmentHandler, enrolment_sessions, policies, clock)

    # --- reservations ------------------------------------------------------------------------------------------------
    change_book = providers.Singleton(ChangeBook, deciding.books, depots, deciding.view, clock)
    reservable_places = providers.Singleton(ReservablePlaces, policies, profiles)
    reservation_holders = providers.Singleton(
        ReservationHolders, deciding.view, stores.pseudonyms, records.vault, deciding.freevend_tags
    )
    make_reservation = command(MakeReservationHandler, change_book, reservable_places, reservation_holders)
    change_reservation = command(ChangeReservationHandler, change_book, reservable_places, reservation_holders)
    replace_reservation = command(ReplaceReservationHandler, change_book, reservable_places, reservation_holders)
    cancel_reservation = command(CancelReservationHandler, change_book)
    receive_booking = command(ReceiveBookingHandler, change_book, reservable_places, reservation_holders)
    cancel_booking = command(CancelBookingHandler, change_book)
    review_token = command(ReviewTokenHandler, change_book)
    end_bookings_of_party = command(EndBookingsOfPartyHandler, change_book)
    old_reservation_keys = providers.Singleton(
        OldReservationKeys, records.vault, read_side.views, deciding.view, deciding.books, clock
    )
    put_reservation_settings = command(PutReservationSettingsHandler, change_book)
    dispatch_plan_applier = providers.Singleton(
        DispatchPlanApplier,
        deciding.books,
        stores.store,
        records.dispatch_plans,
        providers.Singleton(GatherKnown, deciding.view, reservable_places),
        clock,
    )
    dispatch_imports = providers.Resource(
        DispatchImports, depots, records.dispatch_plans, dispatch_plan_applier, stores.store, clock
    )
    dispatch_export = providers.Singleton(DispatchExport, deciding.books, depots, clock)
    put_reservation_group = command(PutReservationGroupHandler, change_book, reservable_places)

    # --- energy of sites ---------------------------------------------------------------------------------------------
    change_site = providers.Singleton(ChangeSite, deciding.sites, depots, deciding.view, clock)
    put_energy_node = command(PutEnergyNodeHandler, change_site, policies)
    remove_energy_node = command(RemoveEnergyNodeHandler, change_site)
    put_energy_policy = command(PutEnergyPolicyHandler, change_site)
    receive_envelope = command(ReceiveEnvelopeHandler, change_site)
    withdraw_envelope = command(WithdrawEnvelopeHandler, change_site)
    record_measurements = command(RecordMeasurementsHandler, change_site)
    report_energy_source = command(ReportEnergySourceHandler, change_site)

    # --- API keys ----------------------------------------------------------------------------------------------------
    create_api_key = providers.Singleton(CreateApiKeyHandler, records.api_keys, records.api_key_changes, depots, clock)
    revoke_api_key = providers.Singleton(RevokeApiKeyHandler, records.api_keys, records.api_key_changes, clock)

    # --- charging ----------------------------------------------------------------------------------------------------
    end_session = providers.Singleton(
        EndSessionHandler, deciding.sessions.provided.ends, deciding.spooled_commits, chargers.connections
    )

    # --- registry imports --------------------------------------------------------------------------------------------
    plan_applier = providers.Singleton(
        PlanApplier, registries, stores.store, records.import_plans, records.vault, clock
    )
    registry_imports = providers.Resource(
        RegistryImports,
        registries,
        records.import_plans,
        stores.pseudonyms,
        plan_applier,
        clock,
        deciding.freevend_tags,
    )
