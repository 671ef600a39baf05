"""The stored events that are published, each with its public form, and the private ones with the reason. A test checks
that each stored event is in exactly one of the two tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from access_policy.application.published_events import (
    from_attempts,
    from_chargers,
    from_registry,
)
from access_policy.application.published_events import reservations as public_reservations
from access_policy.application.published_events import site_energy as public_energy
from access_policy.application.published_events.plain_parts import alike, binding_envelope, known_identifier
from access_policy.domain.access import events as access
from access_policy.domain.api_keys import events as api_keys
from access_policy.domain.audit import readings
from access_policy.domain.capability_profiles import profile
from access_policy.domain.charge_points import claims
from access_policy.domain.charger_access_policy import events as policy
from access_policy.domain.charger_calls import events as charger_calls
from access_policy.domain.charger_condition import events as condition
from access_policy.domain.depots import depot
from access_policy.domain.enrolment import session as enrolment
from access_policy.domain.ocpi_partners import events as ocpi_partners
from access_policy.domain.oscp_providers import events as oscp_providers
from access_policy.domain.reservations import events as reservations
from access_policy.domain.reservations.reservation import Reservation
from access_policy.domain.site_energy import events as energy
from access_policy.domain.tenants import erasure, restoring, tenant
from access_policy.domain.vehicle_registry import events as vehicles
from access_policy.domain.webhooks import events as webhooks

INTERNAL: Final[Mapping[type, str]] = {
    access.DriverInformed: "internal to the display; the API shows it with the attempt",
    access.SessionEndedByOperator: "the audit record of an operator's command; ChargingEnded (reason `operator`) is published",
    access.TransactionAnnounced: "a transaction without a token and without energy; ChargingStarted follows if it gets one",
    access.TransactionEnded: "a transaction without a session; ChargingEnded follows if its start is delivered",
    access.TransactionOpened: "an internal index of transactions by attempt",
    api_keys.ApiKeyCreated: "for the audit only",
    api_keys.ApiKeyRevoked: "for the audit only",
    claims.ChargePointClaimed: "an internal index across tenants",
    claims.ChargePointReleased: "an internal index across tenants",
    charger_calls.ChargerCallEnded: "for the audit only",
    charger_calls.ChargerCallRequested: "for the audit only",
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
    depot.EntrancePut: "the depot's own set-up; each decision at an entrance names it",
    depot.EntranceRemoved: "the depot's own set-up; each decision at an entrance names it",
    depot.SchedulePut: "the chargers that follow it publish what they take, as ScheduleTaken",
    depot.ScheduleRemoved: "a schedule that no charger follows",
    enrolment.EnrolmentArmed: "a short-lived operator's tool",
    enrolment.EnrolmentCancelled: "a short-lived operator's tool",
    readings.IdentifierValuesShown: "for the audit only",
    policy.HolidayCalendarDropped: "a charger's own copy of a calendar",
    policy.HolidayCalendarTaken: "a charger's own copy of a calendar",
    policy.ModeChangeRequested: "the fence of the control loop; ModeApplied and ModeApplicationFailed publish its result",
    ocpi_partners.OcpiConnectionChanged: "for the audit only",
    ocpi_partners.OcpiPartnerPut: "for the audit only",
    ocpi_partners.OcpiPartnerRemoved: "for the audit only",
    oscp_providers.OscpConnectionChanged: "for the audit only",
    oscp_providers.OscpProviderPut: "for the audit only",
    oscp_providers.OscpProviderRemoved: "for the audit only",
    profile.CapabilityProfilePut: "how chargers are controlled, not what they do",
    profile.CapabilityProfileRemoved: "how chargers are controlled, not what they do",
    reservations.ReservationGroupPut: "how the depot groups its chargers; each reservation names its group",
    reservations.ReservationSettingsPut: "how the depot plans; each reservation has a copy of its terms",
    energy.EnergyNodePut: "the depot's own set-up; each narrowing names its node",
    energy.EnergyNodeRemoved: "the depot's own set-up; each narrowing names its node",
    energy.EnergyPolicyPut: "the depot's own set-up; each narrowing has its threshold",
    energy.OperatingEnvelopeReceived: "sent by a neighbour; each narrowing names its envelope",
    energy.OperatingEnvelopeWithdrawn: "sent by a neighbour; each narrowing names its envelope",
    energy.OperatingEnvelopeIgnored: "sent by a neighbour, without effect; the API shows it",
    energy.DemandMeasured: "measured by a neighbour or a charger",
    energy.EnergySourceHeard: "a sign of life; EnergyControlRestored is published",
    energy.EnergySourceWentOffline: "may be in the future; EnergyControlDegraded is published when it takes effect",
    vehicles.DeniedIdentifierIgnored: "an operator's choice of what a list shows",
    vehicles.DeniedIdentifierListed: "an operator's choice of what a list shows",
    vehicles.AdHocPermissionEnded: "an operator's decision for one attempt; AccessAllowed (reason `ad_hoc`) is published",
    vehicles.AdHocPermissionGiven: "an operator's decision for one attempt; AccessAllowed (reason `ad_hoc`) is published",
    erasure.TenantErased: "the installation's own record; one tenant's bus must not reveal another tenant",
    erasure.TenantErasureBegun: "the installation's own record; one tenant's bus must not reveal another tenant",
    restoring.InstallationRestored: "about the log itself; the audit verifies heads with it",
    tenant.TenantAmended: "tenants are the installation's master data",
    tenant.TenantRegistered: "tenants are the installation's master data",
    webhooks.WebhookChanged: "for the audit only",
    webhooks.WebhookCreated: "for the audit only",
    webhooks.WebhookRemoved: "for the audit only",
    webhooks.WebhookSecretRotated: "for the audit only",
}


def public_data(event: Any) -> Any:
    """Return the public data of a stored event that is published."""
    return PUBLISHED[type(event)](event)


def _level(event: energy.AccessNarrowed | energy.AccessWidened) -> dict[str, Any]:
    """Return the fields that both changes of a level have."""
    return {
        "depot_id": event.depot_id,
        "node_id": event.node_id,
        "level": event.level,
        "envelope": binding_envelope(event.envelope),
        "limit_source": event.limit_source,
        "charger_ids": event.charger_ids,
        "effective_w": event.effective_w,
        "committed_w": event.committed_w,
        "threshold_w": event.threshold_w,
        "is_advisory": event.is_advisory,
    }


def _reservation(reservation: Reservation) -> public_reservations.Reservation:
    request, assignment = reservation.request, reservation.assignment
    return public_reservations.Reservation(
        reservation_id=reservation.reservation_id,
        charger_id=reservation.place.charger_id,
        connector_id=reservation.place.connector_id,
        group_id=reservation.place.group_id,
        vehicle_id=reservation.holder.vehicle_id,
        identifiers=tuple(known_identifier(each.ref) for each in reservation.holder.identifiers),
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


PUBLISHED: Final[Mapping[type, Callable[[Any], Any]]] = {
    **from_attempts.PUBLISHED,
    **from_chargers.PUBLISHED,
    **from_registry.PUBLISHED,
    reservations.ReservationMade: lambda event: public_reservations.ReservationMade(
        depot_id=event.depot_id, reservation=_reservation(event.reservation), made_at=event.made_at
    ),
    reservations.ReservationChanged: lambda event: public_reservations.ReservationChanged(
        depot_id=event.depot_id, reservation=_reservation(event.reservation), changed_at=event.changed_at
    ),
    reservations.ReservationCancelled: alike(
        public_reservations.ReservationCancelled,
        *("depot_id", "reservation_id", "requested_by", "cancelled_at", "replaced_by"),
    ),
    reservations.ReservationFulfilled: alike(
        public_reservations.ReservationFulfilled,
        *("depot_id", "reservation_id", "charger_id", "attempt_id", "fulfilled_at"),
    ),
    reservations.ReservationNoShow: alike(
        public_reservations.ReservationNoShow, "depot_id", "reservation_id", "missed_at"
    ),
    reservations.ReservationWindowEnded: alike(
        public_reservations.ReservationWindowEnded, "depot_id", "reservation_id", "session_active", "ended_at"
    ),
    reservations.ReservationConflictDetected: alike(
        public_reservations.ReservationConflictDetected,
        *("depot_id", "reservation_id", "kind", "cause", "detected_at"),
    ),
    energy.AccessNarrowed: lambda event: public_energy.AccessNarrowed(**_level(event), narrowed_at=event.narrowed_at),
    energy.AccessWidened: lambda event: public_energy.AccessWidened(**_level(event), widened_at=event.widened_at),
    energy.EnergyControlDegraded: alike(
        public_energy.EnergyControlDegraded, *("depot_id", "reason", "source", "node_id", "since")
    ),
    energy.EnergyControlRestored: alike(
        public_energy.EnergyControlRestored, *("depot_id", "reason", "source", "node_id", "restored_at")
    ),
}
TYPES: Final[frozenset[str]] = frozenset(event.TYPE for event in PUBLISHED)  # type: ignore[attr-defined]
