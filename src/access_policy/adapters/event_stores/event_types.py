"""Every domain event that is stored. A new event class is added here, and a golden file in tests/unit/event_stores."""

from __future__ import annotations

from typing import Final

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
from access_policy.domain.notices import digests, notices
from access_policy.domain.ocpi_partners import events as ocpi_partners
from access_policy.domain.reservations import events as reservations
from access_policy.domain.tenants import erasure, restoring, tenant
from access_policy.domain.vehicle_registry import events as registry
from access_policy.domain.webhooks import events as webhooks

EVENT_TYPES: Final[tuple[type, ...]] = (
    access.AccessAllowed,
    access.AccessDenied,
    access.ChargingEnded,
    access.ChargingStarted,
    access.DenialNotHonoured,
    access.DriverInformed,
    access.OfflineStartReported,
    access.PinsLockedOut,
    access.SessionEndedByOperator,
    access.SessionStopRequested,
    access.TransactionAnnounced,
    access.TransactionEnded,
    access.TransactionOpened,
    api_keys.ApiKeyCreated,
    api_keys.ApiKeyRevoked,
    ocpi_partners.OcpiConnectionChanged,
    ocpi_partners.OcpiPartnerPut,
    ocpi_partners.OcpiPartnerRemoved,
    readings.IdentifierValuesShown,
    reservations.ReservationCancelled,
    reservations.ReservationChanged,
    reservations.ReservationConflictDetected,
    reservations.ReservationFulfilled,
    reservations.ReservationGroupPut,
    reservations.ReservationMade,
    reservations.ReservationNoShow,
    reservations.ReservationSettingsPut,
    reservations.ReservationWindowEnded,
    claims.ChargePointClaimed,
    claims.ChargePointReleased,
    charger_calls.ChargerCallEnded,
    charger_calls.ChargerCallRequested,
    condition.ChargerBooted,
    condition.ChargerConnected,
    condition.ChargerDisconnected,
    condition.ConnectorFaulted,
    condition.ConnectorRecovered,
    condition.OfflineStartsSet,
    condition.ChargerReservationReported,
    condition.PasswordSent,
    enrolment.EnrolmentArmed,
    enrolment.EnrolmentCancelled,
    depot.DepotAmended,
    depot.DepotRegistered,
    depot.EntrancePut,
    depot.EntranceRemoved,
    depot.HolidayCalendarPut,
    depot.HolidayCalendarRemoved,
    depot.SchedulePut,
    depot.ScheduleRemoved,
    profile.CapabilityProfilePut,
    profile.CapabilityProfileRemoved,
    digests.DepotDigestMade,
    notices.AgreementEndsSoon,
    notices.ChargerUnreachableAtTransition,
    policy.ChargerAmended,
    policy.ChargerRegistered,
    policy.ChargerRetired,
    policy.EnforcementChanged,
    policy.HolidayCalendarDropped,
    policy.HolidayCalendarTaken,
    policy.ModeApplicationFailed,
    policy.ModeApplied,
    policy.ModeCalendarExceptionAdded,
    policy.ModeChangeRequested,
    policy.ModeDriftDetected,
    policy.ModeExceptionAdded,
    policy.ModeExceptionRemoved,
    policy.ModeOverridden,
    policy.ModeOverrideLifted,
    policy.ModeScheduleAmended,
    policy.ModeScheduleWithdrawn,
    policy.ModeScheduled,
    policy.ScheduleLeft,
    policy.ScheduleTaken,
    erasure.TenantErased,
    erasure.TenantErasureBegun,
    restoring.InstallationRestored,
    tenant.TenantAmended,
    tenant.TenantRegistered,
    registry.AdHocPermissionEnded,
    registry.AdHocPermissionGiven,
    registry.AgreementAmended,
    registry.AgreementEnded,
    registry.AgreementRecorded,
    registry.DeniedIdentifierIgnored,
    registry.DeniedIdentifierListed,
    registry.RegistryImportApplied,
    registry.VehicleIdentifierAdded,
    registry.VehicleIdentifierRemoved,
    registry.VehicleReclassified,
    registry.VehicleRegistered,
    registry.VehicleReinstated,
    registry.VehicleRemoved,
    registry.VehicleSuspended,
    webhooks.WebhookChanged,
    webhooks.WebhookCreated,
    webhooks.WebhookRemoved,
    webhooks.WebhookSecretRotated,
)
