"""One instance of every domain event, every field filled: what the golden files hold. Add to it, never change it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from access_policy.application.ports.event_store import Envelope
from access_policy.domain.access import events as access
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import (
    AccessMode,
    Cause,
    CauseKind,
    Enforcement,
    OfflineStarts,
    OnStoreOutage,
    OnWindowStart,
)
from access_policy.domain.api_keys import events as api_keys
from access_policy.domain.audit import readings
from access_policy.domain.capability_profiles import profile
from access_policy.domain.charge_points import claims
from access_policy.domain.charger_access_policy import events as policy
from access_policy.domain.charger_calls import events as charger_calls
from access_policy.domain.charger_condition import events as condition
from access_policy.domain.depots import depot
from access_policy.domain.depots.entrances import Entrance
from access_policy.domain.enrolment import session as enrolment
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import (
    ActorId,
    AgreementId,
    AttemptId,
    CalendarId,
    ChargePointId,
    ChargerId,
    DepotId,
    EnergyNodeId,
    EnrolmentSessionId,
    EntranceId,
    EnvelopeId,
    ExceptionId,
    OverrideId,
    ReservationGroupId,
    ReservationId,
    RuleId,
    ScheduleId,
    TenantId,
    VehicleId,
)
from access_policy.domain.mode_schedule.calendars import Holiday, HolidayCalendar
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.notices import digests, notices
from access_policy.domain.ocpi_partners import events as ocpi_partners
from access_policy.domain.ocpi_partners.partner import BookablePlaces, ConnectionState, PartnerSettings, Party
from access_policy.domain.oscp_providers import events as oscp_providers
from access_policy.domain.oscp_providers.provider import ConnectionState as ProviderState
from access_policy.domain.reservations import events as reservations
from access_policy.domain.reservations.reservation import (
    Assignment,
    Holder,
    HolderIdentifier,
    PartnerRequest,
    Place,
    Reservation,
    ReservationGroup,
    ReservationSource,
)
from access_policy.domain.reservations.settings import ReservationSettings
from access_policy.domain.reservations.terms import ReservationTerms
from access_policy.domain.site_energy import events as energy
from access_policy.domain.site_energy.energy_policy import EnergyPolicy, GateEnforcement
from access_policy.domain.site_energy.envelopes import FallbackLimit, OperatingEnvelope
from access_policy.domain.site_energy.gate import EnvelopeState, GateEnvelope, GateLevel, LimitSource
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from access_policy.domain.tenants import erasure, restoring, tenant
from access_policy.domain.vehicle_registry import events as registry
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement, AgreementHours
from access_policy.domain.vehicle_registry.ignored import IgnoredIdentifier
from access_policy.domain.webhooks import events as webhooks

BAY, DEPOT, TENANT = ChargerId("bay-1"), DepotId("north"), TenantId("acme")
CHARGE_POINT, VEHICLE, AGREEMENT = ChargePointId("CP-0001"), VehicleId("van-7"), AgreementId("agr-1")
ATTEMPT, RULE, OVERRIDE = AttemptId("att-1"), RuleId("rule-1"), OverrideId("ovr-1")
EXCEPTION = ExceptionId("exc-1")
START = datetime(2026, 7, 1, 16, 0, 0, 123456, tzinfo=UTC)
END = datetime(2026, 7, 2, 4, 0, tzinfo=UTC)
REF = IdentifierRef(IdentifierKind.RFID, "0123456789abcdef0123456789abcdef", "…E5F6")
CAUSE = Cause(CauseKind.RULE, "rule-1", "Nächte")
KEY_ID, HOOK_ID = "00112233445566aa", "00112233445566bb"
GRANT = api_keys.ApiKeyGrant(name="Yard display", role="viewer", depots=(DEPOT,), expires_at=END)
HOOK_SETTINGS = webhooks.WebhookSettings(
    name="Night shift",
    receiver="https://hooks.example:8443",
    pattern='{"detail-type":["AccessDenied"]}',
    preset="denied_vehicle",
    enabled=False,
    disabled_because="the receiver answered 410 Gone",
)

PARTNER_SETTINGS = PartnerSettings(
    name="Truck hub",
    own_party=Party(country_code="DE", party_id="BTF"),
    own_name="BetterFleet Nord",
    bookable=(BookablePlaces(depot_id=DEPOT, charger_ids=(BAY,), group_ids=(ReservationGroupId("fast"),)),),
    terms=ReservationTerms(early_start_min=10, late_stop_min=5, no_show_after_min=20, change_until_min=60),
    enabled=False,
)

PROVIDER_TERMS = oscp_providers.ProviderTerms(
    name="Grid operator", node_ids=(EnergyNodeId("grid"),), heartbeat_interval_s=60, enabled=True
)

ENVELOPE = Envelope(
    event_id="00112233445566778899aabbccddeeff",
    tenant_id=TENANT,
    occurred_at=START,
    recorded_at=datetime(2026, 7, 1, 16, 0, 1, tzinfo=UTC),
    actor=ActorId("operator@acme"),
    correlation_id="corr-1",
    causation_id="cause-1",
)

LINEAGE = access.DecisionLineage(
    attempt_id=ATTEMPT,
    charger_id=BAY,
    depot_id=DEPOT,
    connector_id=2,
    decided_for=START,
    stage=access.Stage.AUTHORIZE,
    protocol="ocpp2.0.1",
    message_id="msg-1",
    identifier=REF,
    expected_mode=AccessMode.MANAGED,
    cause=CAUSE,
    enforcement=Enforcement.ENFORCE,
    policy_version=4,
    registry_version=1024,
    access_class=registry.AccessClass.AGREEMENT,
    vehicle_id=VEHICLE,
    agreement_id=AGREEMENT,
)

CHARGER_SETTINGS = policy.ChargerSettings(
    charge_point_id=CHARGE_POINT,
    depot_id=DEPOT,
    time_zone="Europe/Berlin",
    profile="generic-2.0.1",
    baseline_mode=AccessMode.FREEVEND,
    connectors=2,
    on_window_start=OnWindowStart.STOP_UNAUTHORISED,
    on_store_outage=OnStoreOutage.REFUSE,
    offline_starts=OfflineStarts.CLOSED,
)

RESERVATION = Reservation(
    reservation_id=ReservationId("res-1"),
    holder=Holder(vehicle_id=VEHICLE, identifiers=(HolderIdentifier(ref=REF, sealed="gAAA-sealed"),)),
    place=Place(charger_id=BAY, connector_id=2),
    start=START,
    end=END,
    source=ReservationSource.OCPI,
    terms=ReservationTerms(
        early_start_min=15,
        late_stop_min=30,
        no_show_after_min=20,
        release_on_stop=False,
        change_until_min=120,
        cancel_until_min=60,
        shortest_min=30,
        longest_min=720,
    ),
    request=PartnerRequest(party="DE-HUB", request_id="req-1", version=3),
    assignment=Assignment(assignment_id="asg-1", block_id="block-12", departure=END, needed_kwh=180.5, needed_soc=80.0),
    note="Tür hinten",
    is_ad_hoc=True,
)
GROUP = ReservationGroup(
    group_id=ReservationGroupId("fast"), name="Schnell", charger_ids=frozenset({BAY, ChargerId("bay-2")})
)

GRID, ENVELOPE_ID = EnergyNodeId("grid"), EnvelopeId("env-1")
OPERATING_ENVELOPE = OperatingEnvelope(
    envelope_id=ENVELOPE_ID,
    node_id=GRID,
    source="netz-süd",
    sequence=412,
    valid_from=START,
    valid_until=END,
    import_limit_w=200_000,
    fallback=FallbackLimit(import_limit_w=120_000, valid_until=END),
)
GATE_ENVELOPE = GateEnvelope(
    envelope_id=ENVELOPE_ID, sequence=412, state=EnvelopeState.ACTIVE, valid_from=START, valid_until=END
)

MODE_RULE = ModeRule(
    rule_id=RULE,
    name="Nächte",
    mode=AccessMode.MANAGED,
    recurrence="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    start=time(18, 0),
    end=time(6, 30),
    end_day_offset=1,
    anchor=date(2026, 1, 5),
    time_zone="Europe/Berlin",
    applies_from=Edge(on=date(2026, 1, 5)),
    applies_until=Edge(at=END),
    priority=10,
    except_dates=frozenset({date(2026, 12, 24), date(2026, 12, 31)}),
    extra_dates=frozenset({date(2026, 8, 1)}),
)

AD_HOC = AdHocPermission(
    attempt_id=ATTEMPT,
    depot_id=DEPOT,
    identifier=REF,
    vehicle_id=VEHICLE,
    given_at=START,
    until=END,
    reason="tonight only",
    given_by=ActorId("operator@acme"),
)
SCHEDULE = Schedule(schedule_id=ScheduleId("weekdays"), name="Werktage", rules=(MODE_RULE,))
ENTRANCE = Entrance(
    entrance_id=EntranceId("gate-north"),
    name="Tor Nord",
    charger_ids=frozenset({BAY, ChargerId("bay-2")}),
    group_ids=frozenset({ReservationGroupId("fast")}),
    early_entry_min=30,
)

CALENDAR = HolidayCalendar(
    calendar_id=CalendarId("bavaria"),
    name="Bavaria",
    days=(
        Holiday(first=date(2026, 1, 6), last=date(2026, 1, 6), reason="Epiphany"),
        Holiday(first=date(2026, 12, 24), last=date(2026, 12, 27), reason="Plant closed"),
    ),
)

DESCRIPTION = registry.VehicleDescription(
    name="Van 7",
    access_class=registry.AccessClass.AGREEMENT,
    agreement_id=AGREEMENT,
    valid_from=START,
    valid_until=END,
)

AGREEMENT_TERMS = Agreement(
    agreement_id=AGREEMENT,
    name="Nightly guests",
    fleet="Parcel & Co",
    valid_from=START,
    valid_until=END,
    charger_ids=frozenset({BAY, ChargerId("bay-2")}),
    depot_ids=frozenset({DEPOT}),
    hours=(AgreementHours(days=("MO", "FR"), start=time(20, 0), end=time(5, 0)),),
    ended_at=END,
)

_DEPOT_SETTINGS = depot.DepotSettings(name="North", time_zone="Europe/Berlin", language="de", longest_override_days=14)
_IDENTIFIER = registry.VehicleIdentifier(ref=REF, sealed="v1.0011223344556677.AAECAw==")

TENANT_DESCRIPTION = tenant.TenantDescription(name="Acme Depots", data_region="eu-central-1")

SAMPLES: tuple[object, ...] = (
    access.AccessAllowed(lineage=LINEAGE, reason=Reason.OBSERVED, would_deny=Reason.AGREEMENT_NOT_NOW, valid_until=END),
    access.AccessDenied(
        lineage=LINEAGE,
        reason=Reason.UNKNOWN_IDENTIFIER,
        signal=access.DenialSignal(status="Unknown", message="Bitte anmelden.", language="de"),
    ),
    access.EntranceAllowed(
        entrance_id=ENTRANCE.entrance_id,
        lineage=LINEAGE,
        reason=Reason.OBSERVED,
        would_deny=Reason.AGREEMENT_NOT_NOW,
        valid_until=END,
    ),
    access.EntranceDenied(
        entrance_id=ENTRANCE.entrance_id,
        lineage=LINEAGE,
        reason=Reason.UNKNOWN_IDENTIFIER,
        signal=access.DenialSignal(status="Denied", message="Bitte anmelden.", language="de"),
    ),
    access.EntrancePinsLockedOut(
        entrance_id=ENTRANCE.entrance_id,
        depot_id=DEPOT,
        attempt_id=AttemptId("try-5"),
        source=ActorId("gate@acme"),
        since=datetime(2026, 11, 20, 6, 0, tzinfo=UTC),
        until=datetime(2026, 11, 20, 6, 10, tzinfo=UTC),
    ),
    access.ChargingEnded(
        attempt_id=ATTEMPT,
        charger_id=BAY,
        transaction_id="tx-1",
        ended_at=END,
        energy_wh=42_500,
        reason="EVDisconnected",
    ),
    access.ChargingStarted(
        attempt_id=ATTEMPT,
        charger_id=BAY,
        depot_id=DEPOT,
        connector_id=2,
        transaction_id="tx-1",
        started_at=START,
        meter_start_wh=1_000,
        decision=access.SessionDecision.ALLOWED,
        identifier=REF,
        vehicle_id=VEHICLE,
        expected_mode=AccessMode.MANAGED,
        offline=False,
    ),
    access.DenialNotHonoured(attempt_id=ATTEMPT, charger_id=BAY, transaction_id="tx-1", seen_at=START, energy_wh=100),
    access.OfflineStartReported(
        attempt_id=ATTEMPT, charger_id=BAY, started_at=START, authorised=False, reason=Reason.VEHICLE_SUSPENDED
    ),
    access.SessionStopRequested(
        attempt_id=ATTEMPT,
        charger_id=BAY,
        transaction_id="tx-1",
        cause=access.StopCause.WINDOW_START,
        requested_at=START,
    ),
    digests.DepotDigestMade(
        depot_id=DEPOT,
        since=START,
        until=END,
        attempts=12,
        allowed=9,
        denied=2,
        denials=(digests.DenialCount(reason=Reason.UNKNOWN_IDENTIFIER, denials=2),),
        sessions=10,
        energy_wh=181_000,
        transitions=8,
        on_time=6,
        late=1,
        missed=1,
        pending=1,
        unreachable=1,
        problems=(digests.ChargerProblem(charger_id=BAY, late=1, missed=1, pending=1, lateness_max_s=84.5),),
        problem_count=1,
        made_at=END,
    ),
    notices.AgreementEndsSoon(agreement_id=AGREEMENT, ends_at=END, noted_at=START),
    notices.ChargerUnreachableAtTransition(
        charger_id=BAY, depot_id=DEPOT, mode=AccessMode.MANAGED, cause=CAUSE, due_at=START, noted_at=END
    ),
    access.PinsLockedOut(
        charger_id=ChargerId("bay-1"),
        depot_id=DepotId("north"),
        attempt_id=AttemptId("try-5"),
        source=ActorId("charger"),
        since=datetime(2026, 11, 20, 6, 0, tzinfo=UTC),
        until=datetime(2026, 11, 20, 6, 10, tzinfo=UTC),
    ),
    access.TransactionOpened(charger_id=BAY, transaction_id="tx-1", attempt_id=ATTEMPT),
    access.TransactionAnnounced(
        charger_id=BAY, transaction_id="tx-1", announced_at=START, connector_id=1, meter_wh=1_000
    ),
    access.TransactionEnded(
        charger_id=BAY, transaction_id="tx-1", ended_at=START, connector_id=None, meter_wh=5_000, reason="Local"
    ),
    access.SessionEndedByOperator(
        attempt_id=ATTEMPT,
        charger_id=BAY,
        transaction_id="tx-1",
        reason="The vehicle has left; the charger was replaced.",
        ended_at=START,
    ),
    enrolment.EnrolmentArmed(
        charger_id=BAY,
        session_id=EnrolmentSessionId("enrol-1"),
        armed_at=START,
        expires_at=datetime(2026, 7, 2, tzinfo=UTC),
    ),
    enrolment.EnrolmentCancelled(charger_id=BAY, session_id=EnrolmentSessionId("enrol-1"), cancelled_at=START),
    claims.ChargePointClaimed(charge_point_id=CHARGE_POINT, tenant_id=TENANT, charger_id=BAY),
    claims.ChargePointReleased(charge_point_id=CHARGE_POINT),
    condition.ChargerBooted(charger_id=BAY, vendor="Acme", model="X1", firmware="1.2.3", booted_at=START),
    profile.CapabilityProfilePut(name="ours-1.6", definition='{"title":"Ours"}'),
    profile.CapabilityProfileRemoved(name="ours-1.6"),
    access.DriverInformed(
        attempt_id=AttemptId("att-1"),
        charger_id=BAY,
        status="Accepted",
        message="Ask the depot office.",
        language="en",
        until=START,
        informed_at=START,
    ),
    condition.ChargerConnected(charger_id=BAY, protocol="ocpp1.6", connected_at=START),
    condition.ChargerDisconnected(charger_id=BAY, reason="1006", disconnected_at=START),
    condition.OfflineStartsSet(
        charger_id=BAY,
        offline_starts=OfflineStarts.LIST,
        in_force=(condition.ReportedSetting("LocalAuthorizeOffline", "true"),),
        refused=(condition.ReportedSetting("AllowOfflineTxForUnknownId", "not there"),),
        seen_at=START,
    ),
    condition.PasswordSent(charger_id=BAY, sent_at=START),
    condition.ChargerReservationReported(
        charger_id=BAY,
        number=1234567890,
        reported=condition.ReservationOnCharger(
            reservation_id=ReservationId("r1"),
            connector_id=1,
            state=condition.ReservationState.RESERVED,
            detail="Accepted",
            until=START,
            reported_at=START,
        ),
    ),
    charger_calls.ChargerCallRequested(
        call_id="0123456789abcdef",
        charger_id=BAY,
        protocol="ocpp1.6",
        action="Reset",
        payload='{"type":"Soft"}',
        requested_at=START,
    ),
    charger_calls.ChargerCallEnded(
        call_id="0123456789abcdef",
        charger_id=BAY,
        action="Reset",
        outcome=charger_calls.CallOutcome.ANSWERED,
        answer='{"status":"Accepted"}',
        ended_at=END,
    ),
    condition.ConnectorFaulted(
        charger_id=BAY,
        connector_id=1,
        error_code="OtherError",
        vendor_error_code="E42",
        info="authorisation refused",
        faulted_at=START,
        caused_by=ATTEMPT,
    ),
    condition.ConnectorRecovered(charger_id=BAY, connector_id=1, recovered_at=END),
    depot.DepotAmended(depot_id=DEPOT, settings=_DEPOT_SETTINGS),
    depot.DepotRegistered(depot_id=DEPOT, settings=_DEPOT_SETTINGS),
    policy.ChargerAmended(charger_id=BAY, settings=CHARGER_SETTINGS),
    policy.ChargerRegistered(charger_id=BAY, settings=CHARGER_SETTINGS, enforcement=Enforcement.OBSERVE),
    policy.ChargerRetired(charger_id=BAY, retired_at=END),
    policy.EnforcementChanged(charger_id=BAY, enforcement=Enforcement.ENFORCE),
    policy.ModeApplicationFailed(
        charger_id=BAY,
        generation=3,
        mode=AccessMode.MANAGED,
        reason="rejected",
        detail="SetVariables: Rejected",
        failed_at=START,
    ),
    policy.ModeApplied(
        charger_id=BAY,
        generation=3,
        mode=AccessMode.MANAGED,
        cause=CAUSE,
        due_at=START,
        applied_at=END,
        late_s=1.25,
        evidence="AuthCtrlr.Enabled=true",
    ),
    policy.ModeChangeRequested(
        charger_id=BAY,
        generation=3,
        mode=AccessMode.MANAGED,
        cause=CAUSE,
        due_at=START,
        mode_control="device_variable",
        trigger="transition",
    ),
    policy.ModeDriftDetected(
        charger_id=BAY,
        expected=AccessMode.MANAGED,
        found=AccessMode.FREEVEND,
        evidence="AuthCtrlr.Enabled=false",
        detected_at=START,
    ),
    policy.ModeExceptionAdded(
        charger_id=BAY,
        exception_id=EXCEPTION,
        first=date(2026, 12, 24),
        last=date(2026, 12, 26),
        mode=AccessMode.FREEVEND,
        reason="holidays",
    ),
    policy.ModeCalendarExceptionAdded(
        charger_id=BAY,
        exception_id=EXCEPTION,
        calendar_id=CALENDAR.calendar_id,
        mode=AccessMode.FREEVEND,
        reason="Open house",
    ),
    policy.HolidayCalendarTaken(charger_id=BAY, calendar=CALENDAR),
    policy.HolidayCalendarDropped(charger_id=BAY, calendar_id=CALENDAR.calendar_id),
    depot.HolidayCalendarPut(depot_id=DEPOT, calendar=CALENDAR),
    depot.HolidayCalendarRemoved(depot_id=DEPOT, calendar_id=CALENDAR.calendar_id),
    depot.SchedulePut(depot_id=DEPOT, schedule=SCHEDULE),
    depot.ScheduleRemoved(depot_id=DEPOT, schedule_id=SCHEDULE.schedule_id),
    depot.EntrancePut(depot_id=DEPOT, entrance=ENTRANCE),
    depot.EntranceRemoved(depot_id=DEPOT, entrance_id=ENTRANCE.entrance_id),
    registry.AdHocPermissionGiven(permission=AD_HOC),
    registry.DeniedIdentifierIgnored(
        ignored=IgnoredIdentifier(
            pseudonym=REF.pseudonym, until=END, reason="a neighbour", ignored_by=ActorId("operator@acme")
        ),
        ignored_at=START,
    ),
    registry.DeniedIdentifierListed(pseudonym=REF.pseudonym),
    registry.AdHocPermissionEnded(attempt_id=ATTEMPT, ended_at=END),
    policy.ScheduleTaken(charger_id=BAY, schedule=SCHEDULE),
    policy.ScheduleLeft(charger_id=BAY, schedule_id=SCHEDULE.schedule_id),
    policy.ModeExceptionRemoved(charger_id=BAY, exception_id=EXCEPTION),
    policy.ModeOverridden(
        charger_id=BAY,
        override_id=OVERRIDE,
        mode=AccessMode.FREEVEND,
        starts_at=START,
        ends_at=END,
        reason="open day",
        made_by=ActorId("operator@acme"),
    ),
    policy.ModeOverrideLifted(charger_id=BAY, override_id=OVERRIDE, lifted_at=END),
    policy.ModeScheduleAmended(charger_id=BAY, rule=MODE_RULE),
    policy.ModeScheduleWithdrawn(charger_id=BAY, rule_id=RULE),
    policy.ModeScheduled(charger_id=BAY, rule=MODE_RULE),
    erasure.TenantErased(
        tenant_id=TENANT,
        erasure_id="erasure-1",
        removed=(erasure.RemovedFrom(place="stored_events", rows=12),),
        statement="e30.e30.c2ln",
    ),
    erasure.TenantErasureBegun(tenant_id=TENANT, erasure_id="erasure-1", claims=(3, 5)),
    restoring.InstallationRestored(
        restore_id="restore-1", backed_up_at=START, restored_at=END, position=12, statement="header.claims.signature"
    ),
    tenant.TenantAmended(tenant_id=TENANT, description=TENANT_DESCRIPTION),
    tenant.TenantRegistered(tenant_id=TENANT, description=TENANT_DESCRIPTION),
    registry.AgreementAmended(agreement=AGREEMENT_TERMS),
    registry.AgreementEnded(agreement_id=AGREEMENT, ended_at=END),
    readings.IdentifierValuesShown(
        reading_id="fedcba98765432100123456789abcdef",
        shown_in=readings.ShownIn.VEHICLE_LIST,
        values=3,
        vehicle_ids=(VEHICLE,),
        pseudonyms=("0123456789abcdef0123456789abcdef",),
        shown_at=START,
    ),
    registry.AgreementRecorded(agreement=AGREEMENT_TERMS),
    registry.RegistryImportApplied(
        plan_id="0123456789abcdef0123456789abcdef",
        file_fingerprint="ab" * 32,
        mode="merge",
        added=3,
        changed=2,
        removed=1,
        unchanged=40,
        left_out=4,
        after_version=1024,
    ),
    registry.VehicleIdentifierAdded(vehicle_id=VEHICLE, identifier=_IDENTIFIER),
    registry.VehicleIdentifierRemoved(vehicle_id=VEHICLE, ref=REF),
    registry.VehicleReclassified(vehicle_id=VEHICLE, description=DESCRIPTION),
    registry.VehicleRegistered(vehicle_id=VEHICLE, description=DESCRIPTION),
    registry.VehicleReinstated(vehicle_id=VEHICLE, reason="paid"),
    registry.VehicleRemoved(vehicle_id=VEHICLE),
    registry.VehicleSuspended(vehicle_id=VEHICLE, reason="unpaid"),
    api_keys.ApiKeyCreated(key_id=KEY_ID, grant=GRANT, created_at=START),
    api_keys.ApiKeyRevoked(key_id=KEY_ID, grant=GRANT, revoked_at=START),
    webhooks.WebhookChanged(webhook_id=HOOK_ID, settings=HOOK_SETTINGS, url_changed=True, changed_at=START),
    webhooks.WebhookCreated(webhook_id=HOOK_ID, settings=HOOK_SETTINGS, created_at=START),
    webhooks.WebhookRemoved(webhook_id=HOOK_ID, settings=HOOK_SETTINGS, removed_at=START),
    webhooks.WebhookSecretRotated(webhook_id=HOOK_ID, rotated_at=START, old_secret_until=END),
    ocpi_partners.OcpiConnectionChanged(
        partner_id="DE-HUB",
        state=ConnectionState.CONNECTED,
        peer="https://hub.example:8443",
        with_new_tokens=True,
        changed_at=START,
    ),
    ocpi_partners.OcpiPartnerPut(partner_id="DE-HUB", settings=PARTNER_SETTINGS, put_at=START),
    ocpi_partners.OcpiPartnerRemoved(partner_id="DE-HUB", settings=PARTNER_SETTINGS, removed_at=START),
    oscp_providers.OscpConnectionChanged(
        depot_id=DEPOT,
        provider_id="grid",
        state=ProviderState.CONNECTED,
        peer="https://grid.example",
        with_new_tokens=True,
        changed_at=START,
    ),
    oscp_providers.OscpProviderPut(depot_id=DEPOT, provider_id="grid", settings=PROVIDER_TERMS, put_at=START),
    oscp_providers.OscpProviderRemoved(depot_id=DEPOT, provider_id="grid", settings=PROVIDER_TERMS, removed_at=START),
    reservations.ReservationGroupPut(depot_id=DEPOT, group=GROUP),
    reservations.ReservationSettingsPut(
        depot_id=DEPOT,
        settings=ReservationSettings(terms=RESERVATION.terms, day_starts_at=time(2, 30), horizon_days=14),
    ),
    reservations.ReservationMade(
        depot_id=DEPOT, reservation=RESERVATION, made_by=ActorId("operator@acme"), made_at=START
    ),
    reservations.ReservationChanged(
        depot_id=DEPOT, reservation=RESERVATION, changed_by=ActorId("operator@acme"), changed_at=START
    ),
    reservations.ReservationCancelled(
        depot_id=DEPOT,
        reservation_id=ReservationId("res-1"),
        requested_by=reservations.RequestedBy.PARTNER,
        cancelled_by=ActorId("DE-HUB"),
        reason="Fahrzeug defekt",
        cancelled_at=START,
        request_version=4,
        replaced_by=ReservationId("res-2"),
    ),
    reservations.ReservationFulfilled(
        depot_id=DEPOT,
        reservation_id=ReservationId("res-1"),
        charger_id=BAY,
        attempt_id=ATTEMPT,
        fulfilled_at=START,
    ),
    reservations.ReservationNoShow(depot_id=DEPOT, reservation_id=ReservationId("res-1"), missed_at=START),
    reservations.ReservationWindowEnded(
        depot_id=DEPOT, reservation_id=ReservationId("res-1"), session_active=True, ended_at=END
    ),
    reservations.ReservationConflictDetected(
        depot_id=DEPOT,
        reservation_id=ReservationId("res-1"),
        kind=reservations.ConflictKind.OVERRIDE,
        cause="ovr-1",
        detected_at=START,
    ),
    energy.EnergyNodePut(
        depot_id=DEPOT,
        node=EnergyNode(
            node_id=EnergyNodeId("bay-1"),
            parent_id=GRID,
            kind=NodeKind.CHARGER,
            limit_w=150_000,
            charger_id=BAY,
            minimum_start_w=20_000,
        ),
    ),
    energy.EnergyNodeRemoved(depot_id=DEPOT, node_id=GRID),
    energy.EnergyPolicyPut(
        depot_id=DEPOT,
        policy=EnergyPolicy(
            enabled=True,
            enforcement=GateEnforcement.ADVISORY,
            own_and_agreement_below_w=100_000,
            own_only_below_w=50_000,
            hysteresis_w=10_000,
            minimum_dwell_s=240,
            measurement_max_age_s=90,
            hold_max_s=600,
        ),
    ),
    energy.OperatingEnvelopeReceived(depot_id=DEPOT, envelope=OPERATING_ENVELOPE, received_at=START),
    energy.OperatingEnvelopeWithdrawn(depot_id=DEPOT, envelope_id=ENVELOPE_ID, withdrawn_at=START),
    energy.OperatingEnvelopeIgnored(
        depot_id=DEPOT, envelope=OPERATING_ENVELOPE, reason=energy.IgnoredReason.SEQUENCE_OLD, ignored_at=START
    ),
    energy.DemandMeasured(
        depot_id=DEPOT,
        items=(Demand(node_id=GRID, observed_at=START, demand_w=118_000),),
        received_at=END,
    ),
    energy.EnergySourceHeard(depot_id=DEPOT, source="netz-süd", heard_at=START),
    energy.EnergySourceWentOffline(depot_id=DEPOT, source="netz-süd", offline_at=END, reported_at=START),
    energy.AccessNarrowed(
        depot_id=DEPOT,
        node_id=GRID,
        level=GateLevel.OWN_ONLY,
        envelope=GATE_ENVELOPE,
        limit_source=LimitSource.FRESH_ENVELOPE,
        charger_ids=(BAY, ChargerId("bay-2")),
        effective_w=40_000,
        committed_w=160_000,
        threshold_w=50_000,
        is_advisory=True,
        narrowed_at=START,
    ),
    energy.AccessWidened(
        depot_id=DEPOT,
        node_id=GRID,
        level=GateLevel.OWN_AND_AGREEMENT,
        envelope=GATE_ENVELOPE,
        limit_source=LimitSource.FRESH_ENVELOPE,
        charger_ids=(BAY, ChargerId("bay-2")),
        effective_w=70_000,
        committed_w=130_000,
        threshold_w=100_000,
        is_advisory=True,
        widened_at=END,
    ),
    energy.EnergyControlDegraded(
        depot_id=DEPOT, reason=energy.DegradedReason.SOURCE_OFFLINE, source="netz-süd", node_id=None, since=START
    ),
    energy.EnergyControlRestored(
        depot_id=DEPOT, reason=energy.DegradedReason.MEASUREMENT_STALE, source=None, node_id=GRID, restored_at=END
    ),
)
