"""The subjects that the live stream shows, and which events change them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, get_args

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.access_log import ACCESS_LOG
from access_policy.application.projections.changes import types_of
from access_policy.application.projections.charger_status import CHARGER_STATUS
from access_policy.application.projections.mode_changes import MODE_CHANGES
from access_policy.application.projections.reservations import RESERVATIONS
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    EntranceAllowed,
    EntranceDenied,
)
from access_policy.domain.charger_condition.events import ConnectorFaulted
from access_policy.domain.notices.notices import ChargerUnreachableAtTransition
from access_policy.domain.reservations.events import ReservationChanged, ReservationMade
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.vehicle_registry.events import (
    RegistryImportApplied,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleRemoved,
)


class Kind(StrEnum):
    """The name of a message in the stream."""

    ATTEMPT = "attempt"
    MODE_CHANGE = "mode_change"
    CHARGER = "charger"
    IMPORT = "import"
    RESERVATION = "reservation"
    ENERGY = "energy"


@dataclass(frozen=True, slots=True)
class Subject:
    """`id` is the id of the attempt, the charger, the import plan, the reservation or the depot whose energy it is;
    `generation` counts the mode changes of the charger."""

    kind: Kind
    id: str
    generation: int = 0


IMPORTED: Final = types_of(
    VehicleRegistered, VehicleReclassified, VehicleIdentifierAdded, VehicleIdentifierRemoved, VehicleRemoved
)
NOTICES: Final = types_of(ChargerUnreachableAtTransition)  # a transition that no other event shows
SESSIONS: Final = types_of(ChargingStarted, ChargingEnded)
OF_ENERGY: Final = types_of(*get_args(SiteEnergyEvent))
TYPES: Final = (
    ACCESS_LOG.types
    | CHARGER_STATUS.types
    | MODE_CHANGES.types
    | RESERVATIONS.types
    | OF_ENERGY
    | IMPORTED
    | NOTICES
    | types_of(RegistryImportApplied)
)


def subjects_of(recorded: Recorded) -> list[Subject]:
    """Return the subjects whose state this event, of `TYPES`, changes. A vehicle that an import changes counts as
    progress of the import, whose plan caused the event."""
    event = recorded.event
    name = type(event).TYPE
    if isinstance(event, RegistryImportApplied):
        return [Subject(Kind.IMPORT, event.plan_id)]
    if name in OF_ENERGY:
        return [Subject(Kind.ENERGY, event.depot_id)]
    if name in RESERVATIONS.types:
        return [Subject(Kind.RESERVATION, _reservation_of(event))]
    if name in IMPORTED:
        plan_id = recorded.envelope.causation_id
        return [] if plan_id is None else [Subject(Kind.IMPORT, plan_id)]
    found = []
    if name in ACCESS_LOG.types and (attempt_id := _attempt_of(event)) is not None:
        found.append(Subject(Kind.ATTEMPT, attempt_id))
    if name in CHARGER_STATUS.types or name in SESSIONS or name in NOTICES:
        found.append(Subject(Kind.CHARGER, event.charger_id))
    if name in MODE_CHANGES.types:
        found.append(Subject(Kind.MODE_CHANGE, event.charger_id, event.generation))
    return found


def _reservation_of(event: Any) -> str:
    if isinstance(event, ReservationMade | ReservationChanged):
        return event.reservation.reservation_id
    reservation_id: str = event.reservation_id
    return reservation_id


def _attempt_of(event: object) -> str | None:
    match event:
        case AccessAllowed() | AccessDenied() | EntranceAllowed() | EntranceDenied():
            return event.lineage.attempt_id
        case ConnectorFaulted():
            return event.caused_by
        case _:
            attempt_id: str = event.attempt_id  # type: ignore[attr-defined]
            return attempt_id
