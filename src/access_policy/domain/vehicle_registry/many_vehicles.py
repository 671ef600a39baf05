"""Putting many vehicles at once: an identifier may move from one vehicle to another.

A moving identifier stays with its holder until the other vehicle is put; the same tuple of events releases and adds
it. A caller that appends the tuple atomically leaves no instant without a holder, in any order and in any number of
parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import VehicleId, checked_new_id
from access_policy.domain.vehicle_registry.errors import IdentifierTaken
from access_policy.domain.vehicle_registry.events import (
    RegistryEvent,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleRemoved,
)
from access_policy.domain.vehicle_registry.registry import IdentifierKey, VehicleRegistry

Moves = Mapping[IdentifierKey, VehicleId]  # identifiers that move from one vehicle to another, and to which


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedVehicle:
    """The target state of a vehicle: this description and exactly these identifiers; without a description it is to be
    removed.
    """

    vehicle_id: VehicleId
    description: VehicleDescription | None
    identifiers: tuple[VehicleIdentifier, ...] = ()


def put_vehicles(registry: VehicleRegistry, wanted: Iterable[WantedVehicle], moves: Moves) -> tuple[RegistryEvent, ...]:
    """Return the events that give all vehicles these descriptions, in order; an unchanged vehicle produces no event.

    An identifier of another vehicle moves only if `moves` says so; the caller puts both vehicles, in one call or in
    several, and removes vehicles last. Otherwise raises `IdentifierTaken`, and the errors of `check_description`.
    """
    steps = _Steps(registry, moves)
    for each in wanted:
        steps.put(each)
    return tuple(steps.events)


class _Steps:
    """The events so far, and the identifiers that they add or release."""

    def __init__(self, registry: VehicleRegistry, moves: Moves) -> None:
        self.events: list[RegistryEvent] = []
        self._registry = registry
        self._moves = moves
        self._holders: dict[IdentifierKey, VehicleId | None] = {}

    def put(self, wanted: WantedVehicle) -> None:
        if wanted.description is None:
            self._remove(wanted.vehicle_id)
            return
        self._registry.check_description(wanted.description)
        self._describe(wanted.vehicle_id, wanted.description)
        keys = {_key(identifier.ref) for identifier in wanted.identifiers}
        for ref in self._held_by(wanted.vehicle_id):
            if _key(ref) not in keys and _key(ref) not in self._moves:
                self._release(wanted.vehicle_id, ref)
        for identifier in wanted.identifiers:
            self._take(wanted.vehicle_id, identifier)

    def _describe(self, vehicle_id: VehicleId, description: VehicleDescription) -> None:
        current = self._registry.vehicles.get(vehicle_id)
        if current is None:
            checked_new_id(vehicle_id, "vehicle_id")
            self.events.append(VehicleRegistered(vehicle_id=vehicle_id, description=description))
        elif current.description != description:
            self.events.append(VehicleReclassified(vehicle_id=vehicle_id, description=description))

    def _take(self, vehicle_id: VehicleId, identifier: VehicleIdentifier) -> None:
        key = _key(identifier.ref)
        holder = self._holder(key)
        if holder == vehicle_id:
            return
        if holder is not None:
            if self._moves.get(key) != vehicle_id:
                raise IdentifierTaken(holder, identifier.ref.masked, pointer="/identifiers")
            self._release(holder, identifier.ref)
        self._holders[key] = vehicle_id
        self.events.append(VehicleIdentifierAdded(vehicle_id=vehicle_id, identifier=identifier))

    def _release(self, vehicle_id: VehicleId, ref: IdentifierRef) -> None:
        self._holders[_key(ref)] = None
        self.events.append(VehicleIdentifierRemoved(vehicle_id=vehicle_id, ref=ref))

    def _remove(self, vehicle_id: VehicleId) -> None:
        if vehicle_id not in self._registry.vehicles:
            return
        for ref in self._held_by(vehicle_id):
            self._holders[_key(ref)] = None
        self.events.append(VehicleRemoved(vehicle_id=vehicle_id))

    def _held_by(self, vehicle_id: VehicleId) -> list[IdentifierRef]:
        current = self._registry.vehicles.get(vehicle_id)
        refs = () if current is None else current.identifiers
        return [ref for ref in refs if self._holder(_key(ref)) == vehicle_id]

    def _holder(self, key: IdentifierKey) -> VehicleId | None:
        return self._holders[key] if key in self._holders else self._registry.holders.get(key)


def _key(ref: IdentifierRef) -> IdentifierKey:
    return (ref.kind, ref.pseudonym)
