"""The audit: one row for each change that a person or another system requested, and for each reading of identifier
values.

A row has the new values in words. The old values are those of the previous row with the same `thing` (see
`Views.audit`), unless the event itself contains them. Consequences of a change (mode application, decisions, conditions
of chargers) have no rows.
"""

from __future__ import annotations

from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.audit_entry import Entry, gone, whole
from access_policy.application.projections.audit_of_energy import of_energy
from access_policy.application.projections.audit_of_records import (
    of_api_key,
    of_ocpi_partner,
    of_oscp_provider,
    of_webhook,
)
from access_policy.application.projections.audit_of_reservations import of_reservation
from access_policy.application.projections.audit_words import Words, in_words, values_of
from access_policy.application.projections.changes import Projection, Put, RowChange, types_of
from access_policy.domain.access.events import SessionEndedByOperator
from access_policy.domain.access_mode import Enforcement
from access_policy.domain.api_keys import events as api_keys
from access_policy.domain.audit.readings import IdentifierValuesShown
from access_policy.domain.capability_profiles.profile import CapabilityProfilePut, CapabilityProfileRemoved
from access_policy.domain.charger_access_policy import events as policy
from access_policy.domain.charger_calls.events import ChargerCallEnded, ChargerCallRequested
from access_policy.domain.depots import depot
from access_policy.domain.enrolment.session import EnrolmentArmed, EnrolmentCancelled
from access_policy.domain.ocpi_partners import events as ocpi_partners
from access_policy.domain.oscp_providers import events as oscp_providers
from access_policy.domain.reservations import events as reservations
from access_policy.domain.site_energy import events as energy
from access_policy.domain.vehicle_registry import events as registry
from access_policy.domain.webhooks import events as webhooks

TABLE = "audit_entries"


def fold(recorded: Recorded) -> list[RowChange]:
    envelope, event = recorded.envelope, recorded.event
    entry = _entry(event)
    kind, subject_id = entry.subject
    origin = envelope.origin
    return [
        Put(
            TABLE,
            {"tenant_id": envelope.tenant_id, "event_id": envelope.event_id},
            {
                "position": recorded.position,
                "recorded_at": envelope.recorded_at,
                "kind": "read" if isinstance(event, IdentifierValuesShown) else "change",
                "event": event.TYPE.split(".")[1],
                "actor": envelope.actor,
                "address": None if origin is None else origin.address,
                "operation": None if origin is None else origin.operation,
                "request_id": envelope.correlation_id,
                "idempotency_key": None if origin is None else origin.idempotency_key,
                "causation_id": envelope.causation_id,
                "subject_kind": kind,
                "subject_id": subject_id,
                "thing": entry.thing,
                "gone": entry.gone,
                "new_values": entry.new,
                "old_values": entry.old,
            },
        )
    ]


def _entry(event: Any) -> Entry:
    match event:
        case (
            depot.DepotRegistered()
            | depot.DepotAmended()
            | depot.HolidayCalendarPut()
            | depot.HolidayCalendarRemoved()
            | depot.SchedulePut()
            | depot.ScheduleRemoved()
            | depot.EntrancePut()
            | depot.EntranceRemoved()
        ):
            return _of_depot(event)
        case CapabilityProfilePut():
            return whole("profile", event.name, "", {"definition": in_words(event.definition)})
        case CapabilityProfileRemoved():
            return gone("profile", event.name, "")
        case IdentifierValuesShown():
            return _reading(event)
        case SessionEndedByOperator():
            new = values_of(event, without=("attempt_id",))
            return Entry(subject=("session", event.attempt_id), new=new)
        case api_keys.ApiKeyCreated() | api_keys.ApiKeyRevoked():
            return of_api_key(event)
        case (
            webhooks.WebhookCreated()
            | webhooks.WebhookChanged()
            | webhooks.WebhookSecretRotated()
            | webhooks.WebhookRemoved()
        ):
            return of_webhook(event)
        case (
            ocpi_partners.OcpiPartnerPut() | ocpi_partners.OcpiConnectionChanged() | ocpi_partners.OcpiPartnerRemoved()
        ):
            return of_ocpi_partner(event)
        case (
            oscp_providers.OscpProviderPut()
            | oscp_providers.OscpConnectionChanged()
            | oscp_providers.OscpProviderRemoved()
        ):
            return of_oscp_provider(event)
        case ChargerCallRequested() | ChargerCallEnded():
            return Entry(subject=("charger", event.charger_id), new=_without_charger(event))
        case (
            reservations.ReservationGroupPut()
            | reservations.ReservationSettingsPut()
            | reservations.ReservationMade()
            | reservations.ReservationChanged()
            | reservations.ReservationCancelled()
        ):
            return of_reservation(event)
        case (
            energy.EnergyNodePut()
            | energy.EnergyNodeRemoved()
            | energy.EnergyPolicyPut()
            | energy.OperatingEnvelopeReceived()
            | energy.OperatingEnvelopeWithdrawn()
        ):
            return of_energy(event)
        case _ if hasattr(event, "charger_id"):
            return _of_charger(event)
        case _:
            return _of_registry(event)


