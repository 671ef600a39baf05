"""Values and events of one small depot in Berlin. A test passes only the fields that it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy import events as policy_events
from access_policy.domain.charger_access_policy.events import ChargerSettings
from access_policy.domain.depots.depot import DepotRegistered, DepotSettings
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import (
    ActorId,
    AgreementId,
    CalendarId,
    ChargePointId,
    ChargerId,
    DepotId,
    ExceptionId,
    OverrideId,
    RuleId,
    ScheduleId,
    VehicleId,
)
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar
from access_policy.domain.mode_schedule.rules import ModeRule
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.vehicle_registry import events as registry_events
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier

FREEVEND, MANAGED = AccessMode.FREEVEND, AccessMode.MANAGED
BERLIN = ZoneInfo("Europe/Berlin")
BAY = ChargerId("bay-1")
NORTH = DepotId("north")
NIGHTS = RuleId("nights")
BAVARIA = CalendarId("bavaria")
WEEKDAYS = ScheduleId("weekdays")
HOLIDAY = ExceptionId("holiday")
VISIT = OverrideId("visit")
ANNA = ActorId("anna")
VAN = VehicleId("van-1")
TRUCK = VehicleId("truck-1")
PARTNER = AgreementId("partner")
MIDNIGHT = time(0)


def utc(text: str) -> datetime:
    """`utc("2026-11-20 06:00")`."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def berlin(text: str) -> datetime:
    """The instant at which a clock in Berlin shows `text` (for the first time), in UTC."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN).astimezone(UTC)


NOON = utc("2026-11-18 12:00")  # a Wednesday
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# --- the charger ------------------------------------------------------------------------------------------------------


def settings(**changes: Any) -> ChargerSettings:
    values: dict[str, Any] = {
        "charge_point_id": ChargePointId("CP-1"),
        "depot_id": NORTH,
        "time_zone": "Europe/Berlin",
        "profile": "ocpp16-central",
        "baseline_mode": FREEVEND,
    }
    return ChargerSettings(**(values | changes))


def registered(enforcement: Enforcement = Enforcement.ENFORCE, **changes: Any) -> policy_events.ChargerRegistered:
    return policy_events.ChargerRegistered(charger_id=BAY, settings=settings(**changes), enforcement=enforcement)


def rule(recurrence: str = "FREQ=DAILY", start: str = "22:00", end: str = "06:00", **changes: Any) -> ModeRule:
    """Managed in the nights; the end lies on the next day if it is not after the start."""
    starts, ends = time.fromisoformat(start), time.fromisoformat(end)
    values: dict[str, Any] = {
        "rule_id": NIGHTS,
        "name": "nights",
        "mode": MANAGED,
        "recurrence": recurrence,
        "start": starts,
        "end": ends,
        "end_day_offset": 1 if ends <= starts else 0,
        "anchor": date(2026, 1, 1),
    }
    return ModeRule(**(values | changes))


def schedule(*rules: ModeRule, schedule_id: ScheduleId = WEEKDAYS, name: str = "Weekdays") -> Schedule:
    return Schedule(schedule_id=schedule_id, name=name, rules=rules or (rule(),))


def scheduled(mode_rule: ModeRule | None = None) -> policy_events.ModeScheduled:
    return policy_events.ModeScheduled(charger_id=BAY, rule=mode_rule or rule())


def excepted(first: str, last: str | None = None, **changes: Any) -> policy_events.ModeExceptionAdded:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "exception_id": HOLIDAY,
        "first": date.fromisoformat(first),
        "last": date.fromisoformat(last or first),
        "mode": MANAGED,
        "reason": "bank holiday",
    }
    return policy_events.ModeExceptionAdded(**(values | changes))


def overridden(starts_at: datetime, ends_at: datetime, **changes: Any) -> policy_events.ModeOverridden:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "override_id": VISIT,
        "mode": MANAGED,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": "visit",
        "made_by": ANNA,
    }
    return policy_events.ModeOverridden(**(values | changes))


def lifted(at: datetime, override_id: OverrideId = VISIT) -> policy_events.ModeOverrideLifted:
    return policy_events.ModeOverrideLifted(charger_id=BAY, override_id=override_id, lifted_at=at)


def retired(at: datetime = NOON) -> policy_events.ChargerRetired:
    return policy_events.ChargerRetired(charger_id=BAY, retired_at=at)


# --- the depot --------------------------------------------------------------------------------------------------------


def depot_settings(**changes: Any) -> DepotSettings:
    return DepotSettings(**({"name": "North", "time_zone": "Europe/Berlin"} | changes))


def depot_registered(**changes: Any) -> DepotRegistered:
    return DepotRegistered(depot_id=NORTH, settings=depot_settings(**changes))


# --- the registry -----------------------------------------------------------------------------------------------------


def ref(pseudonym: str = "p1", kind: IdentifierKind = IdentifierKind.RFID) -> IdentifierRef:
    return IdentifierRef(kind=kind, pseudonym=pseudonym, masked=f"…{pseudonym}")


def vehicle_identifier(
    pseudonym: str = "p1", kind: IdentifierKind = IdentifierKind.RFID, sealed: str = "sealed"
) -> VehicleIdentifier:
    return VehicleIdentifier(ref=ref(pseudonym, kind), sealed=sealed)


def own(**changes: Any) -> VehicleDescription:
    return VehicleDescription(**({"name": "Van 1", "access_class": AccessClass.OWN} | changes))


def partnered(**changes: Any) -> VehicleDescription:
    values: dict[str, Any] = {"name": "Truck 1", "access_class": AccessClass.AGREEMENT, "agreement_id": PARTNER}
    return VehicleDescription(**(values | changes))


def agreement(**changes: Any) -> Agreement:
    values: dict[str, Any] = {
        "agreement_id": PARTNER,
        "name": "Partner 2026",
        "fleet": "Partner Logistics",
        "valid_from": utc("2026-01-01 00:00"),
    }
    return Agreement(**(values | changes))


def vehicle_registered(
    vehicle_id: VehicleId = VAN, description: VehicleDescription | None = None
) -> registry_events.VehicleRegistered:
    return registry_events.VehicleRegistered(vehicle_id=vehicle_id, description=description or own())


def identifier_added(pseudonym: str = "p1", vehicle_id: VehicleId = VAN) -> registry_events.VehicleIdentifierAdded:
    return registry_events.VehicleIdentifierAdded(vehicle_id=vehicle_id, identifier=vehicle_identifier(pseudonym))


def agreement_recorded(**changes: Any) -> registry_events.AgreementRecorded:
    return registry_events.AgreementRecorded(agreement=agreement(**changes))


# --- holiday calendars ------------------------------------------------------------------------------------------------


def calendar(*days: str, calendar_id: CalendarId = BAVARIA, name: str = "Bavaria") -> HolidayCalendar:
    """`calendar("2026-12-25 Christmas", "2026-12-28..2026-12-31 Plant closed")`."""
    return HolidayCalendar.of(calendar_id, name, [holiday(each) for each in days or ("2026-12-25 Christmas",)])


def holiday(text: str) -> Holiday:
    when, _, reason = text.partition(" ")
    first, _, last = when.partition("..")
    return Holiday(first=date.fromisoformat(first), last=date.fromisoformat(last or first), reason=reason)


def taken(*days: str, **changes: Any) -> policy_events.HolidayCalendarTaken:
    return policy_events.HolidayCalendarTaken(charger_id=BAY, calendar=calendar(*days, **changes))


def excepted_by_calendar(**changes: Any) -> policy_events.ModeCalendarExceptionAdded:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "exception_id": HOLIDAY,
        "calendar_id": BAVARIA,
        "mode": MANAGED,
        "reason": "closed on holidays",
    }
    return policy_events.ModeCalendarExceptionAdded(**(values | changes))
