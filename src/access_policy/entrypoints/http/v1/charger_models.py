"""Response models of a charger: settings, status and plan."""

from __future__ import annotations

from typing import Literal

from pydantic import RootModel

from access_policy.application.ports.views import Row
from access_policy.application.queries.charger_conditions import ConditionStatus
from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart
from access_policy.domain.charger_condition.events import ReservationState
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant, Version
from access_policy.entrypoints.http.v1.plan_models import (
    CauseShown,
    ExceptionSettings,
    OverrideSettings,
    RuleSettings,
    ScheduleFollowed,
)


class Transition(ResponseModel):
    at: UtcInstant
    mode: AccessMode

    @classmethod
    def of(cls, segment: Segment | None) -> Transition | None:
        return None if segment is None else cls(at=segment.start, mode=segment.mode)


class ChargerSettings(ResponseModel):
    charger_id: str
    charge_point_id: str
    depot_id: str
    time_zone: str
    profile: str
    baseline_mode: AccessMode
    enforcement: Enforcement
    connectors: int
    on_window_start: OnWindowStart
    on_store_outage: OnStoreOutage
    offline_starts: OfflineStarts
    reservation_only: bool
    retired_at: UtcInstant | None
    expected_mode: AccessMode
    expected_cause: CauseShown
    applied_mode: AccessMode | None
    applied_at: UtcInstant | None
    next_transition: Transition | None
    version: Version


class Failure(ResponseModel):
    reason: str
    detail: str | None


class KeptPermissions(ResponseModel):
    """The charger's settings that decide who may start without asking the service: those in force, and those that the
    charger refused to set, with its reason."""

    seen_at: UtcInstant
    in_force: dict[str, str]
    refused: dict[str, str]


class ConditionShown(ResponseModel):
    """A condition of a charger. `generation` counts the requests to switch the charger."""

    type: Literal["Ready", "Reachable", "Applied", "Drifted", "Stalled"]
    status: ConditionStatus
    reason: str
    message: str
    since: UtcInstant | None
    generation: int


class SessionUnderWay(ResponseModel):
    """A charge that has started and has not ended, with the attempt that it belongs to."""

    attempt_id: str
    connector_id: int | None
    started_at: UtcInstant
    access_class: AccessClass | None
    vehicle_id: str | None

    @classmethod
    def of(cls, row: Row) -> SessionUnderWay:
        return cls(
            attempt_id=row["attempt_id"],
            connector_id=row["connector_id"],
            started_at=row["session_started_at"],
            access_class=row["access_class"],
            vehicle_id=row["vehicle_id"],
        )


class ReservationOnChargerShown(ResponseModel):
    """A reservation as the charger itself has it (OCPP ReserveNow), apart from the service's own decisions.
    `connector_id` 0 is the charger as a whole; `detail` is the charger's answer, or says why nothing was sent."""

    reservation_id: str
    connector_id: int
    state: ReservationState
    detail: str
    until: UtcInstant
    reported_at: UtcInstant


class ChargerStatus(ChargerSettings):
    connected: bool
    protocol: str | None
    vendor: str | None
    model: str | None
    firmware: str | None
    applied_late_s: float | None
    evidence: str | None
    sync: Sync
    sessions: list[SessionUnderWay]
    failure: Failure | None
    conditions: list[ConditionShown]
    kept_permissions: KeptPermissions | None
    reservations_on_charger: list[ReservationOnChargerShown]


class Charger(ChargerStatus):
    mode_rules: list[RuleSettings]
    schedules: list[ScheduleFollowed]
    exceptions: list[ExceptionSettings]
    overrides: list[OverrideSettings]


class ChargerAsOf(ChargerSettings):
    as_of: UtcInstant
    mode_rules: list[RuleSettings]
    schedules: list[ScheduleFollowed]
    exceptions: list[ExceptionSettings]
    overrides: list[OverrideSettings]


class ChargerNowOrThen(RootModel[Charger | ChargerAsOf]):
    """The charger; `ChargerAsOf` if the request has `as_of`."""
