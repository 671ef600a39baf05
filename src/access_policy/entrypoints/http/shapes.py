"""The shapes of answers, for the OpenAPI document only: endpoints encode plain dictionaries, tests hold them against these."""

from __future__ import annotations

import datetime as dt
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel

from access_policy.application.queries.access_report import GroupBy
from access_policy.application.queries.charger_conditions import ConditionStatus
from access_policy.application.queries.charger_sync import Sync
from access_policy.application.queries.mode_compliance import ComplianceGroup
from access_policy.application.queries.probe import ProfileMatch
from access_policy.domain.access.events import SessionDecision, Stage, StopCause
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import (
    AccessMode,
    CauseKind,
    Enforcement,
    OfflineStarts,
    OnStoreOutage,
    OnWindowStart,
)
from access_policy.domain.capability_profiles.capabilities import Evidence
from access_policy.domain.identifiers import Assurance, IdentifierKind
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlanState

Item = TypeVar("Item")
Version = Annotated[int, Field(ge=1, description="What If-Match is compared with")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Page(Shape, Generic[Item]):
    items: list[Item]
    next_cursor: str | None


class Problem(BaseModel):
    """RFC 9457. `errors` points at what is wrong in the request, where one part of it is."""

    type: str
    title: str
    status: int
    detail: str
    errors: Annotated[list[ProblemPointer], Field(default_factory=list)]


class ProblemPointer(Shape):
    """`line` and `vehicle_id` say which row of an imported file is meant."""

    pointer: str
    message: str
    line: int | None = None
    vehicle_id: str | None = None


class Health(Shape):
    status: Literal["ok"]


class Readiness(Shape):
    ready: bool
    parts: dict[str, bool]
    tzdata: str
    version: str


class EventTaken(Shape):
    """`duplicate`: it was taken in before. `outdated`: a newer one about the same came first, and this one has no effect."""

    event_id: str
    outcome: Literal["applied", "duplicate", "outdated"]


# --- depots and chargers -----------------------------------------------------------------------------------------------


class SessionEnded(Shape):
    attempt_id: str
    charger_id: str
    asked_to_stop: str | None  # the charger's answer; null where it is not connected


class Depot(Shape):
    depot_id: str
    name: str
    time_zone: str
    language: str
    longest_override_days: int
    session_max_age_hours: int
    identifier_kinds: list[IdentifierKind]
    exclusive_kinds: list[IdentifierKind]
    version: Version


class CauseShown(Shape):
    kind: CauseKind
    id: str | None
    name: str


class Transition(Shape):
    at: datetime
    mode: AccessMode


class RuleSettings(Shape):
    rule_id: str
    name: str
    mode: AccessMode
    recurrence: str
    start: str
    end: str
    end_day_offset: int | None
    time_zone: str | None
    applies_from: str | None
    applies_until: str | None
    priority: int
    except_dates: list[dt.date]
    extra_dates: list[dt.date]
    except_calendars: list[str]
    extra_calendars: list[str]


class Rule(RuleSettings):
    """`version` is the charger's."""

    version: Version


class ExceptionSettings(Shape):
    """Dates, or all days of a calendar: the other is null."""

    exception_id: str
    date: dt.date | None
    until_date: dt.date | None
    calendar_id: str | None
    mode: AccessMode
    reason: str


class ModeExceptionMade(ExceptionSettings):
    version: Version


class OverrideMade(Shape):
    override_id: str
    mode: AccessMode
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    reason: str
    version: Version


class OverrideSettings(Shape):
    override_id: str
    mode: AccessMode
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    reason: str
    made_by: str


class ChargerSettings(Shape):
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
    retired_at: datetime | None
    expected_mode: AccessMode
    expected_cause: CauseShown
    applied_mode: AccessMode | None
    applied_at: datetime | None
    next_transition: Transition | None
    version: Version


class Failure(Shape):
    reason: str
    detail: str | None


class KeptPermissions(Shape):
    """The charger's settings for who may start without asking: those in force, and those that are not, with why."""

    seen_at: datetime
    in_force: dict[str, str]
    refused: dict[str, str]


class ConditionShown(Shape):
    """`generation` counts the requests to switch the charger."""

    type: Literal["Ready", "Reachable", "Applied", "Drifted", "Stalled"]
    status: ConditionStatus
    reason: str
    message: str
    since: datetime | None
    generation: int


class ChargerStatus(ChargerSettings):
    connected: bool
    protocol: str | None
    vendor: str | None
    model: str | None
    firmware: str | None
    applied_late_s: float | None
    evidence: str | None
    sync: Sync
    failure: Failure | None
    conditions: list[ConditionShown]
    kept_permissions: KeptPermissions | None


class Charger(ChargerStatus):
    mode_rules: list[RuleSettings]
    exceptions: list[ExceptionSettings]
    overrides: list[OverrideSettings]


class ChargerAsOf(ChargerSettings):
    as_of: datetime
    mode_rules: list[RuleSettings]
    exceptions: list[ExceptionSettings]
    overrides: list[OverrideSettings]


class ChargerNowOrThen(RootModel[Charger | ChargerAsOf]):
    """The latter with `as_of`."""


class RefusedRule(Shape):
    code: str
    detail: str


class ModeThen(Shape):
    mode: AccessMode
    cause: CauseShown


class TimelineChange(Shape):
    start: datetime
    end: datetime
    start_local: datetime
    end_local: datetime
    before: ModeThen
    after: ModeThen


class ForOneCharger(Shape):
    """`problem` where it was refused; the timeline before and after in a dry run."""

    charger_id: str
    ok: bool
    problem: Annotated[RefusedRule, Field(default=None)]
    time_zone: Annotated[str, Field(default=None)]
    from_: Annotated[datetime, Field(alias="from", default=None)]
    until: Annotated[datetime, Field(default=None)]
    before: Annotated[list[TimelineSegment], Field(default=None)]
    after: Annotated[list[TimelineSegment], Field(default=None)]
    changes: Annotated[list[TimelineChange], Field(default=None)]


class RuleForOne(ForOneCharger):
    """`rule_id` where it was made."""

    rule_id: Annotated[str | None, Field(default=None)]


class RulesForMany(Shape):
    dry_run: bool
    results: list[RuleForOne]


class CopiedToOne(ForOneCharger):
    """`change_count`: of what was changed, or would be."""

    change_count: Annotated[int, Field(default=None)]


class PolicyCopied(Shape):
    dry_run: bool
    results: list[CopiedToOne]


class HolidayShown(Shape):
    date: dt.date
    until_date: dt.date
    reason: str


class CalendarSettings(Shape):
    depot_id: str
    calendar_id: str
    name: str
    days: list[HolidayShown]
    version: Version


class TimedEventShown(Shape):
    """An event with times in an .ics file; `imported` if the caller asked for the days of such events."""

    uid: str
    summary: str
    starts_at: datetime
    imported: bool


class CalendarPut(CalendarSettings):
    """`left_out` counts the events of an .ics file without a day in the years that were asked for."""

    left_out: int
    timed_events: list[TimedEventShown]


class Calendar(CalendarSettings):
    """`used_by` are chargers."""

    used_by: list[str]


class CalendarSummary(Shape):
    depot_id: str
    calendar_id: str
    name: str
    day_count: int
    version: Version


class TimelineSegment(Shape):
    start: datetime
    end: datetime
    start_local: datetime
    end_local: datetime
    mode: AccessMode
    cause: CauseShown


class Timeline(Shape):
    charger_id: str
    time_zone: str
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    segments: list[TimelineSegment]


class ControlShown(Shape):
    """The fields of its kind."""

    kind: Literal["device_variable", "configuration_key", "central", "remote_start", "unsupported"]
    component: Annotated[str, Field(default=None)]
    variable: Annotated[str, Field(default=None)]
    key: Annotated[str, Field(default=None)]
    also_called: Annotated[list[str], Field(default=None)]
    managed_value: Annotated[str, Field(default=None)]
    freevend_value: Annotated[str, Field(default=None)]
    tag_key: Annotated[str | None, Field(default=None)]
    tag_also_called: Annotated[list[str], Field(default=None)]
    tag: Annotated[str | None, Field(default=None)]
    needs_reboot: Annotated[bool, Field(default=None)]


class Profile(Shape):
    """`mode_control` is the kind of `control`."""

    name: str
    title: str
    protocols: list[str]
    mode_control: str
    control: ControlShown
    vendors: list[str]
    tags_are: str
    base32_macs: bool
    has_cache: bool
    autocharge: Literal["yes", "no", "unknown"]
    personal_message: bool
    display_message: bool
    pending_at_boot: bool
    denial_error_codes: list[str]
    denial_window_s: float
    settle_s: float
    list_entries_max: int | None
    quirks: list[str]
    evidence: Evidence
    source: str


class ProfilePut(Profile):
    version: int


class ProfileCandidate(Shape):
    profile: str
    title: str
    mode_control: str
    fit: ProfileMatch
    evidence: Evidence
    because: list[str]
    quirks: list[str]


class SettingShown(Shape):
    """`value` null: the charger keeps it to itself, or it is a secret. `writable` null: the charger does not say."""

    name: str
    value: str | None
    writable: bool | None


class ProbedCharger(Shape):
    """`proposed` is the first of the candidates; `all_told`: all settings were read, not only those that profiles name."""

    protocol: str
    vendor: str | None
    model: str | None
    firmware: str | None
    all_told: bool
    proposed: str | None
    candidates: list[ProfileCandidate]
    settings: list[SettingShown]


# --- the registry ------------------------------------------------------------------------------------------------------


class IdentifierShown(Shape):
    """`value` for operators and admins, as long as it is not forgotten; never a PIN's."""

    kind: IdentifierKind
    masked: str
    assurance: Assurance
    verified_at: datetime | None
    value: Annotated[str | None, Field(default=None)]


class Vehicle(Shape):
    vehicle_id: str
    name: str
    access_class: AccessClass
    agreement_id: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    suspended: bool
    suspended_because: str | None
    identifiers: list[IdentifierShown]
    version: Version


class HintAt(Shape):
    pointer: str
    message: str


class VehiclePut(Vehicle):
    """`hints`: what may have been overlooked in the identifiers."""

    hints: list[HintAt]


class HintOf(Shape):
    vehicle_id: str
    message: str


class VehiclesFound(Page[Vehicle]):
    """`hints`: vehicles that have the identifier looked for with its bytes in the other order."""

    hints: list[HintOf]


class Hours(Shape):
    days: list[str]
    start: str
    end: str


class Agreement(Shape):
    agreement_id: str
    name: str
    fleet: str
    valid_from: datetime
    valid_until: datetime | None
    ended_at: datetime | None
    charger_ids: list[str]
    depot_ids: list[str]
    hours: list[Hours]
    identifier_kinds: list[IdentifierKind]
    version: Version


# --- access ------------------------------------------------------------------------------------------------------------


class ExplainedRow(Shape):
    rule: str
    decided: bool
    reason: Reason | None
    text: str


class Decision(Shape):
    """`attempt_id` is null in a dry run."""

    decision: Literal["allowed", "denied"]
    reason: Reason
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    expected_mode: AccessMode
    cause: CauseShown
    would_deny: Reason | None
    valid_until: datetime | None
    decided_for: datetime
    attempt_id: str | None
    explanation: list[ExplainedRow]


class IdentifierMasked(Shape):
    kind: IdentifierKind
    masked: str


class Signal(Shape):
    status: str
    message: str | None


class DisplayShown(Shape):
    """What was sent to the charger's display; `status` is the charger's word, `Accepted` where it was shown."""

    status: str
    message: str
    language: str
    until: datetime


class Charge(Shape):
    started_at: datetime
    ended_at: datetime | None
    energy_wh: int | None


class StopRequested(Shape):
    at: datetime
    cause: StopCause


class AccessEvent(Shape):
    attempt_id: str
    occurred_at: datetime
    depot_id: str
    charger_id: str
    connector_id: int | None
    decision: Literal["allowed", "denied", "none"]
    reason: Reason | None
    access_class: AccessClass | None
    vehicle_id: str | None
    agreement_id: str | None
    identifier: IdentifierMasked | None
    expected_mode: AccessMode
    cause: CauseShown | None
    would_deny: Reason | None
    offline: bool
    denial_signal: Signal | None
    display: DisplayShown | None
    error_shown: str | None
    denial_not_honoured: bool
    stop_requested: StopRequested | None
    session: Charge | None


class Lineage(Shape):
    stage: Stage | None
    protocol: str | None
    message_id: str | None
    enforcement: Enforcement | None
    policy_version: int | None
    registry_version: int | None
    transaction_id: str | None
    session_decision: SessionDecision | None
    session_end_reason: str | None


class ChangedSince(Shape):
    policy: bool
    vehicle: bool
    agreement: bool


class SignalSent(Signal):
    language: str | None


class ExplainedDecision(Shape):
    """`cause_as_it_was`: the rule, exception or override as it read then."""

    decision: Literal["allowed", "denied"]
    reason: Reason
    would_deny: Reason | None
    valid_until: datetime | None
    denial_signal: SignalSent | None
    stage: Stage
    protocol: str
    message_id: str
    decided_for: datetime
    recorded_at: datetime
    actor: str
    expected_mode: AccessMode
    cause: CauseShown
    cause_as_it_was: RuleSettings | ExceptionSettings | OverrideSettings | None
    enforcement: Enforcement
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    policy_version: int
    registry_version: int
    changed_since: ChangedSince
    explanation: list[ExplainedRow]


class AccessEventInFull(AccessEvent):
    """`decisions` in the order in which they were made; `explanation` is the latest one's."""

    valid_until: datetime | None
    lineage: Lineage
    decisions: list[ExplainedDecision]
    explanation: list[ExplainedRow]


class PinLockout(Shape):
    locked_at: datetime
    locked_until: datetime
    charger_id: str
    depot_id: str
    source: str
    attempt_id: str


class DeniedIdentifier(Shape):
    """`value` for those who may enrol it; null once it is not kept any more."""

    denied_id: str
    kind: IdentifierKind
    masked: str
    attempts: int
    first_seen: datetime
    last_seen: datetime
    last_attempt_id: str
    charger_ids: list[str]
    byte_reversed_vehicle_id: str | None
    value: Annotated[str | None, Field(default=None)]


class OfferedIdentifier(Shape):
    denied_id: str
    kind: IdentifierKind
    masked: str
    seen_at: datetime
    attempt_id: str


class EnrolmentSession(Shape):
    session_id: str
    charger_id: str
    state: Literal["armed", "offered", "enrolled", "expired", "cancelled"]
    armed_at: datetime
    armed_by: str
    expires_at: datetime
    offered: OfferedIdentifier | None
    denied_id: str | None
    vehicle_id: str | None


# --- imports -----------------------------------------------------------------------------------------------------------


class RegistryImportCounts(Shape):
    add: int
    change: int
    remove: int
    unchanged: int
    error: int


class RegistryImportLeftOut(Shape):
    line: int | None
    vehicle_id: str | None
    message: str


class RegistryImportResult(Shape):
    applied: dict[Literal["add", "change", "remove"], int]
    left_out: list[RegistryImportLeftOut]
    registry_version: int
    applied_at: datetime


class RegistryImport(Shape):
    """`done` of `of` rows are applied; `confirm_removals` has to be sent along where it is a number."""

    plan_id: str
    state: PlanState
    mode: ImportMode
    file_fingerprint: str
    counts: RegistryImportCounts
    confirm_removals: int | None
    registry_version: int
    created_at: datetime
    expires_at: datetime
    done: int
    of: int
    error: str | None
    result: RegistryImportResult | None


class RegistryImportChange(Shape):
    """Identifiers are masked, and a list."""

    before: str | list[str] | None
    after: str | list[str] | None


class RegistryImportError(Shape):
    column: str | None
    message: str


class RegistryImportRow(Shape):
    """`line` is null for a vehicle that the file does not have."""

    line: int | None
    action: Action
    vehicle_id: str | None
    changes: dict[str, RegistryImportChange]
    errors: list[RegistryImportError]


class RegistryImportPlan(RegistryImport):
    rows: list[RegistryImportRow]


# --- reports -----------------------------------------------------------------------------------------------------------


class Outcome(Shape):
    decision: Literal["allowed", "denied"]
    reason: Reason
    would_deny: Reason | None


class OutcomesCounted(Shape):
    before: Outcome
    after: Outcome
    count: int


class DifferentAttempt(Shape):
    attempt_id: str
    occurred_at: datetime
    charger_id: str
    vehicle_id: str | None
    identifier: IdentifierMasked | None
    recorded: Outcome
    before: Outcome
    after: Outcome


class WhatIfNote(Shape):
    """What no recorded attempt can show. `pointer` is into the request (RFC 6901)."""

    code: str
    pointer: str
    charger_ids: list[str]
    message: str


class WhatIf(Shape):
    attempts: int
    complete: bool
    different: int
    newly_denied: int
    newly_allowed: int
    counts: list[OutcomesCounted]
    examples: list[DifferentAttempt]
    notes: list[WhatIfNote]


class AccessCount(Shape):
    """The columns that are grouped by, and the counts."""

    day: Annotated[dt.date, Field(default=None)]
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str, Field(default=None)]
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


class AccessReport(Shape):
    group_by: list[GroupBy]
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    rows: list[AccessCount]


class ComplianceRow(Shape):
    """Of the columns grouped by, only those are there."""

    day: Annotated[dt.date, Field(default=None)]
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


class ComplianceReport(Shape):
    group_by: list[ComplianceGroup]
    from_: Annotated[datetime, Field(alias="from")]
    until: datetime
    on_time_s: int
    rows: list[ComplianceRow]


class ModeChangeFailure(Shape):
    reason: str
    detail: str
    at: datetime


class ModeChange(Shape):
    charger_id: str
    mode: AccessMode
    cause: CauseShown
    due_at: datetime
    requested_at: datetime
    applied_at: datetime | None
    lateness_s: float | None
    how_known: str | None
    outcome: Literal["requested", "applied", "failed"]
    failure: ModeChangeFailure | None
    mode_control: str
    trigger: str


class Fault(Shape):
    occurred_at: datetime
    charger_id: str
    connector_id: int | None
    error_code: str
    vendor_error_code: str | None
    info: str | None
    cleared_at: datetime | None
