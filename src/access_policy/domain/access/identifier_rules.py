"""The meaning of an identifier of a kind at a depot: whether it identifies a vehicle, may be a PIN, or is exclusive."""

from __future__ import annotations

from access_policy.domain.depots.depot import EXCLUSIVE_KINDS, Depot
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.registry import VehicleRegistry


def kind_counts(kind: IdentifierKind, depot: Depot | None, agreement: Agreement | None) -> bool:
    """Whether an identifier of this kind identifies a vehicle at the depot and for the vehicle's agreement, if it has one."""
    here = depot is None or not depot.settings.identifier_kinds or kind in depot.settings.identifier_kinds
    return here and (agreement is None or agreement.counts(kind))


def uses_pins(depot: Depot | None, registry: VehicleRegistry) -> bool:
    """Whether drivers type PINs at the depot: its settings name the kind, or name no kind while a vehicle has a PIN."""
    kinds = frozenset() if depot is None else depot.settings.identifier_kinds
    return IdentifierKind.PIN in kinds or (not kinds and registry.uses_pins())


def is_exclusive(kind: IdentifierKind, depot: Depot | None) -> bool:
    """Whether an identifier of this kind may charge at only one charger at a time."""
    return kind in (EXCLUSIVE_KINDS if depot is None else depot.settings.exclusive_kinds)
