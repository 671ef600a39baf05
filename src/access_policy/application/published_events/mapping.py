"""The stored events that are published, each with its public form, and the private ones with the reason. A test
checks that every stored event is in one of the two tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, Final

from access_policy.application.published_events import attempts, chargers, registry, shared
from access_policy.application.published_events import reservations as public_reservations
from access_policy.domain.access import events as access
from access_policy.domain.access_mode import Cause
from access_policy.domain.api_keys import events as api_keys
from access_policy.domain.audit import readings
from access_policy.domain.capability_profiles import profile
from access_policy.domain.charge_points import claims
from access_policy.domain.charger_access_policy import events as policy
from access_policy.domain.charger_calls import events as charger_calls
from access_policy.domain.charger_condition import events as condition
from access_policy.domain.depots import depot
from access_policy.domain.enrolment import session as enrolment
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.notices import digests, notices
from access_policy.domain.ocpi_partners import events as ocpi_partners
from access_policy.domain.reservations import events as reservations
from access_policy.domain.reservations.reservation import Reservation
from access_policy.domain.tenants import erasure, restoring, tenant
from access_policy.domain.vehicle_registry import events as vehicles
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.webhooks import events as webhooks

INTERNAL: Final[Mapping[type, str]] = {
    access.DriverInformed: "internal to the display; the API shows it with the attempt",
    access.SessionEndedByOperator: "the audit record of an operator's command; ChargingEnded (reason `operator`) is published",
    access.TransactionAnnounced: "a transaction without a token and without energy; ChargingStarted follows if it gets one",
    access.TransactionEnded: "a transaction without a session; ChargingEnded follows if its start is delivered",
    access.TransactionOpened: "an internal index of transactions by attempt",
    api_keys.ApiKeyCreated: "for the audit alone",
    api_keys.ApiKeyRevoked: "for the audit alone",
    claims.ChargePointClaimed: "an internal index across tenants",
    claims.ChargePointReleased: "an internal index across tenants",
    charger_calls.ChargerCallEnded: "for the audit alone",
    charger_calls.ChargerCallRequested: "for the audit alone",
    condition.ChargerBooted: "internal to the gateway; the API shows it",
    condition.ChargerConnected: "internal to the gateway; the API shows it",
    condition.ChargerDisconnected: "internal to the gateway; the API shows it",
    condition.OfflineStartsSet: "internal to the gateway; the API shows it",
    condition.ChargerReservationReported: "internal to the gateway; the API shows it",
    condition.PasswordSent: "about secrets",
    depot.DepotAmended: "depots are the neighbours' master data, copied here",
    depot.DepotRegistered: "depots are the neighbours' master data, copied here",
    depot.HolidayCalendarPut: "its consequences for each charger are in the timeline",
    depot.HolidayCalendarRemoved: "its consequences for each charger are in the timeline",
    depot.SchedulePut: "the chargers that follow it publish what they take, as ScheduleTaken",
    depot.ScheduleRemoved: "a schedule that no charger follows",
    enrolment.EnrolmentArmed: "a short-lived operator's tool",
    enrolment.EnrolmentCancelled: "a short-lived operator's tool",
    readings.IdentifierValuesShown: "for the audit alone",
    policy.HolidayCalendarDropped: "a charger's own copy of a calendar",
    policy.HolidayCalendarTaken: "a charger's own copy of a calendar",
    policy.ModeChangeRequested: "the fence of the control loop; ModeApplied and ModeApplicationFailed publish its result",
    ocpi_partners.OcpiConnectionChanged: "for the audit alone",
    ocpi_partners.OcpiPartnerPut: "for the audit alone",
    ocpi_partners.OcpiPartnerRemoved: "for the audit alone",
    profile.CapabilityProfilePut: "how chargers are controlled, not what they do",
    profile.CapabilityProfileRemoved: "how chargers are controlled, not what they do",
    reservations.ReservationGroupPut: "how the depot groups its chargers; each reservation names its group",
    reservations.ReservationSettingsPut: "how the depot plans; each reservation has a copy of its terms",
    vehicles.DeniedIdentifierIgnored: "what an operator wants to see in a list",
    vehicles.DeniedIdentifierListed: "what an operator wants to see in a list",
    vehicles.AdHocPermissionEnded: "an operator's decision for one attempt; AccessAllowed (reason `ad_hoc`) is published",
    vehicles.AdHocPermissionGiven: "an operator's decision for one attempt; AccessAllowed (reason `ad_hoc`) is published",
    erasure.TenantErased: "the installation's own record; nobody may learn of a tenant from the bus of another",
    erasure.TenantErasureBegun: "the installation's own record; nobody may learn of a tenant from the bus of another",
    restoring.InstallationRestored: "about the log itself; the audit verifies heads with it",
    tenant.TenantAmended: "tenants are the installation's master data",
    tenant.TenantRegistered: "tenants are the installation's master data",
    webhooks.WebhookChanged: "for the audit alone",
    webhooks.WebhookCreated: "for the audit alone",
    webhooks.WebhookRemoved: "for the audit alone",
    webhooks.WebhookSecretRotated: "for the audit alone",
}


def public_data(event: Any) -> Any:
    """The public data of a stored event that is published."""
    return PUBLISHED[type(event)](event)


# --- attempts --------------------------------------------------------------------------------------------------------


def _allowed(event: access.AccessAllowed) -> attempts.AccessAllowed:
    return attempts.AccessAllowed(
        **_decided(event.lineage),
        reason=event.reason,
        would_deny=event.would_deny,
        valid_until=event.valid_until,
    )


def _denied(event: access.AccessDenied) -> attempts.AccessDenied:
    signal = event.signal
    return attempts.AccessDenied(
        **_decided(event.lineage),
        reason=event.reason,
        denial_signal=None
        if signal is None
        else attempts.DenialSignal(status=signal.status, message=signal.message, language=signal.language),
    )


def _decided(lineage: access.DecisionLineage) -> dict[str, Any]:
    return {
        "attempt_id": lineage.attempt_id,
        "charger_id": lineage.charger_id,
        "depot_id": lineage.depot_id,
        "connector_id": lineage.connector_id,
        "identifier": _identifier(lineage.identifier),
        "access_class": lineage.access_class,
        "vehicle_id": lineage.vehicle_id,
        "agreement_id": lineage.agreement_id,
        "expected_mode": lineage.expected_mode,
        "cause": _cause(lineage.cause),
        "lineage": attempts.Lineage(
            decided_for=lineage.decided_for,
            stage=lineage.stage,
            protocol=lineage.protocol,
            message_id=lineage.message_id,
            enforcement=lineage.enforcement,
            policy_version=lineage.policy_version,
            registry_version=lineage.registry_version,
        ),
    }


def _started(event: access.ChargingStarted) -> attempts.ChargingStarted:
    return attempts.ChargingStarted(
        attempt_id=event.attempt_id,
        charger_id=event.charger_id,
        depot_id=event.depot_id,
        connector_id=event.connector_id,
        transaction_id=event.transaction_id,
        started_at=event.started_at,
        meter_start_wh=event.meter_start_wh,
        decision=event.decision,
        identifier=_identifier(event.identifier),
        vehicle_id=event.vehicle_id,
        expected_mode=event.expected_mode,
        offline=event.offline,
    )


def _identifier(ref: IdentifierRef | None) -> shared.Identifier | None:
    return None if ref is None else _known_identifier(ref)


def _known_identifier(ref: IdentifierRef) -> shared.Identifier:
    return shared.Identifier(kind=ref.kind, pseudonym=ref.pseudonym)


def _cause(cause: Cause) -> shared.Cause:
    return shared.Cause(kind=cause.kind, id=cause.id, name=cause.name)


# --- chargers --------------------------------------------------------------------------------------------------------


def _settings(settings: policy.ChargerSettings) -> chargers.ChargerSettings:
    return chargers.ChargerSettings(
        charge_point_id=settings.charge_point_id,
        depot_id=settings.depot_id,
        time_zone=settings.time_zone,
        profile=settings.profile,
        baseline_mode=settings.baseline_mode,
        connectors=settings.connectors,
        on_window_start=settings.on_window_start,
        on_store_outage=settings.on_store_outage,
        offline_starts=settings.offline_starts,
        reservation_only=settings.reservation_only,
    )


def _rule(rule: ModeRule) -> chargers.ModeRule:
    return chargers.ModeRule(
        rule_id=rule.rule_id,
        name=rule.name,
        mode=rule.mode,
        recurrence=rule.recurrence,
        start=rule.start,
        end=rule.end,
        end_day_offset=rule.end_day_offset,
        time_zone=rule.time_zone,
        applies_from=_edge(rule.applies_from),
        applies_until=_edge(rule.applies_until),
        priority=rule.priority,
        except_dates=tuple(sorted(rule.except_dates)),
        extra_dates=tuple(sorted(rule.extra_dates)),
        except_calendars=tuple(sorted(rule.except_calendars)),
        extra_calendars=tuple(sorted(rule.extra_calendars)),
    )


def _edge(edge: Edge | None) -> str | None:
    if edge is None or edge.at is None:
        return None if edge is None or edge.on is None else edge.on.isoformat()
    return edge.at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _exception(event: policy.ModeExceptionAdded) -> chargers.ModeExceptionAdded:
    return chargers.ModeExceptionAdded(
        charger_id=event.charger_id,
        exception_id=event.exception_id,
        date=event.first,
        until_date=event.last,
        calendar_id=None,
        mode=event.mode,
        reason=event.reason,
    )


def _calendar_exception(event: policy.ModeCalendarExceptionAdded) -> chargers.ModeExceptionAdded:
    return chargers.ModeExceptionAdded(
        charger_id=event.charger_id,
        exception_id=event.exception_id,
        date=None,
        until_date=None,
        calendar_id=event.calendar_id,
        mode=event.mode,
        reason=event.reason,
    )


def _applied(event: policy.ModeApplied) -> chargers.ModeApplied:
    return chargers.ModeApplied(
        charger_id=event.charger_id,
        mode=event.mode,
        cause=_cause(event.cause),
        due_at=event.due_at,
        applied_at=event.applied_at,
        late_s=event.late_s,
        evidence=event.evidence,
    )


def _digest(event: digests.DepotDigestMade) -> chargers.DepotDigestMade:
    names = (
        *("depot_id", "since", "until", "attempts", "allowed", "denied", "sessions", "energy_wh", "transitions"),
        *("on_time", "late", "missed", "pending", "unreachable", "problem_count", "made_at"),
    )
    problem = ("charger_id", "late", "missed", "pending", "lateness_max_s")
    return chargers.DepotDigestMade(
        **{name: getattr(event, name) for name in names},
        denials=tuple(chargers.DenialCount(reason=each.reason, denials=each.denials) for each in event.denials),
        problems=tuple(
            chargers.ChargerProblem(**{name: getattr(each, name) for name in problem}) for each in event.problems
        ),
    )


# --- the registry ----------------------------------------------------------------------------------------------------


def _description(description: vehicles.VehicleDescription) -> dict[str, Any]:
    return {
        "access_class": description.access_class,
        "agreement_id": description.agreement_id,
        "valid_from": description.valid_from,
        "valid_until": description.valid_until,
    }


def _agreement(agreement: Agreement) -> registry.Agreement:
    return registry.Agreement(
        agreement_id=agreement.agreement_id,
        name=agreement.name,
        fleet=agreement.fleet,
        valid_from=agreement.valid_from,
        valid_until=agreement.valid_until,
        ended_at=agreement.ended_at,
        charger_ids=tuple(sorted(agreement.charger_ids)),
        depot_ids=tuple(sorted(agreement.depot_ids)),
        hours=tuple(
            registry.AgreementHours(days=hours.days, start=hours.start, end=hours.end) for hours in agreement.hours
        ),
        identifier_kinds=tuple(sorted(agreement.identifier_kinds)),
    )


# --- reservations ----------------------------------------------------------------------------------------------------


def _reservation(reservation: Reservation) -> public_reservations.Reservation:
    request, assignment = reservation.request, reservation.assignment
    return public_reservations.Reservation(
        reservation_id=reservation.reservation_id,
        charger_id=reservation.place.charger_id,
        connector_id=reservation.place.connector_id,
        group_id=reservation.place.group_id,
        vehicle_id=reservation.holder.vehicle_id,
        identifiers=tuple(_known_identifier(each.ref) for each in reservation.holder.identifiers),
        start=reservation.start,
        end=reservation.end,
        source=reservation.source,
        party=None if request is None else request.party,
        request_id=None if request is None else request.request_id,
        assignment_id=None if assignment is None else assignment.assignment_id,
        block_id=None if assignment is None else assignment.block_id,
        departure=None if assignment is None else assignment.departure,
        is_ad_hoc=reservation.is_ad_hoc,
    )


def _alike(public: type, *names: str) -> Callable[[Any], Any]:
    """Copy fields that have the same name and hold plain values."""
    return lambda event: public(**{name: getattr(event, name) for name in names})


PUBLISHED: Final[Mapping[type, Callable[[Any], Any]]] = {
    access.AccessAllowed: _allowed,
    access.AccessDenied: _denied,
    access.ChargingStarted: _started,
    access.ChargingEnded: _alike(
        attempts.ChargingEnded, "attempt_id", "charger_id", "transaction_id", "ended_at", "energy_wh", "reason"
    ),
    access.OfflineStartReported: _alike(
        attempts.OfflineStartReported, "attempt_id", "charger_id", "started_at", "authorised", "reason"
    ),
    access.DenialNotHonoured: _alike(
        attempts.DenialNotHonoured, "attempt_id", "charger_id", "transaction_id", "seen_at", "energy_wh"
    ),
    access.SessionStopRequested: _alike(
        attempts.SessionStopRequested, "attempt_id", "charger_id", "transaction_id", "cause", "requested_at"
    ),
    access.PinsLockedOut: _alike(attempts.PinsLockedOut, "charger_id", "depot_id", "attempt_id", "since", "until"),
    policy.ChargerRegistered: lambda event: chargers.ChargerRegistered(
        charger_id=event.charger_id, settings=_settings(event.settings), enforcement=event.enforcement
    ),
    policy.ChargerAmended: lambda event: chargers.ChargerAmended(
        charger_id=event.charger_id, settings=_settings(event.settings)
    ),
    policy.ChargerRetired: _alike(chargers.ChargerRetired, "charger_id", "retired_at"),
    policy.EnforcementChanged: _alike(chargers.EnforcementChanged, "charger_id", "enforcement"),
    policy.ModeScheduled: lambda event: chargers.ModeScheduled(charger_id=event.charger_id, rule=_rule(event.rule)),
    policy.ModeScheduleAmended: lambda event: chargers.ModeScheduleAmended(
        charger_id=event.charger_id, rule=_rule(event.rule)
    ),
    policy.ModeScheduleWithdrawn: _alike(chargers.ModeScheduleWithdrawn, "charger_id", "rule_id"),
    policy.ModeExceptionAdded: _exception,
    policy.ModeCalendarExceptionAdded: _calendar_exception,
    policy.ModeExceptionRemoved: _alike(chargers.ModeExceptionRemoved, "charger_id", "exception_id"),
    policy.ScheduleTaken: lambda event: chargers.ScheduleTaken(
        charger_id=event.charger_id,
        schedule_id=event.schedule.schedule_id,
        name=event.schedule.name,
        rules=tuple(_rule(rule) for rule in event.schedule.rules),
    ),
    policy.ScheduleLeft: _alike(chargers.ScheduleLeft, "charger_id", "schedule_id"),
    policy.ModeOverridden: _alike(
        chargers.ModeOverridden, "charger_id", "override_id", "mode", "starts_at", "ends_at", "reason"
    ),
    policy.ModeOverrideLifted: _alike(chargers.ModeOverrideLifted, "charger_id", "override_id", "lifted_at"),
    policy.ModeApplied: _applied,
    policy.ModeApplicationFailed: _alike(
        chargers.ModeApplicationFailed, "charger_id", "mode", "reason", "detail", "failed_at"
    ),
    policy.ModeDriftDetected: _alike(
        chargers.ModeDriftDetected, "charger_id", "expected", "found", "evidence", "detected_at"
    ),
    condition.ConnectorFaulted: _alike(
        chargers.ConnectorFaulted,
        *("charger_id", "connector_id", "error_code", "vendor_error_code", "faulted_at", "caused_by"),
    ),
    condition.ConnectorRecovered: _alike(chargers.ConnectorRecovered, "charger_id", "connector_id", "recovered_at"),
    vehicles.VehicleRegistered: lambda event: registry.VehicleRegistered(
        vehicle_id=event.vehicle_id, **_description(event.description)
    ),
    vehicles.VehicleReclassified: lambda event: registry.VehicleReclassified(
        vehicle_id=event.vehicle_id, **_description(event.description)
    ),
    vehicles.VehicleIdentifierAdded: lambda event: registry.VehicleIdentifierAdded(
        vehicle_id=event.vehicle_id, identifier=_known_identifier(event.identifier.ref)
    ),
    vehicles.VehicleIdentifierRemoved: lambda event: registry.VehicleIdentifierRemoved(
        vehicle_id=event.vehicle_id, identifier=_known_identifier(event.ref)
    ),
    vehicles.VehicleSuspended: _alike(registry.VehicleSuspended, "vehicle_id"),
    vehicles.VehicleReinstated: _alike(registry.VehicleReinstated, "vehicle_id"),
    vehicles.VehicleRemoved: _alike(registry.VehicleRemoved, "vehicle_id"),
    vehicles.AgreementRecorded: lambda event: registry.AgreementRecorded(agreement=_agreement(event.agreement)),
    vehicles.AgreementAmended: lambda event: registry.AgreementAmended(agreement=_agreement(event.agreement)),
    vehicles.AgreementEnded: _alike(registry.AgreementEnded, "agreement_id", "ended_at"),
    notices.AgreementEndsSoon: _alike(registry.AgreementEndsSoon, "agreement_id", "ends_at", "noted_at"),
    notices.ChargerUnreachableAtTransition: lambda event: chargers.ChargerUnreachableAtTransition(
        charger_id=event.charger_id,
        depot_id=event.depot_id,
        mode=event.mode,
        cause=_cause(event.cause),
        due_at=event.due_at,
        noted_at=event.noted_at,
    ),
    digests.DepotDigestMade: _digest,
    reservations.ReservationMade: lambda event: public_reservations.ReservationMade(
        depot_id=event.depot_id, reservation=_reservation(event.reservation), made_at=event.made_at
    ),
    reservations.ReservationChanged: lambda event: public_reservations.ReservationChanged(
        depot_id=event.depot_id, reservation=_reservation(event.reservation), changed_at=event.changed_at
    ),
    reservations.ReservationCancelled: _alike(
        public_reservations.ReservationCancelled,
        *("depot_id", "reservation_id", "requested_by", "cancelled_at", "replaced_by"),
    ),
    reservations.ReservationFulfilled: _alike(
        public_reservations.ReservationFulfilled,
        *("depot_id", "reservation_id", "charger_id", "attempt_id", "fulfilled_at"),
    ),
    reservations.ReservationNoShow: _alike(
        public_reservations.ReservationNoShow, "depot_id", "reservation_id", "missed_at"
    ),
    reservations.ReservationWindowEnded: _alike(
        public_reservations.ReservationWindowEnded, "depot_id", "reservation_id", "session_active", "ended_at"
    ),
    reservations.ReservationConflictDetected: _alike(
        public_reservations.ReservationConflictDetected,
        *("depot_id", "reservation_id", "kind", "cause", "detected_at"),
    ),
    vehicles.RegistryImportApplied: _alike(
        registry.RegistryImportApplied,
        *("plan_id", "mode", "added", "changed", "removed", "unchanged", "left_out"),
    ),
}
TYPES: Final[frozenset[str]] = frozenset(event.TYPE for event in PUBLISHED)  # type: ignore[attr-defined]
