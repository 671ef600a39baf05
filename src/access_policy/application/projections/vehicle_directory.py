"""Vehicles, their identifiers and agreements, for searches. `version` is the registry's version at the row's last change."""

from __future__ import annotations

import unicodedata
from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Projection, Put, Remove, RowChange, types_of
from access_policy.domain.access.events import ChargingStarted, SessionDecision
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import (
    AgreementAmended,
    AgreementEnded,
    AgreementRecorded,
    VehicleDescription,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleReinstated,
    VehicleRemoved,
    VehicleSuspended,
)

VEHICLES = "vehicles"
IDENTIFIERS = "vehicle_identifiers"
AGREEMENTS = "agreements"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    tenant_id = recorded.envelope.tenant_id
    match event:
        case AgreementRecorded(agreement=agreement) | AgreementAmended(agreement=agreement):
            key = {"tenant_id": tenant_id, "agreement_id": agreement.agreement_id}
            return [Put(AGREEMENTS, key, {**_agreement(agreement), "version": recorded.version})]
        case AgreementEnded():
            key = {"tenant_id": tenant_id, "agreement_id": event.agreement_id}
            return [Change(AGREEMENTS, key, {"ended_at": event.ended_at, "version": recorded.version})]
        case ChargingStarted():
            return _verified(tenant_id, event)
        case _:
            return _vehicle(recorded, {"tenant_id": tenant_id, "vehicle_id": event.vehicle_id})


def _verified(tenant_id: str, event: ChargingStarted) -> list[RowChange]:
    """Mark the identifier as verified at the first accepted start with it."""
    if event.identifier is None or event.decision is not SessionDecision.ALLOWED:
        return []
    ref = event.identifier
    unverified = {"tenant_id": tenant_id, "kind": ref.kind.value, "pseudonym": ref.pseudonym, "verified_at": None}
    return [Change(IDENTIFIERS, unverified, {"verified_at": event.started_at})]


def _vehicle(recorded: Recorded, key: dict[str, Any]) -> list[RowChange]:
    event = recorded.event
    version = {"version": recorded.version}
    match event:
        case VehicleRegistered(description=description) | VehicleReclassified(description=description):
            return [Put(VEHICLES, key, {**_description(description), **version})]
        case VehicleIdentifierAdded(identifier=identifier):
            ref = identifier.ref
            row = {**key, "kind": ref.kind.value, "pseudonym": ref.pseudonym}
            kept = {"masked": ref.masked, "sealed": identifier.sealed, "position": recorded.position}
            return [Put(IDENTIFIERS, row, kept), Change(VEHICLES, key, version)]
        case VehicleIdentifierRemoved(ref=ref):
            row = {**key, "kind": ref.kind.value, "pseudonym": ref.pseudonym}
            return [Remove(IDENTIFIERS, row), Change(VEHICLES, key, version)]
        case VehicleSuspended(reason=reason):
            return [Change(VEHICLES, key, {"suspended_because": reason, **version})]
        case VehicleReinstated():
            return [Change(VEHICLES, key, {"suspended_because": None, **version})]
        case VehicleRemoved():
            return [Remove(IDENTIFIERS, key), Remove(VEHICLES, key)]
        case _:
            raise TypeError(f"the vehicle directory does not fold {type(event).__name__}")


def folded(name: str) -> str:
    """Return the form in which names are compared: without letter case and compatibility forms."""
    return unicodedata.normalize("NFKC", name).casefold()


def _description(description: VehicleDescription) -> dict[str, Any]:
    return {
        "name": description.name,
        "name_folded": folded(description.name),
        "access_class": description.access_class.value,
        "agreement_id": description.agreement_id,
        "valid_from": description.valid_from,
        "valid_until": description.valid_until,
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "name": agreement.name,
        "fleet": agreement.fleet,
        "valid_from": agreement.valid_from,
        "valid_until": agreement.valid_until,
        "ended_at": agreement.ended_at,
        "charger_ids": sorted(agreement.charger_ids),
        "depot_ids": sorted(agreement.depot_ids),
        "identifier_kinds": sorted(agreement.identifier_kinds),
        "hours": [
            {"days": list(hours.days), "start": f"{hours.start:%H:%M:%S}", "end": f"{hours.end:%H:%M:%S}"}
            for hours in agreement.hours
        ],
    }


VEHICLE_DIRECTORY = Projection(
    "vehicle_directory",
    (VEHICLES, IDENTIFIERS, AGREEMENTS),
    types_of(
        VehicleRegistered,
        VehicleReclassified,
        VehicleIdentifierAdded,
        VehicleIdentifierRemoved,
        VehicleSuspended,
        VehicleReinstated,
        VehicleRemoved,
        AgreementRecorded,
        AgreementAmended,
        AgreementEnded,
        ChargingStarted,
    ),
    fold,
)
