"""The public forms of the stored events of vehicles and agreements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from access_policy.application.published_events import registry
from access_policy.application.published_events.plain_parts import alike, known_identifier
from access_policy.domain.notices import notices
from access_policy.domain.vehicle_registry import events as vehicles
from access_policy.domain.vehicle_registry.agreements import Agreement


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


PUBLISHED: Final[Mapping[type, Callable[[Any], Any]]] = {
    vehicles.VehicleRegistered: lambda event: registry.VehicleRegistered(
        vehicle_id=event.vehicle_id, **_description(event.description)
    ),
    vehicles.VehicleReclassified: lambda event: registry.VehicleReclassified(
        vehicle_id=event.vehicle_id, **_description(event.description)
    ),
    vehicles.VehicleIdentifierAdded: lambda event: registry.VehicleIdentifierAdded(
        vehicle_id=event.vehicle_id, identifier=known_identifier(event.identifier.ref)
    ),
    vehicles.VehicleIdentifierRemoved: lambda event: registry.VehicleIdentifierRemoved(
        vehicle_id=event.vehicle_id, identifier=known_identifier(event.ref)
    ),
    vehicles.VehicleSuspended: alike(registry.VehicleSuspended, "vehicle_id"),
    vehicles.VehicleReinstated: alike(registry.VehicleReinstated, "vehicle_id"),
    vehicles.VehicleRemoved: alike(registry.VehicleRemoved, "vehicle_id"),
    vehicles.AgreementRecorded: lambda event: registry.AgreementRecorded(agreement=_agreement(event.agreement)),
    vehicles.AgreementAmended: lambda event: registry.AgreementAmended(agreement=_agreement(event.agreement)),
    vehicles.AgreementEnded: alike(registry.AgreementEnded, "agreement_id", "ended_at"),
    notices.AgreementEndsSoon: alike(registry.AgreementEndsSoon, "agreement_id", "ends_at", "noted_at"),
    vehicles.RegistryImportApplied: alike(
        registry.RegistryImportApplied,
        *("plan_id", "mode", "added", "changed", "removed", "unchanged", "left_out"),
    ),
}
