"""The facts on which the status of a reservation is based, each with the instant from which it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.domain.ids import ChargerId, VehicleId
from access_policy.domain.mode_schedule.timeline import Override
from access_policy.domain.reservations.reservation import Holder
from access_policy.domain.vehicle_registry.registry import Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A charge at a charger. `ended_at` None: it is running. `energy_kwh` and `soc` (percent) are None if the charger
    has not reported them; `measured_at` is the instant of the reading."""

    attempt_id: str
    charger_id: ChargerId
    started_at: datetime
    vehicle_id: str | None = None
    pseudonym: str | None = None
    ended_at: datetime | None = None
    energy_kwh: float | None = None
    soc: float | None = None
    measured_at: datetime | None = None

    def is_by(self, holder: Holder) -> bool:
        if self.vehicle_id is not None and self.vehicle_id == holder.vehicle_id:
            return True
        return self.pseudonym is not None and self.pseudonym in {each.ref.pseudonym for each in holder.identifiers}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerFacts:
    """`is_in_mode` False: the charger was seen in a mode other than the expected one, or could not be switched.
    `openings` are the overrides that open it to everyone. `lets_finish`: a charge may continue into a managed window.
    `known_at`: for a charger that is not connected, the instant of its disconnection."""

    charger_id: ChargerId
    known_at: datetime | None
    is_retired: bool = False
    is_faulted: bool = False
    is_reachable: bool = True
    is_in_mode: bool = True
    lets_finish: bool = False
    openings: tuple[Override, ...] = ()
    running: tuple[Charge, ...] = ()

    @property
    def is_usable(self) -> bool:
        return self.is_reachable and not (self.is_retired or self.is_faulted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts about one reservation. `chargers` are the named charger or those of the group. `charge` is the one of
    the recorded start. `promised` is the number of the group's promises that hold at the start of the window, including
    this one. `vehicles` are the holder's, by id; None for a vehicle that is not in the registry."""

    chargers: Mapping[ChargerId, ChargerFacts] = field(default_factory=dict)
    vehicles: Mapping[VehicleId, Vehicle | None] = field(default_factory=dict)
    promised: int = 1
    charge: Charge | None = None
