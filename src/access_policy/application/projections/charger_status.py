"""The current state of each charger: settings, connection, requested and applied mode.

`version` is the version of the last change by a command, which callers compare; switching the charger does not change
it.
"""

from __future__ import annotations

from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Projection, Put, RowChange, types_of
from access_policy.domain.charger_access_policy.application import ApplicationEvent
from access_policy.domain.charger_access_policy.events import (
    ChargerAmended,
    ChargerRegistered,
    ChargerRetired,
    ChargerSettings,
    EnforcementChanged,
    HolidayCalendarDropped,
    HolidayCalendarTaken,
    ModeApplicationFailed,
    ModeApplied,
    ModeCalendarExceptionAdded,
    ModeChangeRequested,
    ModeDriftDetected,
    ModeExceptionAdded,
    ModeExceptionRemoved,
    ModeOverridden,
    ModeOverrideLifted,
    ModeScheduleAmended,
    ModeScheduled,
    ModeScheduleWithdrawn,
    ScheduleLeft,
    ScheduleTaken,
)
from access_policy.domain.charger_condition.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    OfflineStartsSet,
)

TABLE = "charger_status"

_PLANNED = (
    ModeScheduled,
    ModeScheduleAmended,
    ModeScheduleWithdrawn,
    ModeExceptionAdded,
    ModeExceptionRemoved,
    ModeCalendarExceptionAdded,
    HolidayCalendarTaken,
    HolidayCalendarDropped,
    ScheduleTaken,
    ScheduleLeft,
    ModeOverridden,
    ModeOverrideLifted,
)


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    key = {"tenant_id": recorded.envelope.tenant_id, "charger_id": event.charger_id}
    if isinstance(event, ChargerRegistered):
        registered = {**_settings(event.settings), "enforcement": event.enforcement.value, "version": recorded.version}
        return [Put(TABLE, key, registered, at_first={"connected": False, "drifted": False})]
    values = _values(event)
    by_command = not isinstance(
        event, ApplicationEvent | ChargerConnected | ChargerDisconnected | ChargerBooted | OfflineStartsSet
    )
    if by_command:
        values = {**values, "version": recorded.version}
    return [Change(TABLE, key, values)] if values else []


def _values(event: object) -> dict[str, Any]:
    match event:
        case ChargerAmended(settings=settings):
            return _settings(settings)
        case EnforcementChanged(enforcement=enforcement):
            return {"enforcement": enforcement.value}
        case ChargerRetired(retired_at=retired_at):
            return {"retired_at": retired_at}
        case ModeChangeRequested():
            return {"generation": event.generation, "requested_mode": event.mode.value}
        case ModeApplied():
            return {
                "generation": event.generation,
                "requested_mode": event.mode.value,
                "applied_mode": event.mode.value,
                "applied_at": event.applied_at,
                "applied_due_at": event.due_at,
                "applied_late_s": event.late_s,
                "evidence": event.evidence,
                "failure": None,
                "failure_detail": None,
                "drifted": False,
                "drift_found": None,
            }
        case ModeApplicationFailed():
            return {"failure": event.reason, "failure_detail": event.detail}
        case ModeDriftDetected():
            return {"drifted": True, "drift_found": event.found.value}
        case _:
            return _condition(event)


def _condition(event: object) -> dict[str, Any]:
    match event:
        case ChargerConnected():
            return {"connected": True, "protocol": event.protocol, "connected_at": event.connected_at}
        case ChargerDisconnected():
            return {"connected": False, "disconnected_at": event.disconnected_at, "disconnected_because": event.reason}
        case OfflineStartsSet():
            return {
                "permissions_seen_at": event.seen_at,
                "permissions_in_force": {each.name: each.value for each in event.in_force},
                "permissions_refused": {each.name: each.value for each in event.refused},
            }
        case ChargerBooted():
            return {"vendor": event.vendor, "model": event.model, "firmware": event.firmware}
        case _:
            return {}


def _settings(settings: ChargerSettings) -> dict[str, Any]:
    return {
        "charge_point_id": settings.charge_point_id,
        "depot_id": settings.depot_id,
        "time_zone": settings.time_zone,
        "profile": settings.profile,
        "baseline_mode": settings.baseline_mode.value,
        "connectors": settings.connectors,
        "on_window_start": settings.on_window_start.value,
        "on_store_outage": settings.on_store_outage.value,
        "offline_starts": settings.offline_starts.value,
    }


CHARGER_STATUS = Projection(
    "charger_status",
    (TABLE,),
    types_of(
        ChargerRegistered,
        ChargerAmended,
        ChargerRetired,
        EnforcementChanged,
        *_PLANNED,
        ModeChangeRequested,
        ModeApplied,
        ModeApplicationFailed,
        ModeDriftDetected,
        ChargerConnected,
        ChargerDisconnected,
        ChargerBooted,
        OfflineStartsSet,
    ),
    fold,
)