def _of_depot(event: Any) -> Entry:
    depot_id = event.depot_id
    match event:
        case depot.HolidayCalendarPut(calendar=calendar):
            return whole("depot", depot_id, f"calendar {calendar.calendar_id}", values_of(calendar))
        case depot.HolidayCalendarRemoved(calendar_id=calendar_id):
            return gone("depot", depot_id, f"calendar {calendar_id}")
        case depot.SchedulePut(schedule=schedule):
            return whole("depot", depot_id, f"schedule {schedule.schedule_id}", values_of(schedule))
        case depot.ScheduleRemoved(schedule_id=schedule_id):
            return gone("depot", depot_id, f"schedule {schedule_id}")
        case depot.EntrancePut(entrance=entrance):
            return whole("depot", depot_id, f"entrance {entrance.entrance_id}", values_of(entrance))
        case depot.EntranceRemoved(entrance_id=entrance_id):
            return gone("depot", depot_id, f"entrance {entrance_id}")
        case _:
            return whole("depot", depot_id, "", values_of(event.settings))


def _of_charger(event: Any) -> Entry:
    charger_id = event.charger_id
    match event:
        case policy.ChargerRegistered() | policy.ChargerAmended():
            return whole("charger", charger_id, "", values_of(event.settings))
        case policy.ChargerRetired():
            return gone("charger", charger_id, "")
        case policy.EnforcementChanged(enforcement=enforcement):
            (other,) = set(Enforcement) - {enforcement}
            new: Words = {"enforcement": enforcement.value}
            return Entry(subject=("charger", charger_id), new=new, old={"enforcement": other.value})
        case policy.ModeScheduled(rule=rule) | policy.ModeScheduleAmended(rule=rule):
            return whole("charger", charger_id, f"rule {rule.rule_id}", values_of(rule))
        case policy.ModeScheduleWithdrawn(rule_id=rule_id):
            return gone("charger", charger_id, f"rule {rule_id}")
        case policy.ModeExceptionAdded() | policy.ModeCalendarExceptionAdded():
            return whole("charger", charger_id, f"exception {event.exception_id}", _without_charger(event))
        case policy.ModeExceptionRemoved(exception_id=exception_id):
            return gone("charger", charger_id, f"exception {exception_id}")
        case policy.ScheduleTaken(schedule=schedule):
            followed: Words = {"follows": schedule.name, **values_of(schedule, without=("name",))}
            return whole("charger", charger_id, f"schedule {schedule.schedule_id}", followed)
        case policy.ScheduleLeft(schedule_id=schedule_id):
            return gone("charger", charger_id, f"schedule {schedule_id}")
        case policy.ModeOverridden(override_id=override_id):
            return whole("charger", charger_id, f"override {override_id}", _without_charger(event))
        case policy.ModeOverrideLifted(override_id=override_id, lifted_at=lifted_at):
            return whole("charger", charger_id, f"override {override_id}", {"ends at": in_words(lifted_at)})
        case EnrolmentArmed() | EnrolmentCancelled():
            return Entry(subject=("charger", charger_id), new=_without_charger(event))
        case _:
            raise TypeError(f"the audit does not fold {type(event).__name__}")


def _without_charger(event: Any) -> Words:
    return values_of(event, without=("charger_id",))


def _of_registry(event: Any) -> Entry:
    match event:
        case registry.VehicleRegistered() | registry.VehicleReclassified():
            return whole("vehicle", event.vehicle_id, "", values_of(event.description))
        case registry.VehicleRemoved():
            return gone("vehicle", event.vehicle_id, "")
        case registry.VehicleIdentifierAdded(identifier=identifier):
            return Entry(subject=("vehicle", event.vehicle_id), new=_identifier(identifier.ref))
        case registry.VehicleIdentifierRemoved(ref=ref):
            return Entry(subject=("vehicle", event.vehicle_id), new={}, old=_identifier(ref), gone=True)
        case registry.VehicleSuspended(reason=reason):
            return _suspension(event.vehicle_id, "yes", reason)
        case registry.VehicleReinstated(reason=reason):
            return _suspension(event.vehicle_id, "no", reason)
        case registry.AgreementRecorded(agreement=agreement) | registry.AgreementAmended(agreement=agreement):
            return whole("agreement", agreement.agreement_id, "", values_of(agreement))
        case registry.AgreementEnded(agreement_id=agreement_id, ended_at=ended_at):
            new = {"ended at": in_words(ended_at)}
            return Entry(subject=("agreement", agreement_id), new=new, old={"ended at": None})
        case registry.DeniedIdentifierIgnored(ignored=ignored):
            return whole("denied_identifier", ignored.pseudonym, "", values_of(ignored, without=("pseudonym",)))
        case registry.DeniedIdentifierListed(pseudonym=pseudonym):
            return gone("denied_identifier", pseudonym, "")
        case registry.AdHocPermissionGiven(permission=permission):
            allowed = values_of(permission, without=("attempt_id", "identifier"))
            return whole("attempt", permission.attempt_id, "", {**allowed, **_identifier(permission.identifier)})
        case registry.AdHocPermissionEnded(attempt_id=attempt_id, ended_at=ended_at):
            return whole("attempt", attempt_id, "", {"until": in_words(ended_at)})
        case registry.RegistryImportApplied():
            new = values_of(event, without=("plan_id", "after_version"))
            return Entry(subject=("registry_import", event.plan_id), new=new)
        case _:
            raise TypeError(f"the audit does not fold {type(event).__name__}")


