"""Every command, with a past in which it has most to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

from access_policy.application.commands.add_exception import (
    AddCalendarException,
    AddException,
    AddExceptionHandler,
)
from access_policy.application.commands.add_holiday import AddHoliday, AddHolidayHandler
from access_policy.application.commands.allow_attempt import (
    AllowAttempt,
    AllowAttemptHandler,
    EndAllowance,
    EndAllowanceHandler,
)
from access_policy.application.commands.amend_mode_rule import AmendModeRule, AmendModeRuleHandler
from access_policy.application.commands.arm_enrolment import (
    ArmEnrolment,
    ArmEnrolmentHandler,
    CancelEnrolment,
    CancelEnrolmentHandler,
)
from access_policy.application.commands.copy_policy import CopyPolicy, CopyPolicyHandler
from access_policy.application.commands.create_api_key import CreateApiKey, CreateApiKeyHandler
from access_policy.application.commands.end_agreement import EndAgreement, EndAgreementHandler
from access_policy.application.commands.enrol_identifier import EnrolIdentifier, EnrolIdentifierHandler
from access_policy.application.commands.follow_schedule import (
    FollowSchedule,
    FollowScheduleHandler,
    FollowScheduleWithMany,
    FollowScheduleWithManyHandler,
)
from access_policy.application.commands.ignore_identifier import (
    IgnoreIdentifier,
    IgnoreIdentifierHandler,
    ListIdentifierAgain,
    ListIdentifierAgainHandler,
)
from access_policy.application.commands.lift_override import LiftOverride, LiftOverrideHandler
from access_policy.application.commands.override_many import (
    LiftMany,
    LiftManyHandler,
    OverrideMany,
    OverrideManyHandler,
)
from access_policy.application.commands.override_mode import OverrideMode, OverrideModeHandler
from access_policy.application.commands.put_agreement import PutAgreement, PutAgreementHandler
from access_policy.application.commands.put_calendar import PutCalendar, PutCalendarHandler
from access_policy.application.commands.put_charger import PutChargerHandler
from access_policy.application.commands.put_depot import PutDepotHandler
from access_policy.application.commands.put_entrance import PutEntrance, PutEntranceHandler
from access_policy.application.commands.put_profile import (
    PutProfile,
    PutProfileHandler,
    RemoveProfile,
    RemoveProfileHandler,
)
from access_policy.application.commands.put_schedule import PutSchedule, PutScheduleHandler
from access_policy.application.commands.put_tenant import PutTenant, PutTenantHandler
from access_policy.application.commands.put_vehicle import PutVehicle, PutVehicleHandler
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle, ReinstateVehicleHandler
from access_policy.application.commands.remove_calendar import RemoveCalendar, RemoveCalendarHandler
from access_policy.application.commands.remove_entrance import RemoveEntrance, RemoveEntranceHandler
from access_policy.application.commands.remove_exception import RemoveException, RemoveExceptionHandler
from access_policy.application.commands.remove_schedule import RemoveSchedule, RemoveScheduleHandler
from access_policy.application.commands.remove_vehicle import RemoveVehicle, RemoveVehicleHandler
from access_policy.application.commands.retire_charger import RetireCharger, RetireChargerHandler
from access_policy.application.commands.revoke_api_key import RevokeApiKey, RevokeApiKeyHandler
from access_policy.application.commands.rotate_password import PasswordNotTaken, RotatePassword, RotatePasswordHandler
from access_policy.application.commands.schedule_drafts import ScheduleDraft, ScheduledRule
from access_policy.application.commands.schedule_mode import ScheduleMode, ScheduleModeHandler
from access_policy.application.commands.schedule_mode_for_many import ScheduleModeForMany, ScheduleModeForManyHandler
from access_policy.application.commands.suspend_vehicle import SuspendVehicle, SuspendVehicleHandler
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule, WithdrawModeRuleHandler
from access_policy.application.context import enveloped
from access_policy.application.ports.event_store import Append, StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.application.streams import attempt_stream
from access_policy.domain.capability_profiles.profile import ProfileUnknown
from access_policy.domain.charger_access_policy.copying import Parts
from access_policy.domain.charger_access_policy.errors import ExceptionUnknown, RuleUnknown
from access_policy.domain.depots.depot import CalendarUnknown, ScheduleUnknown
from access_policy.domain.depots.entrances import Entrance, EntranceUnknown
from access_policy.domain.enrolment.session import SessionUnknown
from access_policy.domain.identifiers import IdentifierKind, identifier
from access_policy.domain.ids import (
    AttemptId,
    CalendarId,
    ChargePointId,
    ChargerId,
    EntranceId,
    ExceptionId,
    OverrideId,
    RuleId,
    ScheduleId,
)
from access_policy.domain.tenants.tenant import TenantDescription
from access_policy.domain.vehicle_registry.errors import VehicleUnknown
from access_policy.domain.vehicle_registry.events import AccessClass
from tests.support.attempts import denied
from tests.support.builders import BAY, FREEVEND, MANAGED, NOON, NORTH, PARTNER, VAN, agreement, holiday, own
from tests.support.nth_call import Faults, Story
from tests.support.office import ACME, draft, putting_charger, putting_depot
from tests.support.stores import pseudonyms
from tests.unit.one_failure.office_world import OfficeWorld, context

DENIED = AttemptId("denied")
OTHER_BAY, THIRD_BAY = ChargerId("bay-2"), ChargerId("bay-3")
CARD = identifier(IdentifierKind.RFID, "04A1B2C3D4E5F6")
BAVARIA = CalendarId("bavaria")
DEPOT = (putting_depot(), putting_charger())
PROFILE = '{"name": "ours"}'


def other_bay(**changes: Any) -> Any:
    return putting_charger(charger_id=OTHER_BAY, charge_point_id=ChargePointId("CP-2"), **changes)


def third_bay() -> Any:
    return putting_charger(charger_id=THIRD_BAY, charge_point_id=ChargePointId("CP-3"))


def calendar(*days: str) -> PutCalendar:
    return PutCalendar(depot_id=NORTH, calendar_id=BAVARIA, name="Bavaria", days=tuple(holiday(day) for day in days))


GATE = PutEntrance(
    depot_id=NORTH,
    entrance=Entrance(entrance_id=EntranceId("gate"), name="Gate", charger_ids=frozenset({BAY})),
)


def van(*cards: str, name: str = "Van") -> PutVehicle:
    cards_of_it = [(IdentifierKind.RFID, card) for card in cards]
    return PutVehicle(vehicle_id=VAN, description=own(name=name), identifiers=cards_of_it)


def exception(**changes: Any) -> AddException:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "first": date(2026, 12, 24),
        "last": date(2026, 12, 26),
        "mode": MANAGED,
        "reason": "Christmas",
    }
    return AddException(**(values | changes))


OVERRIDE_ALL = OverrideMany(depot_id=NORTH, charger_ids=None, mode=MANAGED, reason="visit", lasts=timedelta(hours=2))
OVERRIDE = OverrideMode(charger_id=BAY, mode=MANAGED, reason="visit", lasts=timedelta(hours=2))


def past(*commands: object) -> Callable[[Faults], Awaitable[OfficeWorld]]:
    async def lived(faults: Faults) -> OfficeWorld:
        world = OfficeWorld(faults)
        done = await world.lived(*commands)
        world.made = done if isinstance(done, tuple) else getattr(done, "created_id", None)
        return world

    return lived


async def with_a_denied_card(faults: Faults) -> OfficeWorld:
    world = await past(*DEPOT)(faults)
    world.unknown.remember(ACME, pseudonyms().ref(ACME, CARD), CARD, at=NOON)
    return world


async def with_a_denied_attempt(faults: Faults) -> OfficeWorld:
    world = await past(*DEPOT)(faults)
    event = denied(attempt_id=DENIED)
    await world.inner.append([Append(attempt_stream(ACME, DENIED), 0, enveloped(context(), (event,), now=NOON))])
    return world


async def with_an_allowed_attempt(faults: Faults) -> OfficeWorld:
    world = await with_a_denied_attempt(faults)
    await world.lived(AllowAttempt(attempt_id=DENIED, reason="tonight", lasts=timedelta(hours=8)))
    return world


def asks(command: object) -> Callable[[OfficeWorld], Awaitable[Any]]:
    return lambda world: world.run(command)


def about_what_was_made(make: Callable[[Any], object]) -> Callable[[OfficeWorld], Awaitable[Any]]:
    """A command on what the last command of the past created."""
    return lambda world: world.run(make(world.made))


def story(
    name: str,
    handler: Any,
    before: tuple[object, ...],
    step: Callable[[OfficeWorld], Awaitable[Any]],
    *done_already: type[Exception],
) -> Story:
    return Story(name, (handler,), past(*before), step, done_already=done_already)


MANY = (*DEPOT, other_bay(), third_bay())
PUT_TENANT = PutTenant(tenant_id=ACME, description=TenantDescription(name="Acme"))
RENAMED = TenantDescription(name="Acme Depots", data_region="eu-central-1")
DISPLAY = CreateApiKey(name="Display", role=Role.VIEWER, depots=frozenset({NORTH}))
WEEKDAYS = PutSchedule(
    depot_id=NORTH, draft=ScheduleDraft(name="Weekdays", rules=(ScheduledRule(draft=draft()),)), charger_ids=None
)
ADD_HOLIDAY = AddHoliday(depot_id=NORTH, calendar_ids=None, day=holiday("2027-01-01 New Year"))
NIGHTS = ScheduleMode(charger_id=BAY, draft=draft())

IGNORE = IgnoreIdentifier(pseudonym="p", days=30, reason="a neighbour")
COMMANDS: tuple[Story, ...] = (
    story("register a tenant", PutTenantHandler, (), asks(PUT_TENANT)),
    story("rename a tenant", PutTenantHandler, (PUT_TENANT,), asks(replace(PUT_TENANT, description=RENAMED))),
    story("register a depot", PutDepotHandler, (), asks(putting_depot())),
    story("correct a depot's time zone", PutDepotHandler, MANY, asks(putting_depot(time_zone="Europe/Paris"))),
    story("put a calendar", PutCalendarHandler, MANY, asks(calendar("2026-12-25 Christmas"))),
    story("add a holiday", AddHolidayHandler, (*MANY, calendar("2026-12-25 Christmas")), asks(ADD_HOLIDAY)),
    story(
        "remove a calendar",
        RemoveCalendarHandler,
        (*MANY, calendar("2026-12-25 Christmas")),
        asks(RemoveCalendar(depot_id=NORTH, calendar_id=BAVARIA)),
        CalendarUnknown,
    ),
    story("put an entrance", PutEntranceHandler, DEPOT, asks(GATE)),
    story(
        "remove an entrance",
        RemoveEntranceHandler,
        (*DEPOT, GATE),
        asks(RemoveEntrance(depot_id=NORTH, entrance_id=GATE.entrance.entrance_id)),
        EntranceUnknown,
    ),
    story("create a schedule that all follow", PutScheduleHandler, MANY, asks(WEEKDAYS)),
    story(
        "amend a schedule",
        PutScheduleHandler,
        (*MANY, WEEKDAYS),
        about_what_was_made(
            lambda made: PutSchedule(
                schedule_id=ScheduleId(made),
                draft=ScheduleDraft(name="Weekdays", rules=(ScheduledRule(draft=draft(start=time(21))),)),
            )
        ),
    ),
    story(
        "remove a schedule",
        RemoveScheduleHandler,
        (*MANY, replace(WEEKDAYS, charger_ids=())),
        about_what_was_made(lambda made: RemoveSchedule(schedule_id=ScheduleId(made))),
        ScheduleUnknown,
    ),
    story(
        "follow a schedule",
        FollowScheduleHandler,
        (*MANY, replace(WEEKDAYS, charger_ids=())),
        about_what_was_made(lambda made: FollowSchedule(schedule_id=ScheduleId(made), charger_id=BAY)),
    ),
    story(
        "leave a schedule with many",
        FollowScheduleWithManyHandler,
        (*MANY, WEEKDAYS),
        about_what_was_made(
            lambda made: FollowScheduleWithMany(schedule_id=ScheduleId(made), charger_ids=None, follows=False)
        ),
    ),
    story("put a profile", PutProfileHandler, (), asks(PutProfile(name="ours", definition=PROFILE))),
    story(
        "remove a profile",
        RemoveProfileHandler,
        (PutProfile(name="ours", definition=PROFILE),),
        asks(RemoveProfile(name="ours")),
        ProfileUnknown,
    ),
    story("create an API key", CreateApiKeyHandler, DEPOT, asks(DISPLAY)),
    story(
        "revoke an API key",
        RevokeApiKeyHandler,
        (*DEPOT, DISPLAY),
        about_what_was_made(lambda made: RevokeApiKey(key_id=made)),
    ),
    story("register a charger", PutChargerHandler, DEPOT[:1], asks(putting_charger())),
    story(
        "register a charger with a password", PutChargerHandler, DEPOT[:1], asks(putting_charger(password="secret-1"))
    ),
    story(
        "give a charger another identity and password",
        PutChargerHandler,
        (DEPOT[0], putting_charger(password="secret-1")),
        asks(putting_charger(charge_point_id=ChargePointId("CP-9"), password="secret-9")),
    ),
    story(
        "give a charger another identity",
        PutChargerHandler,
        (DEPOT[0], putting_charger(password="secret-1")),
        asks(putting_charger(charge_point_id=ChargePointId("CP-9"))),
    ),
    story(
        "retire a charger",
        RetireChargerHandler,
        (DEPOT[0], putting_charger(password="secret-1")),
        asks(RetireCharger(charger_id=BAY)),
    ),
    story("rotate a password", RotatePasswordHandler, DEPOT, asks(RotatePassword(charger_id=BAY))),
    story("schedule a mode", ScheduleModeHandler, DEPOT, asks(NIGHTS)),
    story(
        "schedule a mode for many",
        ScheduleModeForManyHandler,
        MANY,
        asks(ScheduleModeForMany(depot_id=NORTH, charger_ids=None, draft=draft())),
    ),
    story(
        "amend a mode rule",
        AmendModeRuleHandler,
        (*DEPOT, NIGHTS),
        about_what_was_made(
            lambda made: AmendModeRule(charger_id=BAY, rule_id=RuleId(made), draft=draft(name="Later nights"))
        ),
    ),
    story(
        "withdraw a mode rule",
        WithdrawModeRuleHandler,
        (*DEPOT, NIGHTS),
        about_what_was_made(lambda made: WithdrawModeRule(charger_id=BAY, rule_id=RuleId(made))),
        RuleUnknown,
    ),
    story(
        "copy a policy",
        CopyPolicyHandler,
        (*MANY, NIGHTS, exception()),
        asks(CopyPolicy(charger_id=BAY, charger_ids=None, parts=Parts())),
    ),
    story("add an exception", AddExceptionHandler, DEPOT, asks(exception())),
    story(
        "add an exception by calendar",
        AddExceptionHandler,
        (*DEPOT, calendar("2026-12-25 Christmas")),
        asks(AddCalendarException(charger_id=BAY, calendar_id=BAVARIA, mode=FREEVEND, reason="holidays")),
    ),
    story(
        "remove an exception",
        RemoveExceptionHandler,
        (*DEPOT, exception()),
        about_what_was_made(lambda made: RemoveException(charger_id=BAY, exception_id=ExceptionId(made))),
        ExceptionUnknown,
    ),
    story("override a mode", OverrideModeHandler, DEPOT, asks(OVERRIDE)),
    story(
        "lift an override",
        LiftOverrideHandler,
        (*DEPOT, OVERRIDE),
        about_what_was_made(lambda made: LiftOverride(charger_id=BAY, override_id=OverrideId(made))),
    ),
    story("override the modes of many", OverrideManyHandler, MANY, asks(OVERRIDE_ALL)),
    story(
        "lift the override of many",
        LiftManyHandler,
        (*MANY, OVERRIDE_ALL),
        about_what_was_made(lambda made: LiftMany(depot_id=NORTH, override_id=made[0])),
    ),
    story("register a vehicle", PutVehicleHandler, (), asks(van("04A1B2C3D4E5F6", "04A1B2C3D4E5F7"))),
    story(
        "describe a vehicle anew",
        PutVehicleHandler,
        (van("04A1B2C3D4E5F6"),),
        asks(van("04A1B2C3D4E5F7", "04A1B2C3D4E5F8", name="Van 1")),
    ),
    story("suspend a vehicle", SuspendVehicleHandler, (van(),), asks(SuspendVehicle(vehicle_id=VAN, reason="stolen"))),
    story(
        "reinstate a vehicle",
        ReinstateVehicleHandler,
        (van(), SuspendVehicle(vehicle_id=VAN, reason="stolen")),
        asks(ReinstateVehicle(vehicle_id=VAN, reason="found")),
    ),
    story(
        "remove a vehicle",
        RemoveVehicleHandler,
        (van("04A1B2C3D4E5F6"),),
        asks(RemoveVehicle(vehicle_id=VAN)),
        VehicleUnknown,
    ),
    story("put an agreement", PutAgreementHandler, (), asks(PutAgreement(agreement=agreement()))),
    story(
        "end an agreement",
        EndAgreementHandler,
        (PutAgreement(agreement=agreement()),),
        asks(EndAgreement(agreement_id=PARTNER)),
    ),
    Story(
        "enrol a denied card",
        (EnrolIdentifierHandler,),
        with_a_denied_card,
        asks(
            EnrolIdentifier(
                pseudonym=pseudonyms().ref(ACME, CARD).pseudonym, vehicle_id=VAN, access_class=AccessClass.OWN
            )
        ),
    ),
    Story(
        "allow a denied card for a while",
        (AllowAttemptHandler,),
        with_a_denied_attempt,
        asks(AllowAttempt(attempt_id=DENIED, reason="tonight", lasts=timedelta(hours=8))),
    ),
    Story(
        "end a permission for a while",
        (EndAllowanceHandler,),
        with_an_allowed_attempt,
        asks(EndAllowance(attempt_id=DENIED)),
    ),
    Story("ignore a denied card", (IgnoreIdentifierHandler,), with_a_denied_card, asks(IGNORE)),
    story(
        "list a denied card again",
        ListIdentifierAgainHandler,
        (*DEPOT, IGNORE),
        asks(ListIdentifierAgain(pseudonym="p")),
    ),
    story("arm an enrolment", ArmEnrolmentHandler, DEPOT, asks(ArmEnrolment(charger_id=BAY, minutes=10))),
    story(
        "cancel an enrolment",
        CancelEnrolmentHandler,
        (*DEPOT, ArmEnrolment(charger_id=BAY, minutes=10)),
        asks(CancelEnrolment(charger_id=BAY)),
        SessionUnknown,
    ),
)

COMMANDS = tuple(
    replace(each, errors=(StoreUnavailable, PasswordNotTaken)) if each.name == "rotate a password" else each
    for each in COMMANDS
)
