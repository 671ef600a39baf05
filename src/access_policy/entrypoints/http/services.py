"""What the endpoints need of the application; `container` fills it in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from access_policy.application.commands import Done
from access_policy.application.commands.copy_policy import CopyPolicyHandler
from access_policy.application.commands.end_session import EndSessionHandler
from access_policy.application.commands.schedule_mode_for_many import ScheduleModeForManyHandler
from access_policy.application.context import Context
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_intake import EventIntake
from access_policy.application.ports.idempotency import IdempotencyRecords
from access_policy.application.ports.identity import Tokens
from access_policy.application.ports.secrets import Pseudonyms, VehicleVault
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.ports.views import Row, Views
from access_policy.application.queries.access_report import AccessReports
from access_policy.application.queries.explained_attempt import ExplainedAttempts
from access_policy.application.queries.mode_compliance import ModeCompliance
from access_policy.application.queries.probe import Probe
from access_policy.application.queries.registry_export import RegistryExport
from access_policy.application.registry_import.imports import RegistryImports
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.what_if.replay import WhatIf
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.peers import Peers

Handler = Callable[[Context, Any], Awaitable[Done]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServices:
    """`settled` waits until a log position can be read, False if that takes too long; `readiness` names what the service
    needs and whether it is there; `metrics` is Prometheus text; `connected` knows it of a charger by its key and its row
    in the read model."""

    clock: Clock
    tokens: Tokens
    idempotency: IdempotencyRecords
    settled: Callable[[int], Awaitable[bool]]
    readiness: Callable[[], Awaitable[dict[str, bool]]]
    metrics: Callable[[], Awaitable[bytes]]
    connected: Callable[[ChargerKey, Row], bool]
    peers: Peers
    views: Views
    decision_view: DecisionView
    decider: AttemptDecider
    decisions: DecisionMaker
    explained_attempts: ExplainedAttempts
    what_if: WhatIf
    registry_imports: RegistryImports
    registry_export: RegistryExport
    access_reports: AccessReports
    mode_compliance: ModeCompliance
    policies: ChargerAccessPolicies
    profiles: CapabilityProfiles
    pseudonyms: Pseudonyms
    vault: VehicleVault
    unknown_identifiers: UnknownIdentifiers
    unknown_identifiers_kept_for: timedelta
    put_depot: Handler
    put_calendar: Handler
    remove_calendar: Handler
    probe: Probe
    put_profile: Handler
    remove_profile: Handler
    put_charger: Handler
    retire_charger: Handler
    rotate_password: Handler
    schedule_mode: Handler
    schedule_mode_for_many: ScheduleModeForManyHandler
    copy_policy: CopyPolicyHandler
    amend_mode_rule: Handler
    withdraw_mode_rule: Handler
    add_exception: Handler
    remove_exception: Handler
    override_mode: Handler
    lift_override: Handler
    put_vehicle: Handler
    suspend_vehicle: Handler
    reinstate_vehicle: Handler
    remove_vehicle: Handler
    enrol_identifier: Handler
    arm_enrolment: Handler
    cancel_enrolment: Handler
    put_agreement: Handler
    end_agreement: Handler
    end_session: EndSessionHandler
    intake: EventIntake
