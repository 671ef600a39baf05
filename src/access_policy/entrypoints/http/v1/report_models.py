"""Bodies of `/v1/reports`. A row has the columns of `group_by`, and the same columns as the files."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from access_policy.application.queries.access_report import GroupBy
from access_policy.application.queries.compliance_measures import ComplianceGroup
from access_policy.application.queries.reservation_report import ReservationGroupBy
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.reservations.reservation import ReservationSource
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant, Weekday

Day = Annotated[dt.date, Field(default=None, description="On the depot's clock")]
Hour = Annotated[int, Field(default=None, ge=0, le=23, description="On the depot's clock")]
LocalWeekday = Annotated[Weekday, Field(default=None, description="On the depot's clock")]
Local = Annotated[AwareDatetime, Field(description="The same instant on the depot's clock")]


class AccessCount(ResponseModel):
    """The columns of `group_by`, the counts, and the first and last attempt."""

    day: Day
    hour: Hour
    weekday: LocalWeekday
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str | None, Field(default=None, description="Null for attempts at entrances")]
    entrance_id: Annotated[str | None, Field(default=None, description="Null for attempts at chargers")]
    vehicle_id: Annotated[str | None, Field(default=None)]
    agreement_id: Annotated[str | None, Field(default=None)]
    access_class: Annotated[AccessClass | None, Field(default=None)]
    reason: Annotated[Reason | None, Field(default=None)]
    would_deny: Annotated[Reason | None, Field(default=None)]
    decision: Annotated[Literal["allowed", "denied", "none"], Field(default=None)]
    attempts: int
    allowed: int
    denied: int
    would_deny_count: int
    sessions: int
    energy_wh: int
    first_attempt_at: UtcInstant
    first_attempt_at_local: Local
    last_attempt_at: UtcInstant
    last_attempt_at_local: Local


class Head(ResponseModel):
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant


class AccessReportHead(Head):
    group_by: list[GroupBy]


class AccessReport(AccessReportHead):
    rows: list[AccessCount]


class ComplianceRow(ResponseModel):
    """The columns of `group_by`, and the measures."""

    day: Day
    hour: Hour
    weekday: LocalWeekday
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str, Field(default=None)]
    transitions: int
    on_time: int
    late: int
    missed: int
    pending: int
    unreachable: int
    on_time_share: float | None
    lateness_p50_s: float | None
    lateness_p95_s: float | None
    lateness_max_s: float | None
    in_expected_mode_share: float | None
    expected_s: float
    in_expected_mode_s: float
    applied_0_to_1_s: int
    applied_1_to_10_s: int
    applied_10_to_60_s: int
    applied_60_to_300_s: int
    applied_300_to_3600_s: int
    applied_after_3600_s: int
    first_due_at: UtcInstant | None
    first_due_at_local: Local | None
    last_due_at: UtcInstant | None
    last_due_at_local: Local | None


class ComplianceReportHead(Head):
    group_by: list[ComplianceGroup]
    on_time_s: int


class ComplianceReport(ComplianceReportHead):
    rows: list[ComplianceRow]


class ReservationCount(ResponseModel):
    """The columns of `group_by`, and the counts. `charger_id` is where the holder charged, or else the reserved one."""

    day: Day
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str | None, Field(default=None)]
    group_id: Annotated[str | None, Field(default=None)]
    source: Annotated[ReservationSource, Field(default=None)]
    partner: Annotated[str | None, Field(default=None)]
    reservations: int
    kept: int
    missed: int
    cancelled: int
    replaced: int
    open: int
    early: int
    late: int
    overtime: int
    early_min: int
    late_min: int
    overtime_min: int


class ReservationReportHead(Head):
    group_by: list[ReservationGroupBy]


class ReservationReport(ReservationReportHead):
    rows: list[ReservationCount]


class UnenrolledIdentifier(ResponseModel):
    """An identifier without a vehicle. `denied_id` is the id in `/v1/denied-identifiers`; `allowed` counts attempts
    that were allowed only under `observe`."""

    denied_id: str
    kind: IdentifierKind
    masked: str
    depot_id: str
    attempts: int
    denied: int
    allowed: int
    chargers: int
    first_seen_at: UtcInstant
    first_seen_at_local: Local
    last_seen_at: UtcInstant
    last_seen_at_local: Local


class UnenrolledReport(Head):
    rows: list[UnenrolledIdentifier]