def _suspension(vehicle_id: str, suspended: str, reason: str) -> Entry:
    new: Words = {"suspended": suspended, "reason": reason}
    return whole("vehicle", vehicle_id, "suspension", new)


def _identifier(ref: Any) -> Words:
    return {"identifier": f"{ref.kind.value} {ref.masked}"}


def _reading(event: IdentifierValuesShown) -> Entry:
    only = event.vehicle_ids[0] if len(event.vehicle_ids) == 1 and not event.pseudonyms else None
    new = {
        "identifier values shown": str(event.values),
        "shown in": event.shown_in.value.replace("_", " "),
        "vehicles": in_words(event.vehicle_ids),
        "denied identifiers": in_words(event.pseudonyms),
    }
    subject = ("identifiers", event.shown_in.value) if only is None else ("vehicle", only)
    return Entry(subject=subject, new={name: words for name, words in new.items() if words is not None})


AUDIT = Projection(
    "audit",
    (TABLE,),
    types_of(
        depot.DepotRegistered,
        depot.DepotAmended,
        depot.HolidayCalendarPut,
        depot.HolidayCalendarRemoved,
        depot.SchedulePut,
        depot.ScheduleRemoved,
        depot.EntrancePut,
        depot.EntranceRemoved,
        CapabilityProfilePut,
        CapabilityProfileRemoved,
        IdentifierValuesShown,
        SessionEndedByOperator,
        EnrolmentArmed,
        EnrolmentCancelled,
        ChargerCallRequested,
        ChargerCallEnded,
        reservations.ReservationGroupPut,
        reservations.ReservationSettingsPut,
        reservations.ReservationMade,
        reservations.ReservationChanged,
        reservations.ReservationCancelled,
        energy.EnergyNodePut,
        energy.EnergyNodeRemoved,
        energy.EnergyPolicyPut,
        energy.OperatingEnvelopeReceived,
        energy.OperatingEnvelopeWithdrawn,
        policy.ChargerRegistered,
        policy.ChargerAmended,
        policy.ChargerRetired,
        policy.EnforcementChanged,
        policy.ModeScheduled,
        policy.ModeScheduleAmended,
        policy.ModeScheduleWithdrawn,
        policy.ModeExceptionAdded,
        policy.ModeCalendarExceptionAdded,
        policy.ModeExceptionRemoved,
        policy.ScheduleTaken,
        policy.ScheduleLeft,
        policy.ModeOverridden,
        policy.ModeOverrideLifted,
        registry.VehicleRegistered,
        registry.VehicleReclassified,
        registry.VehicleRemoved,
        registry.VehicleIdentifierAdded,
        registry.VehicleIdentifierRemoved,
        registry.VehicleSuspended,
        registry.VehicleReinstated,
        registry.AgreementRecorded,
        registry.AgreementAmended,
        registry.AgreementEnded,
        registry.DeniedIdentifierIgnored,
        registry.DeniedIdentifierListed,
        registry.AdHocPermissionGiven,
        registry.AdHocPermissionEnded,
        registry.RegistryImportApplied,
        api_keys.ApiKeyCreated,
        api_keys.ApiKeyRevoked,
        webhooks.WebhookCreated,
        webhooks.WebhookChanged,
        webhooks.WebhookSecretRotated,
        webhooks.WebhookRemoved,
        ocpi_partners.OcpiPartnerPut,
        ocpi_partners.OcpiConnectionChanged,
        ocpi_partners.OcpiPartnerRemoved,
        oscp_providers.OscpProviderPut,
        oscp_providers.OscpConnectionChanged,
        oscp_providers.OscpProviderRemoved,
    ),
    fold,
)
